"""Runs classifier files outside TensorFlow: each class is one runtime, called in the same way.

| file | class | package |
| --- | --- | --- |
| `.tflite` | `LiteRT` | ai_edge_litert |
| `.onnx` | `OnnxRuntime` | onnxruntime |
| `.xml`, with `.bin` beside it | `OpenVino` | openvino |
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from keras_inception.types import PathLike

EXTRAS = {  # package: the extra that brings it
    "ai_edge_litert": "demo",
    "onnx": "runtimes",
    "onnxruntime": "runtimes",
    "openvino": "runtimes",
    "tf2onnx": "runtimes",
}


class Runtime(Protocol):
    """A classifier file that is ready to run."""

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """(batch, size, size, 3); the batch is `None` if it is free."""
        ...

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """(batch, classes); the batch is `None` if it is free."""
        ...

    def __call__(self, views: ArrayLike) -> np.ndarray:
        """Returns probabilities, float32 (n, classes), of views (n, size, size, 3) in [-1, 1]."""
        ...


def require(module: str, what: str) -> types.ModuleType:
    """Imports and returns a module of a package that may be missing.

    Args:
        module: its full name.
        what: what needs it, for the error.

    Raises:
        ImportError: the package is not installed; the error names the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise ImportError(
            f"{what} needs {package}: pip install keras_inception[{EXTRAS[package]}]"
        ) from error


class LiteRT:
    """A `.tflite` file. Its batch is fixed; a quantized file is run as if it took floats.

    Args:
        path: the file.
        num_threads: how many threads to use; by default one a core.

    Raises:
        ImportError: ai_edge_litert is not installed.
        ValueError: the file cannot be read, or does not have one input and one output.
    """

    def __init__(self, path: PathLike, num_threads: int | None = None) -> None:
        litert = require("ai_edge_litert.interpreter", "running a .tflite file")
        self._interpreter = litert.Interpreter(model_path=str(path), num_threads=num_threads)
        self._interpreter.allocate_tensors()
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        _require_one_each(path, inputs, outputs)
        self._input, self._output = inputs[0], outputs[0]
        self.input_shape = tuple(int(side) for side in self._input["shape"])
        self.output_shape = tuple(int(side) for side in self._output["shape"])

    def __call__(self, views: ArrayLike) -> np.ndarray:
        """Returns probabilities, float32 (n, classes), of views (n, size, size, 3) in [-1, 1]."""
        views, batch = np.asarray(views, "float32"), self.input_shape[0]
        found = [np.zeros((0, *self.output_shape[1:]), "float32")]
        for start in range(0, len(views), batch):
            part = views[start : start + batch]
            if len(part) < batch:
                missing = np.zeros((batch - len(part), *part.shape[1:]), "float32")
                part = np.concatenate([part, missing])
            self._interpreter.set_tensor(self._input["index"], _quantized(part, self._input))
            self._interpreter.invoke()
            answer = self._interpreter.get_tensor(self._output["index"])
            found.append(_real(answer, self._output)[: len(views) - start])
        return np.concatenate(found)


class OnnxRuntime:
    """An `.onnx` file, run by onnxruntime.

    Args:
        path: the file.
        num_threads: how many threads to use; by default one a core.

    Raises:
        ImportError: onnxruntime is not installed.
        ValueError: the file does not have one input and one output. If it cannot be read, the error
            is onnxruntime's own.
    """

    def __init__(self, path: PathLike, num_threads: int | None = None) -> None:
        onnxruntime = require("onnxruntime", "running an .onnx file")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads or 0
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(str(path), options, providers)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        _require_one_each(path, inputs, outputs)
        self._name = inputs[0].name
        self.input_shape, self.output_shape = (_shape(x.shape) for x in (inputs[0], outputs[0]))

    def __call__(self, views: ArrayLike) -> np.ndarray:
        """Returns probabilities, float32 (n, classes), of views (n, size, size, 3) in [-1, 1]."""
        return self._session.run(None, {self._name: np.asarray(views, "float32")})[0]


class OpenVino:
    """A pair of OpenVINO files, `NAME.xml` and `NAME.bin`.

    Args:
        path: the `.xml` file.
        num_threads: how many threads to use; by default one a core.
        precision: `f32`, or `bf16`, which OpenVINO would choose by itself if the processor has it.

    Raises:
        ImportError: openvino is not installed.
        ValueError: the file does not have one input and one output. If it cannot be read, the error
            is OpenVINO's own.
    """

    def __init__(
        self, path: PathLike, num_threads: int | None = None, precision: str = "f32"
    ) -> None:
        openvino = require("openvino", "running an OpenVINO file")
        settings: dict[str, str | int] = {"INFERENCE_PRECISION_HINT": precision}
        if num_threads:
            settings["INFERENCE_NUM_THREADS"] = num_threads
        self._model = openvino.Core().compile_model(str(path), "CPU", settings)
        _require_one_each(path, self._model.inputs, self._model.outputs)
        shapes = (x[0].get_partial_shape() for x in (self._model.inputs, self._model.outputs))
        self.input_shape, self.output_shape = (
            tuple(None if side.is_dynamic else side.get_length() for side in shape)
            for shape in shapes
        )

    def __call__(self, views: ArrayLike) -> np.ndarray:
        """Returns probabilities, float32 (n, classes), of views (n, size, size, 3) in [-1, 1]."""
        return np.array(self._model(np.asarray(views, "float32"))[0])


RUNTIMES: dict[str, Callable[..., Runtime]] = {  # by the file's suffix
    ".tflite": LiteRT,
    ".onnx": OnnxRuntime,
    ".xml": OpenVino,
}


def _require_one_each(path, inputs, outputs):
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(
            f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; it must have one of each"
        )


def _shape(sides):
    return tuple(side if isinstance(side, int) else None for side in sides)


def _quantized(values, details):
    if details["dtype"] == np.float32:
        return values
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return np.clip(np.rint(values / scale + zero), limits.min, limits.max).astype(details["dtype"])


def _real(values, details):
    if details["dtype"] == np.float32:
        return values
    scale, zero = details["quantization"]
    return ((values.astype("float32") - zero) * scale).astype("float32")
