"""`onnx` and `openvino`: write a network as a file of ONNX or OpenVINO, by way of Keras.

The files take pictures that are already preprocessed, float32 (batch, size, size, 3) in [-1, 1],
with an open batch, and return their probabilities (batch, classes).
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

import keras

from keras_inception import runtimes
from keras_inception.export import parity
from keras_inception.export.prepared import prepare
from keras_inception.export.targets import target_files
from keras_inception.renamed import renamed_arguments
from keras_inception.types import PathLike


@renamed_arguments(labels="class_names")
def onnx(
    model: keras.Model,
    path: PathLike,
    class_names: Iterable[object] | None = None,
    *,
    overwrite: bool = False,
) -> parity.Parity:
    """Writes `model` as an ONNX file, runs it by onnxruntime, and compares it with `model`.

    Args:
        model: a functional Keras model: one input (batch, size, size, 3) in [-1, 1], one softmax
            output. Auxiliary outputs are left out. What is written is its inference form
            (`optimize`).
        path: the file; its name ends in `.onnx`.
        class_names: one a class. They are written beside the file, as `NAME.labels.txt`.
        overwrite: whether files that exist are replaced, once the new ones are complete and
            checked. Otherwise an existing one is an error.

    Returns:
        How the file compares with the Keras model.

    Raises:
        ImportError: tf2onnx, onnx or onnxruntime is missing (extra `runtimes`).
        FileExistsError: one of the files exists, and `overwrite` is false.
        ValueError: the model, the class names or the path cannot be used.
        RuntimeError: what was written does not do what the Keras model does.
    """
    for package in ("tf2onnx", "onnx", "onnxruntime"):
        runtimes.require(package, "ONNX")
    with_labels = class_names is not None
    files = target_files(path, ".onnx", with_labels=with_labels, overwrite=overwrite)
    prepared = prepare(model, class_names)
    tolerance = parity.tolerance_of("float32", prepared.is_exact)
    return files.write(prepared, lambda file: _write(prepared.network, file, "onnx"), tolerance)


@renamed_arguments(labels="class_names")
def openvino(
    model: keras.Model,
    path: PathLike,
    class_names: Iterable[object] | None = None,
    *,
    overwrite: bool = False,
) -> parity.Parity:
    """Writes `model` as two files of OpenVINO, `NAME.xml` and `NAME.bin`, runs and compares them.

    Args:
        model, class_names, overwrite: as for `onnx`.
        path: the file that is opened; its name ends in `.xml`.

    Returns:
        How the files compare with the Keras model.

    Raises:
        ImportError: openvino is missing (extra `runtimes`).
        FileExistsError, ValueError, RuntimeError: as for `onnx`.
    """
    runtimes.require("openvino", "OpenVINO")
    with_labels = class_names is not None
    files = target_files(path, ".xml", [".bin"], with_labels=with_labels, overwrite=overwrite)
    prepared = prepare(model, class_names)

    def write(file):
        _write(prepared.network, file, "openvino")
        _keep_one_output(file)

    tolerance = parity.tolerance_of("float32", prepared.is_exact)
    return files.write(prepared, write, tolerance)


def _write(network, path, form):
    network(keras.Input(network.input_shape[1:]))  # Keras exports no model that was never called
    network.export(str(path), format=form, verbose=False)


def _keep_one_output(path: pathlib.Path) -> None:
    """Writes an OpenVINO file anew with the model's output only.

    OpenVINO makes an output of each number that the graph computes and does not use, for example
    of the sides that `DilatedPooling2D` computes.
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
