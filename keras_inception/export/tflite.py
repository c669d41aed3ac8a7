"""`tflite`: a network as a `.tflite` file for phones, run by ai_edge_litert.

The file takes one picture that is already preprocessed, float32 (1, size, size, 3) in [-1, 1] (the
evaluation view of `data/preprocessing.py`), and gives its probabilities (1, classes). The batch is
fixed: LiteRT in a browser does not run a file whose batch is open.
"""

import dataclasses
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from keras_inception.export import parity
from keras_inception.export.checks import (
    classifier_shape,
    computes_in_float32,
    label_names,
    refuse_existing,
)
from keras_inception.export.saved_model import write_signatures
from keras_inception.files import replacing


@dataclasses.dataclass(frozen=True)
class Mode:
    """One way to store the weights."""

    weight_bytes: int  # each of a kernel's numbers takes as many
    tolerance: float  # largest difference of a probability from Keras
    optimize: bool = True
    types: tuple = ()


# The tolerances are our choice, on made-up pictures: rounding for float32; the others round the
# weights to 11 bits (float16) or 8 bits (dynamic, which rounds the activations too).
MODES = {
    "float32": Mode(weight_bytes=4, tolerance=1e-4, optimize=False),
    "float16": Mode(weight_bytes=2, tolerance=2e-2, types=(tf.float16,)),
    "dynamic": Mode(weight_bytes=1, tolerance=0.3),
}


def tflite(model, path, mode="float32", labels=None, *, overwrite=False):
    """Writes `model` as a `.tflite` file, runs it, and compares it with `model`.

    Args:
        model: a Keras model: one input (batch, size, size, 3) in [-1, 1], one softmax output.
        path: the file; its name ends in `.tflite`.
        mode: `float32`; `float16`: weights in half precision; `dynamic`: 8-bit weights, and
            activations rounded to 8 bits while it runs.
        labels: the classes' names, one a class; they are written beside the file, one a line, as
            `NAME.labels.txt` for `NAME.tflite`.
        overwrite: whether a file that is there is replaced, once the new one is complete and
            checked. It is an error otherwise.

    Returns:
        The `parity.Parity` with the Keras model.

    Raises:
        FileExistsError: there is something at `path`, and `overwrite` is not given.
        ValueError: unknown mode, or a model, labels or path that cannot be exported.
        RuntimeError: what was written does not do what the Keras model does.
    """
    if mode not in MODES:
        raise ValueError(f"mode={mode!r}; {', '.join(MODES)} are known")
    path = pathlib.Path(path)
    if path.suffix != ".tflite" or path.is_dir():
        raise ValueError(f"{path} is no file name that ends in .tflite")
    refuse_existing(path, overwrite)
    size, classes = classifier_shape(model)
    if not computes_in_float32(model):
        raise ValueError(f"{model.name} computes in mixed precision; TFLite wants a float32 model")
    names = label_names(labels, classes)
    content = _convert(model, size, MODES[mode])
    with replacing(path) as temporary:
        temporary.write_bytes(content)
        _require_weights(model, temporary, MODES[mode])
        found = parity.compare(model, temporary)
        parity.require(found, MODES[mode].tolerance)
        if labels is not None:
            with replacing(labels_path(path)) as text:
                text.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return dataclasses.replace(found, path=str(path))


def labels_path(path):
    """Where the labels of the model file at `path` lie: `NAME.labels.txt` beside it."""
    return pathlib.Path(path).with_suffix(".labels.txt")


def _convert(model, size, mode):
    """The bytes of the file. By way of a SavedModel: from the Keras model it takes 5 times as
    long, and the batch stays open even where the model's input has a fixed one."""

    def run(images):
        return {"probabilities": tf.cast(model(images, training=False), "float32")}

    with tempfile.TemporaryDirectory() as folder:
        spec = tf.TensorSpec((1, size, size, 3), name="images")
        variables = [variable.value for variable in model.variables]
        write_signatures(variables, folder, {"serving_default": (run, spec)})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if mode.optimize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = list(mode.types)
        return converter.convert()


def _require_weights(model, path, mode):
    """Raises RuntimeError where the file is too small to hold the model's kernels."""
    kernels = [weight for weight in model.weights if len(weight.shape) > 1]
    full = mode.weight_bytes * sum(int(np.prod(weight.shape)) for weight in kernels)
    size = path.stat().st_size
    # Equal kernels are stored once, so an honest file may be smaller; a lost one is tiny.
    if size < full / 2:
        raise RuntimeError(f"{path.name} has {size} bytes, its weights alone {full}: not kept")
