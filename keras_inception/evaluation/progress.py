"""The progress bar of an evaluation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm


def progress_bar(total: int | None, title: str, done: int = 0, shown: bool = True) -> tqdm:
    """Makes a tqdm bar on stderr that counts pictures.

    Args:
        total: number of pictures; `None` if it is unknown.
        title: text in front of the bar.
        done: number of pictures that are done already.
        shown: `False` makes a bar that prints nothing.
    """
    from tqdm import tqdm

    return tqdm(
        total=total,
        initial=done,
        desc=title,
        unit=" images",
        # A log file gets a line now and then instead of a bar that moves.
        mininterval=0.1 if sys.stderr.isatty() else 10,
        disable=not shown,
    )
