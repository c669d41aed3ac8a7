"""Lists of pictures to leave out of an evaluation, as numbers in the order of the data set.

The example they are for is ImageNet's: of the 50,000 validation pictures 1,762 have bounding boxes
of poor quality, and the development kits of ILSVRC 2014 to 2017 number them in
`data/ILSVRC2014_clsloc_validation_blacklist.txt`. 1512.00567 (Table 4) and the single-crop figures
of 1602.07261 (Table 2) are for the other 48,238.
"""

import pathlib
import re

from keras_inception.data import pipeline


def excluded_examples(path, dataset, split, data_dir=None):
    """The examples that a list leaves out, as a sorted tuple of numbers counted from 0.

    A line of the file is the name of a picture's file, with or without its folder or ending, or a
    number. Where the data set keeps file names, a number is the one that ends the name: 7 is
    `ILSVRC2012_val_00000007.JPEG`, wherever that lies in the data set. Where it keeps none, a
    number is an example's place on disk, counted from 0. Empty lines do not count.

    Raises:
        ValueError: a line fits no picture, or several, or the file is no list.
    """
    lines = _read(path)
    total = pipeline.count_examples(dataset, split, data_dir)
    names = pipeline.example_names(dataset, split, data_dir)
    if names is None:
        names = [str(i) for i in range(total)]
        kept = f"{dataset} keeps no file names: numbers from 0 to {total - 1} are wanted"
    else:
        kept = f"{dataset} has file names such as {names[0]}"
    places = _places(names)
    numbers = set()
    for line in lines:
        found = places.get(str(int(line)) if line.isdecimal() else line, set())
        if len(found) != 1:
            what = "no picture" if not found else f"{len(found)} pictures"
            raise ValueError(f"{path}: {line!r} fits {what} of the split {split}; {kept}")
        numbers |= found
    return tuple(sorted(numbers))


def _read(path):
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text file: one picture a line is wanted") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _places(names):
    """What a line may say -> the numbers of the examples that it fits."""
    places = {}
    for place, name in enumerate(names):
        path = pathlib.PurePosixPath(name)
        keys = {name, path.name, path.stem}
        if number := re.search(r"\d+$", path.stem):
            keys.add(str(int(number[0])))
        for key in keys:
            places.setdefault(key, set()).add(place)
    return places
