"""`tflite`: writes a network as a `.tflite` file for phones and browsers, run by ai_edge_litert.

The file takes pictures that are already preprocessed, float32 (1, size, size, 3) in [-1, 1] (the
evaluation view of `data/preprocessing.py`), and returns their probabilities (1, classes). The batch
is fixed, because LiteRT in a browser does not run a file whose batch is open. Normalization and
class names are inside as metadata, so a task library needs this file alone.
"""

from __future__ import annotations

import dataclasses
import pathlib
import warnings
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from keras_inception import labels, runtimes
from keras_inception.export import calibration, metadata, parity
from keras_inception.export.prepared import Prepared, prepare
from keras_inception.export.signatures import write_signatures
from keras_inception.export.targets import target_files
from keras_inception.renamed import renamed_arguments
from keras_inception.types import PathLike


@dataclasses.dataclass(frozen=True)
class _Mode:
    """One way to store and compute.

    Attributes:
        weight_bytes: what each number of a kernel takes.
        optimize: whether the converter rounds at all.
        types: the converter's `supported_types`.
        operations: the converter's `supported_ops`.
        calibrated: whether it needs pictures to calibrate with.
        exchange_pools: see `optimize`.
    """

    weight_bytes: int
    optimize: bool = True
    types: tuple = ()
    operations: tuple = ()
    calibrated: bool = False
    exchange_pools: bool = False


# Float operations are for layers that have none of the other kind: GoogLeNet's normalization has no
# 16-bit form.
_FLOAT = tf.lite.OpsSet.TFLITE_BUILTINS
_INT8 = tf.lite.OpsSet.TFLITE_BUILTINS_INT8
_INT16 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
_MODES = {
    "float32": _Mode(weight_bytes=4, optimize=False),
    "float16": _Mode(weight_bytes=2, types=(tf.float16,)),
    "dynamic": _Mode(weight_bytes=1, exchange_pools=True),
    "int8": _Mode(weight_bytes=1, operations=(_INT8, _FLOAT), calibrated=True),
    "int16x8": _Mode(weight_bytes=1, operations=(_INT16, _FLOAT), calibrated=True),
}
MODES = tuple(_MODES)
CALIBRATED_MODES = tuple(name for name, how in _MODES.items() if how.calibrated)
_COMPARED = 16  # so many of the calibration's pictures


@renamed_arguments(labels="class_names")
def tflite(
    model: keras.Model,
    path: PathLike,
    mode: str = "float32",
    representative: calibration.Representative | None = None,
    class_names: Iterable[object] | None = None,
    *,
    uint8: bool = False,
    batch_size: int = 1,
    data_dir: str | None = None,
    overwrite: bool = False,
) -> parity.Parity:
    """Writes `model` as a `.tflite` file, runs it, and compares it with `model`.

    Args:
        model: a functional Keras model: one input (batch, size, size, 3) in [-1, 1], one softmax
            output. Auxiliary outputs are left out. What is written is its inference form
            (`optimize`).
        path: the file; its name ends in `.tflite`.
        mode: how the file stores and computes.
            `float32`: as Keras does.
            `float16`: weights in half precision.
            `dynamic`: 8-bit weights; activations are rounded to 8 bits as the file runs, by the
            range that they have there.
            `int8`: everything in 8 bits, by ranges that calibration found.
            `int16x8`: 8-bit weights, and 16 bits between the layers, by ranges that calibration
            found.
        representative: pictures to calibrate `int8` and `int16x8` with: a `Dataset`; the name of
            one, whose training split is used if it has one; a folder of pictures; or arrays
            (height, width, 3) in [0, 255]. At most 100 are used.
        class_names: one a class; by default their numbers. They are inside the file. If they are
            given, they are also written beside it, as `NAME.labels.txt` for `NAME.tflite`. If they
            are not, such a file stays as it is, and this package reads the class names of
            `NAME.tflite` from it.
        uint8: whether an `int8` file takes pixels, uint8 in [0, 255], and returns probabilities in
            steps of 1/256. Otherwise both are floats.
        batch_size: how many pictures the file takes, always.
        data_dir: for a name: folder in which tensorflow-datasets keeps its data; `None` is its
            default.
        overwrite: whether files that exist are replaced, once the new ones are complete and
            checked. Otherwise an existing one is an error.

    Returns:
        How the file compares with the Keras model.

    Raises:
        ImportError: ai_edge_litert is missing (extra `demo`).
        FileExistsError: one of the files exists, and `overwrite` is false.
        ValueError: the mode is unknown, or the model, pictures, class names or path cannot be used.
        RuntimeError: what was written does not do what the Keras model does.
    """
    _check(mode, representative, uint8, batch_size)
    runtimes.require("ai_edge_litert", "writing and checking a .tflite file")
    files = target_files(path, ".tflite", with_labels=class_names is not None, overwrite=overwrite)
    how = _MODES[mode]
    prepared = prepare(model, class_names, exchange_pools=how.exchange_pools)
    seen = None
    if representative is not None:
        seen = calibration.pictures(calibration.opened(representative, data_dir))
    about = metadata.classifier_metadata(model.name, f"{model.name}, {mode}", prepared.size)

    def write(file):
        folder = file.parent.with_name("graph")  # goes with the other temporary files
        content = _convert(prepared, batch_size, how, uint8, seen, folder)
        _require_weights(prepared.network, len(content), file.name, how)
        content = metadata.with_metadata(content, about)
        file.write_bytes(labels.appended(content, prepared.class_names))

    tolerance = parity.tolerance_of(mode, prepared.is_exact)
    return files.write(prepared, write, tolerance, seen and seen[:_COMPARED])


