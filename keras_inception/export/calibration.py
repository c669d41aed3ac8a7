"""Calibration pictures, which show a quantizer the range of a network's values."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

from keras_inception.data import Dataset, as_dataset, preprocessing
from keras_inception.data.sources import open_source
from keras_inception.types import PathLike

Representative = Dataset | PathLike | Iterable[np.ndarray]
COUNT = 100  # pictures by default; our choice, TensorFlow's guide says "a few hundred" at most
_SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp"}
_SPREAD = 20  # of a data set, at most this many times as many pictures are read as are returned


def opened(representative: Representative, data_dir: str | None = None) -> Representative:
    """Opens the data set if `representative` is the name of one; returns anything else as it is.

    Args:
        representative: as for `pictures`.
        data_dir: folder in which tensorflow-datasets keeps its data; `None` is its default.

    Raises:
        ValueError: there is no such folder or data set.
    """
    if not isinstance(representative, (str, os.PathLike)) or _folder(representative).is_dir():
        return representative
    source = open_source(os.fspath(representative), data_dir, labelled=True)
    splits = list(source.info.examples)
    return Dataset(source, "train" if "train" in splits else splits[0])


def pictures(representative: Representative, count: int = COUNT) -> list[np.ndarray]:
    """Returns decoded pictures to calibrate with, uint8 (height, width, 3) of any sizes.

    Args:
        representative: a `Dataset`; the name of one, whose training split is used if it has one; a
            folder of pictures, however deep; or arrays (height, width, 3) in [0, 255].
        count: the most that are returned. They are the first of the arrays, and spread over a
            folder or a data set.

    Raises:
        ValueError: there are no pictures, or one cannot be used.
    """
    representative = opened(representative)
    if isinstance(representative, (Dataset, tf.data.Dataset)):
        representative = as_dataset(representative)
        found = [_decoded(*named) for named in _of_data_set(representative, count)]
    elif isinstance(representative, (str, os.PathLike)):
        found = [_decoded(*named) for named in _of_folder(_folder(representative), count)]
    else:
        found = [_checked(picture) for picture, _ in zip(representative, range(count))]
    if not found:
        raise ValueError(f"representative={representative!r} has no pictures")
    return found


def views(found: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Yields what the network sees of each picture, float32 (1, size, size, 3) in [-1, 1].

    Two pixels of the first picture are made black and white, so that the quantizer's numbers for
    the input span [-1, 1]. The numbers of an 8-bit input are then the pixels themselves, as phones
    feed them.
    """
    for i, picture in enumerate(found):
        view = preprocessing.evaluation_view(tf.constant(picture), size).numpy()
        if i == 0:
            view[0, 0], view[-1, -1] = -1.0, 1.0
        yield view[np.newaxis]


def _folder(path):
    return pathlib.Path(path).expanduser()


def _of_folder(folder, count):
    """Returns (path, encoded bytes) of files that are spread over a folder."""
    files = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file()
    )
    taken = min(count, len(files))
    chosen = [files[i * len(files) // taken] for i in range(taken)]
    return [(path, path.read_bytes()) for path in chosen]


def _of_data_set(dataset, count):
    """Returns (name for errors, encoded bytes) of pictures that are spread over a data set."""
    every = min(max(1, len(dataset) // count), _SPREAD)
    examples = dataset.encoded().shard(every, 0).take(count)
    return [(f"a picture of {dataset}", encoded) for encoded, _ in examples]


def _decoded(name, encoded):
    try:
        return preprocessing.decode_image(encoded).numpy()
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ValueError(f"{name} cannot be calibrated with: {reason}") from error


def _checked(picture):
    picture = np.asarray(picture)
    if picture.ndim != 3 or picture.shape[-1] != 3 or 0 in picture.shape:
        raise ValueError(
            f"representative has a picture of shape {picture.shape}; it must be (height, width, 3)"
        )
    if not np.isfinite(picture).all() or picture.min() < 0 or picture.max() > 255:
        raise ValueError("representative has pixels outside of [0, 255]")
    if picture.dtype != np.uint8 and picture.max() <= 1:
        raise ValueError("representative has pixels of at most 1; they must be in [0, 255]")
    return np.rint(picture).astype("uint8")
