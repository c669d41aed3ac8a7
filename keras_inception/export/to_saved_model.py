"""`saved_model`: writes a network as a SavedModel that takes pictures and answers with class names.

Decoding, the evaluation view and the class names are inside, so a server needs nothing else. The
height and the width of the pictures are free.

| signature | input | outputs |
| --- | --- | --- |
| `serving_default` | `images`: float32 (batch, height, width, 3) in [0, 255] | the first three |
| `serve_uint8` | `images`: the same as uint8, a quarter of the bytes | the first three |
| `serve_bytes` | `image_bytes`: (batch,) strings, JPEG, PNG, GIF, BMP or WebP | all |
| `preprocessed` | `crops`: float32 (batch, size, size, 3) in [-1, 1] | `probabilities` |

The outputs are

- `probabilities` (batch, classes);
- `classes` (batch, top_k): the names of the likeliest classes as strings, best first;
- `scores` (batch, top_k): their probabilities;
- `status` (batch,), only if the SavedModel is `lenient`: an empty string, or what is wrong with
  that picture.

`preprocessed` is for evaluation over several crops, which are cut outside.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from keras_inception.export import parity, signatures, warm_up
from keras_inception.export.encoded import MEGAPIXELS
from keras_inception.export.prepared import prepare
from keras_inception.files import refuse_existing, replacing
from keras_inception.renamed import renamed_arguments
from keras_inception.types import PathLike

PRECISIONS = ("float32", "bfloat16")


@renamed_arguments(labels="class_names")
def saved_model(
    model: keras.Model,
    path: PathLike,
    class_names: Iterable[object] | None = None,
    top_k: int = 5,
    precision: str = "float32",
    *,
    frozen: bool = True,
    lenient: bool = False,
    megapixels: float = MEGAPIXELS,
    overwrite: bool = False,
) -> parity.Parity:
    """Writes `model` as a SavedModel folder, runs it, and compares it with `model`.

    Args:
        model: a functional Keras model: one input (batch, size, size, 3) in [-1, 1], one softmax
            output. Auxiliary outputs are left out. What is written is its inference form
            (`optimize`).
        path: the folder.
        class_names: one a class; by default their numbers.
        top_k: how many classes `classes` and `scores` hold. If the model has fewer, they hold all.
        precision: `float32`; or `bfloat16`, which is half the size, and faster if the processor
            multiplies such numbers (AVX-512 BF16, AMX).
        frozen: whether the weights are constants of the graph, which is faster. Otherwise they are
            variables, which another program can read.
        lenient: whether a picture that cannot be read, or is too large, gets a `status` (and
            probabilities of zero) in its row. Otherwise it is an error for the whole request.
        megapixels: the largest picture that is decoded, above 0 and below 1e9.
        overwrite: whether a SavedModel at `path` is replaced, once the new one is complete and
            checked. Otherwise an existing one is an error.

    Returns:
        How the SavedModel compares with the Keras model.

    Raises:
        FileExistsError: something exists at `path`, and `overwrite` is false.
        ValueError: the model, the class names or another argument cannot be exported, or `path` is
            something other than a SavedModel.
        RuntimeError: what was written does not do what the Keras model does.
    """
    _check(path, top_k, precision, megapixels)
    refuse_existing(overwrite, path)
    prepared = prepare(model, class_names, precision)
    network, variables = signatures.as_function(prepared.network, prepared.size, frozen)
    functions = signatures.serving_signatures(
        network,
        prepared.size,
        prepared.class_names,
        top_k=min(top_k, len(prepared.class_names)),
        limit=_pixels(megapixels, prepared.size),
        lenient=lenient,
    )
    with replacing(path) as temporary:
        signatures.write_signatures(temporary, functions, variables)
        warm_up.write(temporary, model.name, _first_requests(prepared.size))
        tolerance = parity.tolerance_of(precision, prepared.is_exact)
        found = parity.verified(temporary, model, tolerance)
    return dataclasses.replace(found, path=str(path))


def _check(path, top_k, precision, megapixels):
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r}; it must be one of {', '.join(PRECISIONS)}")
    if top_k < 1:
        raise ValueError(f"top_k={top_k}; it must be at least 1")
    if not 0 < megapixels < 1e9:
        raise ValueError(f"megapixels={megapixels}; it must be above 0 and below 1e9")
    path = pathlib.Path(path)
    if path.exists() and not (path / "saved_model.pb").exists():
        raise ValueError(f"{path} exists and is not a SavedModel: it is not replaced")


def _pixels(megapixels, size):
    """Returns the limit in pixels, which must let the pictures of the comparison pass."""
    limit = int(megapixels * 1e6)
    least = max(picture.size // 3 for picture in parity.made_up_pictures(size))
    if limit < least:
        raise ValueError(
            f"megapixels={megapixels}; it must be at least {least / 1e6}, the size of the pictures "
            "that the SavedModel is checked with"
        )
    return limit


def _first_requests(size):
    """Returns what a server runs before it answers: a request for each signature of clients."""
    picture = parity.made_up_pictures(size, 1)[0]
    encoded = tf.io.encode_jpeg(picture).numpy()
    small = picture[np.newaxis, :32, :32].astype("float32")
    return [("serve_bytes", {"image_bytes": [encoded]}), ("serving_default", {"images": small})]