def _check(mode, representative, uint8, batch_size):
    if mode not in _MODES:
        raise ValueError(f"mode={mode!r}; it must be one of {', '.join(MODES)}")
    if mode in CALIBRATED_MODES and representative is None:
        raise ValueError(
            f"mode={mode!r} needs representative pictures to calibrate with: a Dataset or the name "
            "of one (photo_patches is always there), a folder, or arrays"
        )
    if mode not in CALIBRATED_MODES and representative is not None:
        raise ValueError(f"representative is for {' and '.join(CALIBRATED_MODES)}, not for {mode}")
    if uint8 and mode != "int8":
        raise ValueError(f"uint8 is for mode='int8', not for {mode!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size}; it must be at least 1")


def _convert(
    prepared: Prepared,
    batch_size: int,
    how: _Mode,
    uint8: bool,
    pictures: list[np.ndarray] | None,
    folder: pathlib.Path,
) -> bytes:
    """Converts a network by way of a SavedModel in `folder`; returns the bytes of the file.

    A conversion from the Keras model takes 5 times as long, and leaves the batch open even if the
    model's input has a fixed one.
    """

    def run(images):
        (output,) = tf.nest.flatten(prepared.network(images, training=False))
        return {"probabilities": tf.cast(output, "float32")}

    def calibration_batches():
        for view in calibration.views(pictures or [], prepared.size):
            yield {"images": np.repeat(view, batch_size, axis=0)}

    spec = tf.TensorSpec((batch_size, prepared.size, prepared.size, 3), name="images")
    variables = [variable.value for variable in prepared.network.variables]
    write_signatures(folder, {"serving_default": (run, spec)}, variables)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    if how.optimize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = list(how.types)
    if how.calibrated:
        converter.representative_dataset = calibration_batches
        converter.target_spec.supported_ops = list(how.operations)
    if uint8:
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    with warnings.catch_warnings():
        # TensorFlow's calibrator still uses its own interpreter, and warns of it.
        warnings.filterwarnings("ignore", "[^a-z]*Warning: tf.lite.Interpreter", UserWarning)
        warnings.filterwarnings("ignore", "Statistics for quantized inputs", UserWarning)
        return converter.convert()


def _require_weights(network, size, name, how):
    """Raises RuntimeError if a file of `size` bytes is too small to hold the network's kernels."""
    kernels = [weight for weight in network.weights if len(weight.shape) > 1]
    full = how.weight_bytes * sum(int(np.prod(weight.shape)) for weight in kernels)
    # Equal kernels are stored once, so an honest file may be smaller; a lost one is tiny.
    if size < full / 2:
        raise RuntimeError(
            f"{name} has {size} bytes, but its weights alone take {full}: it is not kept"
        )
