"""Old names that still work for one release. Each says its new name once, as a `FutureWarning`."""

from __future__ import annotations

import functools
import importlib
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
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
    return _accepting([((old,), new, _renaming(old, new)) for old, new in new_names.items()])


def replaced_argument(
    old: str, new: str, convert: Callable[[dict[str, Any], Any], None]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator that accepts one old keyword argument that no single new one replaces.

    Args:
        old: the keyword that the function no longer has.
        new: what to write instead, for the warning.
        convert: is called with the other arguments by name, which it changes, and the old value.
    """
    return replaced_arguments((old,), new, lambda arguments, given: convert(arguments, given[old]))


def replaced_arguments(
    old: Sequence[str], new: str, convert: Callable[[dict[str, Any], dict[str, Any]], None]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator that accepts old keyword arguments that one new one replaces, with one warning.

    Args:
        old: the keywords that the function no longer has.
        new: what to write instead, for the warning.
        convert: is called with the other arguments by name, which it changes, and those old ones
            that were given, by name.
    """
    return _accepting([(tuple(old), new, convert)])


def joined_arguments(**joined: tuple[str, ...]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator that accepts old calls with several arguments in place of one tuple.

    With `joined_arguments(size=("rows", "columns"))`, `f(x, 3, 4)` means `f(x, (3, 4))`.

    Args:
        joined: each new argument, and the old ones that its tuple holds, in order.
    """

    def decorate(function):
        old_signature = _split_apart(inspect.signature(function), joined)
        first = next(iter(joined.values()))[0]
        now = ", ".join(f"{new}=({', '.join(old)})" for new, old in joined.items())

        @functools.wraps(function)
        def accepting(*args, **kwargs):
            given = {**dict(zip(old_signature.parameters, args)), **kwargs}
            if isinstance(given.get(first, ()), (tuple, list)):  # a tuple, or no such argument
                return function(*args, **kwargs)
            arguments = old_signature.bind(*args, **kwargs).arguments
            say_renamed(f"{function.__name__}({', '.join(sum(joined.values(), ()))})", now)
            for new, old in joined.items():
                arguments[new] = tuple(arguments.pop(name) for name in old)
            return function(**arguments)

        return accepting

    return decorate


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


def _renaming(old, new):
    def convert(arguments, given):
        if new in arguments:
            raise TypeError(f"{new} is given twice, once by its old name")
        arguments[new] = given[old]

    return convert


def _split_apart(signature, joined):
    """Returns the signature of the time when several arguments stood in place of each tuple."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = []
    for name, parameter in signature.parameters.items():
        old = [inspect.Parameter(old_name, kind) for old_name in joined.get(name, ())]
        parameters.extend(old or [parameter])
    return signature.replace(parameters=parameters)


def _accepting(replacements):
    """Decorator for a list of (old names, what to write instead, convert)."""

    def decorate(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def accepting(*args, **kwargs):
            found = []
            for names, new, convert in replacements:
                given = {name: kwargs.pop(name) for name in names if name in kwargs}
                if given:
                    found.append((given, new, convert))
            if not found:
                return function(*args, **kwargs)
            # Unknown arguments are left to the function, or to a decorator below this one.
            unknown = {name: kwargs.pop(name) for name in {*kwargs} - {*signature.parameters}}
            arguments = dict(signature.bind_partial(*args, **kwargs).arguments)
            for given, new, convert in found:
                say_renamed(f"{function.__name__}({_keywords(given)})", new)
                convert(arguments, given)
            return function(**arguments, **unknown)

        return accepting

    return decorate


def _keywords(names):
    return ", ".join(f"{name}=..." for name in names)
