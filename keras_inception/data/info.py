"""What is to be known of a data set before its pictures are read."""

from __future__ import annotations

from dataclasses import dataclass

NO_LABEL = -1  # of pictures without classes


@dataclass(frozen=True)
class DatasetInfo:
    """Name, classes and sizes of a data set."""

    name: str
    class_names: tuple[str, ...]
    examples: dict[str, int]  # split: number of examples
