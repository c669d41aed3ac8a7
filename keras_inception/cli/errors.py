"""Errors as the command line shows them: one line on stderr, after the program's name."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

PROGRAM = "keras-inception"
# Arguments of Python functions whose flag has another name.
_FLAGS = {
    "dataset": "data",
    "labels": "class_names",
    "state_dir": "output",
    "top_k": "top",
    "workdir": "output",
}
# Advice that no shell user can take.
_PYTHON_ALONE = re.compile(r"[;,] (or )?weights=None[^;.]*")
# NAME=VALUE on its own: not a part of a call, of a path or of an address.
_ARGUMENT = re.compile(
    r"""(?:(?<!\S)|(?<=\s\())(?P<name>[a-z]\w*)=(?P<value>'[^']*'|"[^"]*"|[\w.+-]*\w)(?=[\s,;:.)]|$)"""
)


class UsageError(Exception):
    """A mistake on the command line that no flag's own check can find. Exit status 2."""


def print_error(error: object) -> None:
    """Prints an exception, or a text, as one line on stderr."""
    reason = " ".join(str(error).split()) or type(error).__name__
    print(f"{PROGRAM}: {reason}", file=sys.stderr)


def in_flags(text: str, names: Iterable[str]) -> str:
    """Writes the Python arguments in an error's text as the flags that a shell user knows.

    >>> in_flags("x.h5 exists; overwrite=True replaces it", ["overwrite"])
    'x.h5 exists; --overwrite replaces it'

    Args:
        text: what a function of the package says, with arguments as `name=value`.
        names: the command's flags; arguments that have no flag stay as they are.
    """
    known = set(names)

    def flag(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        if name == "weights" and name not in known:
            return f"{PROGRAM} convert --weights={value}"
        name = name if name in known else _FLAGS.get(name, "")
        if name not in known:
            return found[0]
        if value in ("True", "False"):
            return f"--{name}" if value == "True" else f"--no{name}"
        return f"--{name}={value.strip(chr(39) + chr(34))}"

    return _ARGUMENT.sub(flag, _PYTHON_ALONE.sub("", text))
