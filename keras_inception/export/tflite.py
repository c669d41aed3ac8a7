"""`tflite`: a network as a `.tflite` file for phones and browsers, run by ai_edge_litert.

The file takes pictures that are already preprocessed, float32 (1, size, size, 3) in [-1, 1] (the
evaluation view of `data/preprocessing.py`), and gives their probabilities (1, classes). The batch
is fixed: LiteRT in a browser does not run a file whose batch is open. Normalization and labels are
inside as metadata, so a task library needs the file alone.
"""

import dataclasses
import pathlib
import warnings

import numpy as np
import tensorflow as tf

from keras_inception import runtimes
from keras_inception.export import calibration, metadata, parity
from keras_inception.export.checks import (
    classifier_shape,
    computes_in_float32,
    label_names,
    refuse_existing,
)
from keras_inception.export.fold import in_dtype, optimize
from keras_inception.export.saved_model import TOLERANCES, write_signatures
from keras_inception.files import replacing_all


@dataclasses.dataclass(frozen=True)
class Mode:
    """One way to store and compute."""

    weight_bytes: int  # each of a kernel's numbers takes as many
    tolerance: float  # largest difference of a probability from Keras
    pattern: float = np.inf  # largest difference of the classes' pattern
    optimize: bool = True
    types: tuple = ()
    operations: tuple = ()
    calibrated: bool = False
    exchange_pools: bool = False


# With float operations for what has none of the kind: GoogLeNet's normalization has no 16-bit form.
_FLOAT = tf.lite.OpsSet.TFLITE_BUILTINS
_INT8 = tf.lite.OpsSet.TFLITE_BUILTINS_INT8
_INT16 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
# The tolerances are our choice, on made-up pictures or on those of the calibration: rounding for
# float32; the others round the weights to 11 bits (float16) or 8 bits (the rest), and all of these
# but int16x8 round what is between layers to 8 bits too. The pattern's is some three times and more
# what the networks of this package have; forms with outputs in few steps have none to hold.
MODES = {
    "float32": Mode(weight_bytes=4, tolerance=TOLERANCES["float32"], optimize=False),
    "float16": Mode(weight_bytes=2, tolerance=2e-2, types=(tf.float16,)),
    "dynamic": Mode(weight_bytes=1, tolerance=0.3, pattern=0.15, exchange_pools=True),
    "int8": Mode(weight_bytes=1, tolerance=0.3, operations=(_INT8, _FLOAT), calibrated=True),
    "int16x8": Mode(weight_bytes=1, tolerance=0.2, operations=(_INT16, _FLOAT), calibrated=True),
}
_COMPARED = 16  # of the calibration's pictures


