"""`onnx` and `openvino`: a network as a file of ONNX or OpenVINO, by way of Keras.

The files take pictures that are already preprocessed, float32 (batch, size, size, 3) in [-1, 1],
the batch open, and give their probabilities (batch, classes).
"""

import dataclasses
import pathlib

import keras

from keras_inception import runtimes
from keras_inception.export import parity
from keras_inception.export.checks import (
    classifier_shape,
    computes_in_float32,
    label_names,
    refuse_existing,
)
from keras_inception.export.fold import in_dtype, optimize
from keras_inception.export.saved_model import TOLERANCES
from keras_inception.export.tflite import labels_path, write_labels
from keras_inception.files import replacing_all


def onnx(model, path, labels=None, *, overwrite=False):
    """Writes `model` as an ONNX file, runs it by onnxruntime, and compares it with `model`.

    Args:
        model: a functional Keras model: one input (batch, size, size, 3) in [-1, 1], one softmax
            output, auxiliary ones aside. Its inference form (`optimize`) is written.
        path: the file; its name ends in `.onnx`.
        labels: the classes' names, one a class; they are written beside the file, one a line, as
            `NAME.labels.txt`.
        overwrite: whether a file that is there is replaced, once the new one is complete and
            checked. It is an error otherwise.

    Returns:
        The `parity.Parity` with the Keras model.

    Raises:
        ImportError: tf2onnx or onnxruntime is missing (extra `runtimes`).
        FileExistsError: there is something at `path`, and `overwrite` is not given.
        ValueError: a model, labels or path that cannot be exported.
        RuntimeError: what was written does not do what the Keras model does.
    """
    for package in ("tf2onnx", "onnx", "onnxruntime"):
        runtimes.require(package, "ONNX")
    return _export(model, path, labels, overwrite, "onnx", (".onnx",))


def openvino(model, path, labels=None, *, overwrite=False):
    """Writes `model` as a pair of OpenVINO files, `NAME.xml` and `NAME.bin`, runs and compares it.

    Arguments, result and errors are those of `onnx`; `path` ends in `.xml`.
    """
    runtimes.require("openvino", "OpenVINO")
    return _export(model, path, labels, overwrite, "openvino", (".bin", ".xml"))


def _export(model, path, labels, overwrite, form, suffixes):
    path = pathlib.Path(path)
    if path.suffix != suffixes[-1] or path.is_dir():
        raise ValueError(f"{path} is no file name that ends in {suffixes[-1]}")
    beside = [] if labels is None else [labels_path(path)]
    targets = [*beside, *(path.with_suffix(suffix) for suffix in suffixes)]
    refuse_existing(overwrite, *reversed(targets))
    optimized = optimize(model)
    _, classes = classifier_shape(optimized)
    names = label_names(labels, classes)
    exact = computes_in_float32(model)
    if not exact:
        optimized = in_dtype(optimized, "float32")
    with replacing_all(*targets) as temporaries:
        written = temporaries[-1]
        optimized(keras.Input(optimized.input_shape[1:]))  # Keras exports no model never called
        optimized.export(str(written), format=form, verbose=False)
        if form == "openvino":
            _keep_one_output(written)
        found = parity.compare(model, written)
        parity.require(found, TOLERANCES["float32" if exact else "bfloat16"])
        if labels is not None:
            write_labels(temporaries[0], names)
    return dataclasses.replace(found, path=str(path))


def _keep_one_output(path):
    """Writes the file anew without outputs that are not the model's.

    OpenVINO makes an output of each number that the graph computes and does not use, as
    `DilatedPooling2D` does of sides.
    """
    import openvino

    graph = openvino.Core().read_model(path)
    others = [output for output in graph.outputs if output.get_partial_shape().rank != 2]
    if not others:
        return
    for output in others:
        graph.remove_result(output.get_node())
    pruned = path.parent.with_name("pruned") / path.name
    pruned.parent.mkdir()
    openvino.serialize(graph, str(pruned))
    for suffix in (".bin", ".xml"):
        pruned.with_suffix(suffix).replace(path.with_suffix(suffix))
