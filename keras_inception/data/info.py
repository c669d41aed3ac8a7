"""The facts about a data set that are known before its pictures are read."""

from __future__ import annotations

from dataclasses import dataclass

NO_LABEL = -1  # the label of pictures without classes


@dataclass(frozen=True)
class DatasetInfo:
    """The name, class names and split sizes of a data set.

    Attributes:
        name: the name that it was opened by.
        class_names: names in the order of the labels; empty if the pictures have no classes.
        examples: number of examples in each split.
    """

    name: str
    class_names: tuple[str, ...]
    examples: dict[str, int]
