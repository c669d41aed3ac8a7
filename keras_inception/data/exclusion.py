"""Reads lists of pictures to leave out, as numbers in the order of the data set.

They exist for ImageNet: 1,762 of its 50,000 validation pictures have bounding boxes of poor
quality, and the development kits of ILSVRC 2014 to 2017 list their numbers in
`data/ILSVRC2014_clsloc_validation_blacklist.txt`. 1512.00567 (Table 4) and the single-crop figures
of 1602.07261 (Table 2) are for the other 48,238.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from keras_inception.types import PathLike


def excluded_numbers(
    path: PathLike, names: Sequence[str] | None, total: int, source: str
) -> tuple[int, ...]:
    """Reads a list of pictures; returns their sorted numbers, from 0 in the order on disk.

    A line is the name of a picture's file, with or without its folder or suffix, or a number. If
    the data set keeps file names, the number is the one at the end of a name: 7 stands for
    `ILSVRC2012_val_00000007.JPEG`, wherever that lies in the data set. If it keeps none, the number
    is the picture's place on disk, counted from 0. Empty lines are ignored.

    Args:
        path: path of the list, in UTF-8.
        names: the file name of each picture, or `None` if the data set keeps none.
        total: number of pictures.
        source: what error messages call the data set.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line fits no picture or several pictures, or the file is not a text file.
    """
    lines = _read(path)
    if names is None:
        names = [str(i) for i in range(total)]
        kept = f"{source} keeps no file names: expected numbers from 0 to {total - 1}"
    else:
        kept = f"{source} has file names such as {names[0]}"
    places = _places(names)
    numbers: set[int] = set()
    for line in lines:
        found = places.get(str(int(line)) if line.isdecimal() else line, set())
        if len(found) != 1:
            fitting = f"{len(found)} pictures" if found else "no picture"
            raise ValueError(f"{path}: {line!r} fits {fitting}; {kept}")
        numbers |= found
    return tuple(sorted(numbers))


def checked(pictures: Iterable[int]) -> tuple[int, ...]:
    """Returns the sorted numbers of the pictures to leave out.

    Raises:
        ValueError: `pictures` is not numbers; a mask, one boolean per picture, is not either.
    """
    numbers = list(pictures) if isinstance(pictures, Iterable) else [pictures]
    wrong = [n for n in numbers if isinstance(n, bool) or not isinstance(n, (int, np.integer))]
    if wrong or not isinstance(pictures, Iterable):
        raise ValueError(
            "pictures to leave out must be several whole numbers, from 0 in the order on disk, or "
            f"the path of a file that lists them, not {[*wrong, pictures][0]!r}"
        )
    return tuple(sorted({int(number) for number in numbers}))


def _read(path):
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8-sig")
    except IsADirectoryError as error:
        raise ValueError(f"{path} is a folder, not a list of pictures") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file: expected one picture per line") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _places(names: Sequence[str]) -> dict[str, set[int]]:
    """Maps each text that a line may hold to the numbers of the pictures that it fits."""
    places: dict[str, set[int]] = {}
    for place, name in enumerate(names):
        path = pathlib.PurePosixPath(name)
        keys = {name, path.name, path.stem}
        if number := re.search(r"\d+$", path.stem):
            keys.add(str(int(number[0])))
        for key in keys:
            places.setdefault(key, set()).add(place)
    return places
