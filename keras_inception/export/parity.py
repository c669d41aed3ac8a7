"""Runs what was exported, beside the Keras model, and reports by how much they differ.

Every exporter calls `verified` after it has written and before the result gets its final name: a
converter that drops the weights raises nothing, and its file looks like any other.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from keras_inception import runtimes
from keras_inception.data import preprocessing
from keras_inception.types import PathLike

_FLOOR = 1e-4  # lower probabilities count as equal: their logarithms are mostly rounding


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """How far an export may differ from its Keras model.

    Attributes:
        probability: the largest difference of a probability.
        pattern: the largest `Parity.pattern_difference`, for forms that round so much that
            `probability` alone would let a lost kernel pass.
    """

    probability: float
    pattern: float = np.inf


# Our choice, on made-up pictures or on those of the calibration. Each form rounds:
TOLERANCES = {
    "float32": Tolerance(1e-4),  # nothing: only the order of sums may differ
    "bfloat16": Tolerance(3e-2),  # all numbers, to 8 bits
    "float16": Tolerance(2e-2),  # weights, to 11 bits
    # Weights and what is between the layers, to 8 bits. The pattern's tolerance is at least three
    # times the difference of any network of this package.
    "dynamic": Tolerance(0.3, pattern=0.15),
    # Outputs are 8 bits too. Too few steps are left of a pattern to compare it.
    "int8": Tolerance(0.3),
    "int16x8": Tolerance(0.2),  # weights, to 8 bits
}


def tolerance_of(form: str, is_exact: bool) -> Tolerance:
    """Returns the tolerance of a form in `TOLERANCES`.

    Args:
        form: its name.
        is_exact: whether the Keras model computes in float32 alone. If it does not, it rounds as
            bfloat16 does, and a difference of that size is not the export's fault.
    """
    tolerance = TOLERANCES[form]
    if is_exact:
        return tolerance
    least = TOLERANCES["bfloat16"].probability
    return dataclasses.replace(tolerance, probability=max(tolerance.probability, least))


@dataclasses.dataclass(frozen=True)
class Parity:
    """How an export compares with the Keras model that it was made from.

    Attributes:
        path: the file or folder.
        bytes: size of the file, or of all files of the folder.
        pictures: how many pictures were compared.
        largest_difference: the largest difference of any probability.
        agreement: the fraction of pictures with the same likeliest class.
        pattern_difference: how far the log-probabilities of all classes differ, as a fraction of
            their spread; the median over the pictures.
    """

    path: str
    bytes: int
    pictures: int
    largest_difference: float
    agreement: float
    pattern_difference: float

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.bytes / 1e6:.2f} MB, probabilities within "
            f"{self.largest_difference:.1e} of Keras, the same class for {self.agreement:.1%} of "
            f"{self.pictures} pictures"
        )


def compare(
    model: keras.Model, path: PathLike, pictures: Iterable[np.ndarray] | None = None
) -> Parity:
    """Runs an export and the Keras model on the same pictures.

    Args:
        model: the Keras model.
        path: the SavedModel folder or the file that `saved_model`, `tflite`, `onnx` or `openvino`
            wrote.
        pictures: uint8 arrays (height, width, 3) of any sizes; by default four made-up ones.

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
        raise RuntimeError(f"{path.name} returns NaN or infinite probabilities")
    if np.ptp(found) == 0 and np.ptp(expected) > 0:
        raise RuntimeError(
            f"{path.name} returns the same probability for every class: its weights are lost"
        )
    return Parity(
        path=str(path),
        bytes=size_on_disk(path),
        pictures=len(pictures),
        largest_difference=float(np.max(np.abs(found - expected))),
        agreement=float(np.mean(found.argmax(axis=-1) == expected.argmax(axis=-1))),
        pattern_difference=float(np.median(_pattern_differences(found, expected))),
    )


def verified(
    path: PathLike,
    model: keras.Model,
    tolerance: Tolerance,
    pictures: Iterable[np.ndarray] | None = None,
) -> Parity:
    """Compares an export with its Keras model, and refuses it if they differ too much.

    Args:
        path, model, pictures: those of `compare`.
        tolerance: how far they may differ.

    Raises:
        RuntimeError: the export is broken, or differs more.
    """
    found = compare(model, path, pictures)
    require(found, tolerance)
    return found


def require(found: Parity, tolerance: Tolerance) -> None:
    """Raises RuntimeError if an export differs from its model by more than is allowed."""
    name = pathlib.Path(found.path).name
    if not found.largest_difference <= tolerance.probability:
        raise RuntimeError(
            f"{name} differs from the Keras model by {found.largest_difference:.1e} in a "
            f"probability, more than {tolerance.probability:.0e}: it is not kept"
        )
    if not found.pattern_difference <= tolerance.pattern:
        raise RuntimeError(
            f"{name} differs from the Keras model by {found.pattern_difference:.1%} of its scores' "
            f"spread, more than {tolerance.pattern:.0%}: it is not kept"
        )


def made_up_pictures(size: int, count: int = 4) -> list[np.ndarray]:
    """Returns pictures of soft blobs and fine grain, uint8 (height, width, 3).

    None of them has the size that the network takes, (size, size).
    """
    generator = np.random.default_rng(0)
    pictures = []
    for i in range(count):
        height, width = size + 8 * i + 5, size + 16 * (count - i) + 3
        coarse = generator.uniform(0, 255, (5, 5, 3)).astype("float32")
        picture = tf.image.resize(coarse, (height, width), "bicubic").numpy()
        picture += generator.normal(0, 8, picture.shape)
        pictures.append(np.clip(np.rint(picture), 0, 255).astype("uint8"))
    return pictures


def size_on_disk(path: PathLike) -> int:
    """Returns the bytes of a file, or of all the files in a folder.

    An `.xml` file of OpenVINO counts with the `.bin` file that holds its weights.
    """
    path = pathlib.Path(path)
    if path.suffix == ".xml":
        files = [path, path.with_suffix(".bin")]
    else:
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)


def _pattern_differences(found, expected):
    """Returns for each picture how far all its log-probabilities differ, relative to their spread.

    Both arrays are (..., pictures, classes).
    """

    def pattern(probabilities):
        scores = np.log(np.maximum(probabilities, _FLOOR))
        return scores - scores.mean(axis=-1, keepdims=True)

    off = np.linalg.norm(pattern(found) - pattern(expected), axis=-1)
    return off / np.maximum(np.linalg.norm(pattern(expected), axis=-1), 1e-6)


def _keras_probabilities(model, views):
    """Runs the Keras model; the probabilities are those of its main output, float32."""
    outputs = model(views, training=False)
    if isinstance(outputs, dict):
        (outputs,) = (v for name, v in outputs.items() if not name.startswith("auxiliary"))
    return np.asarray(tf.cast(outputs, "float32"))


def _run_saved_model(path, pictures, views):
    """Runs three signatures of a SavedModel: probabilities (3, pictures, classes)."""
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
