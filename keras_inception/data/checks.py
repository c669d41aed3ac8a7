"""Checks of the numbers that methods of `Dataset` are given."""

from __future__ import annotations

import numbers


def check_sizes(size: int, batch_size: int) -> None:
    """Raises ValueError if one of them is not a whole number of at least 1."""
    if not all(isinstance(n, numbers.Integral) and n >= 1 for n in (size, batch_size)):
        raise ValueError(
            "size and batch_size must be whole numbers of at least 1, not "
            f"size={size}, batch_size={batch_size}."
        )


def check_start(start: int, argument: str) -> None:
    """Raises ValueError if `start` is not a whole number of at least 0."""
    if not isinstance(start, numbers.Integral) or start < 0:
        raise ValueError(f"{argument} must be a whole number of at least 0, not {start!r}.")


def check_count_of_pictures(count: int) -> None:
    """Raises ValueError if `count` is not a whole number of at least 1."""
    if not isinstance(count, numbers.Integral) or count < 1:
        raise ValueError(f"count must be a whole number of at least 1, not {count!r}.")
