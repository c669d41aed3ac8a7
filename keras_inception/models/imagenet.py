"""Scales pixels and names classes, as in `keras.applications`.

The class names are part of the package (`imagenet_classes.json`): nothing is downloaded for them.
"""

import functools
import json
import pathlib
from typing import Any

import keras

_CLASSES = pathlib.Path(__file__).with_name("imagenet_classes.json")


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Scales pixels from [0, 255] to [-1, 1], as TF-Slim and `keras.applications` do.

    Checkpoints from elsewhere may need other scales (Caffe's GoogLeNet, facenet, the graph of
    2015-12-05).

    Args:
        x: array or tensor of any shape, pixels in [0, 255]. A numpy array of floats is scaled in
            place, as `keras.applications` does.
        data_format: as in `keras.applications`; it has no effect on the scaling.

    Returns:
        `x / 127.5 - 1`.
    """
    return keras.applications.imagenet_utils.preprocess_input(x, data_format, mode="tf")


@functools.cache
def class_names() -> tuple[tuple[str, str], ...]:
    """Returns the 1,000 ImageNet classes, (WordNet id, name) each, in the order of the outputs.

    The order is that of the sorted WordNet ids; the name is the first lemma, with underscores.
    """
    rows = json.loads(_CLASSES.read_text(encoding="utf-8"))
    return tuple((wnid, lemmas.split(",")[0].strip().replace(" ", "_")) for wnid, lemmas in rows)


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Returns the most probable classes of each picture, as `keras.applications` does.

    Args:
        preds: array (batch, 1000), or (batch, 1001) with the background class first.
        top: how many classes to return for each picture.

    Returns:
        A list for each picture of (WordNet id, name, score), the highest score first.

    Raises:
        ValueError: `preds` has another shape.
    """
    preds = keras.ops.convert_to_numpy(preds).astype("float64")  # unsigned ones cannot be negated
    names = class_names()
    if preds.ndim != 2 or preds.shape[1] not in (len(names), len(names) + 1):
        raise ValueError(
            f"preds must have shape (batch, 1000), or (batch, 1001) with a background class, "
            f"got {preds.shape}"
        )
    if preds.shape[1] == len(names) + 1:
        names = (("n00000000", "background"), *names)
    best = (-preds).argsort(axis=1, kind="stable")[:, :top]
    return [[(*names[i], float(row[i])) for i in order] for row, order in zip(preds, best)]
