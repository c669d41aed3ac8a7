"""Pictures that show a quantizer which numbers a network meets."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

from keras_inception.data import pipeline, preprocessing

COUNT = 100  # pictures by default; our choice, TensorFlow's guide says "a few hundred" at most
_SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp"}
_SPREAD = 20  # a data set is read at most this many times as far as pictures are taken


def pictures(
    representative: str | os.PathLike | Iterable[np.ndarray],
    count: int = COUNT,
    data_dir: str | None = None,
) -> list[np.ndarray]:
    """Returns decoded pictures to calibrate with, uint8 (height, width, 3) of any sizes.

    Args:
        representative: a folder of pictures, however deep; the name of a data set
            (`photo_patches`, `folder:PATH`, or one of tensorflow-datasets), whose training split is
            used if it has one; or arrays (height, width, 3) in [0, 255].
        count: the most that are returned. They are the first of the arrays, and spread over a
            folder or a data set.
        data_dir: where tensorflow-datasets keeps its data.

    Raises:
        ValueError: there are no pictures, or one cannot be used.
    """
    if isinstance(representative, (str, os.PathLike)):
        folder = pathlib.Path(representative).expanduser()
        encoded = _of_folder(folder, count) if folder.is_dir() else None
        if encoded is None:
            encoded = _of_data_set(str(representative), count, data_dir)
        found = [_decoded(name, content) for name, content in encoded]
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


def _of_folder(folder, count):
    files = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file()
    )
    taken = min(count, len(files))
    chosen = [files[i * len(files) // taken] for i in range(taken)]
    return [(path, path.read_bytes()) for path in chosen]


def _of_data_set(name, count, data_dir):
    splits = pipeline.dataset_info(name, data_dir).examples
    split = "train" if "train" in splits else next(iter(splits))
    every = min(max(1, splits[split] // count), _SPREAD)
    examples = pipeline.encoded_examples(name, split, data_dir).shard(every, 0).take(count)
    return [(f"a picture of {name}", encoded) for encoded, _ in examples]


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
