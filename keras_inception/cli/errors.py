"""Errors as the command line shows them: one line on stderr, after the program's name."""

import sys

PROGRAM = "keras-inception"


class UsageError(Exception):
    """A mistake on the command line that no flag's own check can find. Exit status 2."""


def print_error(error):
    """Prints an exception, or a text, as one line on stderr."""
    text = str(error).replace("overwrite=True", "--overwrite")
    reason = " ".join(text.split()) or type(error).__name__
    print(f"{PROGRAM}: {reason}", file=sys.stderr)
