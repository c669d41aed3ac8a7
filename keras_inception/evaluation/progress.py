"""The progress bar of an evaluation."""

import sys


def progress_bar(total, what, done=0, shown=True):
    """A tqdm bar on stderr that counts pictures, `done` of `total` at the beginning."""
    from tqdm import tqdm

    return tqdm(
        total=total,
        initial=done,
        desc=what,
        unit=" images",
        # A log file gets a line now and then instead of a bar that moves.
        mininterval=0.1 if sys.stderr.isatty() else 10,
        disable=not shown,
    )
