"""Runs what was exported, beside the Keras model, and says by how much they differ.

Every exporter calls this after it has written and before the result gets its final name: a
converter that drops the weights raises nothing, and its file looks like any other.
"""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

from keras_inception import runtimes
from keras_inception.data import preprocessing

_FLOOR = 1e-4  # probabilities below are all the same: their logarithms are mostly rounding


@dataclasses.dataclass(frozen=True)
class Parity:
    """How an export compares with the Keras model that it was made from."""

    path: str
    bytes: int  # of the file, or of all files of the folder
    pictures: int  # compared
    largest_difference: float  # of any probability
    agreement: float  # the fraction of pictures with the same best class
    pattern_difference: float  # of all classes' scores, as a part of their spread

    def __str__(self):
        return (
            f"{self.path}: {self.bytes / 1e6:.2f} MB, probabilities within "
            f"{self.largest_difference:.1e} of Keras, the same class for {self.agreement:.1%} of "
            f"{self.pictures} pictures"
        )


def compare(model, path, pictures=None):
    """Runs the SavedModel folder or the file at `path`, and `model`, on the same pictures.

    Args:
        model: the Keras model.
        path: what `saved_model`, `tflite`, `onnx` or `openvino` wrote of it.
        pictures: uint8 arrays (height, width, 3) of any sizes; by default four made-up ones.

    Returns:
        A `Parity`.

    Raises:
        RuntimeError: the export is broken: its outputs are not finite, or the same for every
            class though the model's are not.
    """
    path = pathlib.Path(path)
    size = model.inputs[0].shape[1]
    pictures = made_up_pictures(size) if pictures is None else list(pictures)
    views = np.stack([preprocessing.evaluation_view(p, size) for p in pictures])
    expected = _keras_probabilities(model, views)
    if path.is_dir():
        found = _run_saved_model(path, pictures, views)
    else:
        found = runtimes.RUNTIMES[path.suffix](path)(views)
    if not np.isfinite(found).all():
        raise RuntimeError(f"{path.name} gives NaN or infinite probabilities")
    if np.ptp(found) == 0 and np.ptp(expected) > 0:
        raise RuntimeError(f"{path.name} gives every class the same: its weights are lost")
    return Parity(
        path=str(path),
        bytes=size_on_disk(path),
        pictures=len(pictures),
        largest_difference=float(np.max(np.abs(found - expected))),
        agreement=float(np.mean(found.argmax(axis=-1) == expected.argmax(axis=-1))),
        pattern_difference=float(np.median(_pattern_differences(found, expected))),
    )


def require(found, tolerance, pattern=np.inf):
    """Raises RuntimeError where an export differs from its model by more than is allowed.

    Args:
        found: a `Parity`.
        tolerance: the largest difference of a probability.
        pattern: the largest `pattern_difference`, for forms that round so much that `tolerance`
            alone would let a lost kernel pass.
    """
    if not found.largest_difference <= tolerance:
        raise RuntimeError(
            f"{pathlib.Path(found.path).name} differs from the Keras model by "
            f"{found.largest_difference:.1e} in a probability, more than {tolerance:.0e}: not kept"
        )
    if not found.pattern_difference <= pattern:
        raise RuntimeError(
            f"{pathlib.Path(found.path).name} differs from the Keras model by "
            f"{found.pattern_difference:.1%} of its scores' spread, more than {pattern:.0%}: not "
            "kept"
        )


def _pattern_differences(found, expected):
    """Of each picture: how far all its log-probabilities are off, as a part of their spread."""

    def pattern(probabilities):
        scores = np.log(np.maximum(probabilities, _FLOOR))
        return scores - scores.mean(axis=-1, keepdims=True)

    off = np.linalg.norm(pattern(found) - pattern(expected), axis=-1)
    return off / np.maximum(np.linalg.norm(pattern(expected), axis=-1), 1e-6)


def made_up_pictures(size, count=4):
    """Pictures of soft blobs and fine grain, uint8, none of the size that the network takes."""
    generator = np.random.default_rng(0)
    pictures = []
    for i in range(count):
        height, width = size + 8 * i + 5, size + 16 * (count - i) + 3
        coarse = generator.uniform(0, 255, (5, 5, 3)).astype("float32")
        picture = tf.image.resize(coarse, (height, width), "bicubic").numpy()
        picture += generator.normal(0, 8, picture.shape)
        pictures.append(np.clip(np.rint(picture), 0, 255).astype("uint8"))
    return pictures


def size_on_disk(path):
    """Bytes of a file (with the weights of OpenVINO's), or of all the files in a folder."""
    path = pathlib.Path(path)
    if path.suffix == ".xml":
        files = [path, path.with_suffix(".bin")]
    else:
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)


def _keras_probabilities(model, views):
    """Those of the model, of its main output where it has auxiliary ones."""
    outputs = model(views, training=False)
    if isinstance(outputs, dict):
        (outputs,) = (v for name, v in outputs.items() if not name.startswith("auxiliary"))
    return np.asarray(tf.cast(outputs, "float32"))


def _run_saved_model(path, pictures, views):
    """Probabilities (3, pictures, classes): by way of each of the three signatures."""
    signatures = tf.saved_model.load(str(path)).signatures
    encoded = tf.stack([tf.io.encode_png(picture) for picture in pictures])
    images = [tf.cast(picture[np.newaxis], "float32") for picture in pictures]
    answers = [
        np.concatenate([_probabilities(signatures["serving_default"], images=i) for i in images]),
        _probabilities(signatures["serve_bytes"], image_bytes=encoded),
        _probabilities(signatures["preprocessed"], crops=tf.constant(views)),
    ]
    return np.stack(answers)


def _probabilities(signature, **inputs):
    return signature(**inputs)["probabilities"].numpy()