def tflite(
    model,
    path,
    mode="float32",
    representative=None,
    labels=None,
    *,
    uint8=False,
    batch_size=1,
    data_dir=None,
    overwrite=False,
):
    """Writes `model` as a `.tflite` file, runs it, and compares it with `model`.

    Args:
        model: a functional Keras model: one input (batch, size, size, 3) in [-1, 1], one softmax
            output, auxiliary ones aside. Its inference form (`optimize`) is written.
        path: the file; its name ends in `.tflite`.
        mode: `float32`; `float16`: weights in half precision; `dynamic`: 8-bit weights, and
            activations rounded to 8 bits while it runs, by the range that they have there; `int8`:
            all in 8 bits, by ranges that calibration found; `int16x8`: the same with 16 bits
            between the layers.
        representative: pictures to calibrate with, for `int8` and `int16x8`: a folder, the name of
            a data set, or arrays (`calibration.pictures`).
        labels: the classes' names, one a class, by default their numbers. They are inside, and
            where they are given also beside the file, one a line, as `NAME.labels.txt` for
            `NAME.tflite`. Without them such a file stays as it is, and names the classes wherever
            this package reads `NAME.tflite`.
        uint8: whether an `int8` file takes pixels, uint8 in [0, 255], and gives probabilities in
            steps of 1/256; both are floats otherwise.
        batch_size: how many pictures the file takes, always.
        data_dir: where tensorflow-datasets keeps its data.
        overwrite: whether a file that is there is replaced, once the new one is complete and
            checked. It is an error otherwise.

    Returns:
        The `parity.Parity` with the Keras model.

    Raises:
        ImportError: ai_edge_litert is missing (extra `demo`).
        FileExistsError: there is something at `path`, and `overwrite` is not given.
        ValueError: unknown mode, or a model, pictures, labels or path that cannot be used.
        RuntimeError: what was written does not do what the Keras model does.
    """
    how = _checked_mode(mode, representative, uint8)
    runtimes.require("ai_edge_litert", "writing and checking a .tflite file")
    path = pathlib.Path(path)
    if path.suffix != ".tflite" or path.is_dir():
        raise ValueError(f"{path} is no file name that ends in .tflite")
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} is below one")
    targets = [path] if labels is None else [labels_path(path), path]
    refuse_existing(overwrite, *reversed(targets))
    optimized = optimize(model, how.exchange_pools)
    size, classes = classifier_shape(optimized)
    names = label_names(labels, classes)
    exact = computes_in_float32(model)
    if not exact:
        optimized = in_dtype(optimized, "float32")
    seen = None
    if how.calibrated:
        seen = calibration.pictures(representative, data_dir=data_dir)
    shape = (batch_size, size, size, 3)
    about = metadata.classifier_metadata(model.name, f"{model.name}, {mode}", size)
    with replacing_all(*targets) as temporaries:
        temporary = temporaries[-1]
        graph = temporary.parent.with_name("graph")  # which goes with what is unfinished
        content = _convert(optimized, shape, how, uint8, seen, graph)
        _require_weights(optimized, len(content), path.name, how)
        temporary.write_bytes(metadata.with_metadata(content, about, names))
        found = parity.compare(model, temporary, seen and seen[:_COMPARED])
        tolerance = max(how.tolerance, 0 if exact else TOLERANCES["bfloat16"])
        parity.require(found, tolerance, how.pattern)
        if labels is not None:
            write_labels(temporaries[0], names)
    return dataclasses.replace(found, path=str(path))


def labels_path(path):
    """Where the labels of the model file at `path` lie: `NAME.labels.txt` beside it."""
    return pathlib.Path(path).with_suffix(".labels.txt")


def write_labels(file, names):
    """Writes the names, one a line."""
    file.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def _checked_mode(mode, representative, uint8):
    if mode not in MODES:
        raise ValueError(f"mode={mode!r}; {', '.join(MODES)} are known")
    calibrated = [name for name, how in MODES.items() if how.calibrated]
    if MODES[mode].calibrated and representative is None:
        raise ValueError(
            f"mode={mode!r} needs representative pictures to calibrate with: a folder, the name of "
            "a data set (photo_patches is always there), or arrays"
        )
    if representative is not None and not MODES[mode].calibrated:
        raise ValueError(f"representative is for {' and '.join(calibrated)}, not for {mode}")
    if uint8 and mode != "int8":
        raise ValueError(f"uint8 is for mode='int8', not for {mode!r}")
    return MODES[mode]


def _convert(model, shape, how, uint8, pictures, folder):
    """The bytes of the file. By way of a SavedModel in `folder`: from the Keras model it takes 5
    times as long, and the batch stays open even where the model's input has a fixed one."""

    def run(images):
        return {"probabilities": tf.cast(model(images, training=False), "float32")}

    def calibration_batches():
        for view in calibration.views(pictures, shape[1]):
            yield {"images": np.repeat(view, shape[0], axis=0)}

    spec = tf.TensorSpec(shape, name="images")
    variables = [variable.value for variable in model.variables]
    write_signatures(variables, folder, {"serving_default": (run, spec)})
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


def _require_weights(model, size, name, how):
    """Raises RuntimeError where a file of `size` bytes is too small to hold the model's kernels."""
    kernels = [weight for weight in model.weights if len(weight.shape) > 1]
    full = how.weight_bytes * sum(int(np.prod(weight.shape)) for weight in kernels)
    # Equal kernels are stored once, so an honest file may be smaller; a lost one is tiny.
    if size < full / 2:
        raise RuntimeError(f"{name} has {size} bytes, its weights alone {full}: not kept")
