"""Old names that still work for one release. Each says its new name once, as a `FutureWarning`."""

from __future__ import annotations

import functools
import importlib
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
_said: set[str] = set()


def say_renamed(old: str, new: str, stacklevel: int = 3) -> None:
    """Warns that `old` is now `new`, once a process for each `old`."""
    if old not in _said:
        _said.add(old)
        text = f"{old} is now {new}; the old name works until the next release"
        warnings.warn(text, FutureWarning, stacklevel=stacklevel)


def renamed_arguments(**new_names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator that accepts old keyword arguments: `renamed_arguments(labels="class_names")`."""
    converters = {old: (new, _renaming(new)) for old, new in new_names.items()}
    return _accepting(converters)


def replaced_argument(
    old: str, new: str, convert: Callable[[dict[str, Any], Any], None]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator that accepts one old keyword argument that no single new one replaces.

    Args:
        old: the keyword that the function no longer has.
        new: what to write instead, for the warning.
        convert: is called with the other arguments by name, which it changes, and the old value.
    """
    return _accepting({old: (new, convert)})


def renamed_attributes(module: str, new_names: Mapping[str, str]) -> Callable[[str], Any]:
    """Makes a module's `__getattr__`, which finds old names where they are now.

    Args:
        module: full name of the module that had them.
        new_names: each old name, and its new full name ("keras_inception.weights.load").
    """

    def find(name: str) -> Any:
        if name not in new_names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        new = new_names[name]
        say_renamed(f"{module}.{name}", new)
        home, _, attribute = new.rpartition(".")
        return getattr(importlib.import_module(home), attribute)

    return find


def _renaming(new):
    def convert(arguments, value):
        if new in arguments:
            raise TypeError(f"{new} is given twice, once by its old name")
        arguments[new] = value

    return convert


def _accepting(converters):
    def decorate(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def accepting(*args, **kwargs):
            old = {name: kwargs.pop(name) for name in converters if name in kwargs}
            if not old:
                return function(*args, **kwargs)
            arguments = dict(signature.bind_partial(*args, **kwargs).arguments)
            for name, value in old.items():
                new, convert = converters[name]
                say_renamed(f"{function.__name__}({name}=...)", new)
                convert(arguments, value)
            return function(**arguments)

        return accepting

    return decorate
