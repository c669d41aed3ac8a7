"""Runs classifier files outside TensorFlow: each class is one runtime, called in the same way.

| file | class | package |
| --- | --- | --- |
| `.tflite` | `LiteRT` | ai_edge_litert |
| `.onnx` | `OnnxRuntime` | onnxruntime |
| `.xml`, with `.bin` beside it | `OpenVino` | openvino |

An object has `input_shape`, (batch, size, size, 3), and `output_shape`, (batch, classes), with None
or a fixed number for the batch; called with float32 views (n, size, size, 3) in [-1, 1], it gives
their probabilities, float32 (n, classes).
"""

import importlib

import numpy as np

EXTRAS = {  # package: the extra that brings it
    "ai_edge_litert": "demo",
    "onnx": "runtimes",
    "onnxruntime": "runtimes",
    "openvino": "runtimes",
    "tf2onnx": "runtimes",
}


def require(module, what):
    """Imports and returns a module.

    Raises:
        ImportError: it is not installed; `what` needs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise ImportError(
            f"{what} needs {package}: pip install keras_inception[{EXTRAS[package]}]"
        ) from error


class LiteRT:
    """A `.tflite` file, whose batch is fixed; quantized ones are run as if they took floats.

    Args:
        path: of the file.
        num_threads: as many as there are cores by default.

    Raises:
        ImportError: ai_edge_litert is not installed.
        ValueError: the file cannot be read, or has other inputs and outputs.
    """

    def __init__(self, path, num_threads=None):
        litert = require("ai_edge_litert.interpreter", "running a .tflite file")
        self._interpreter = litert.Interpreter(model_path=str(path), num_threads=num_threads)
        self._interpreter.allocate_tensors()
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        _require_one_each(path, inputs, outputs)
        self._input, self._output = inputs[0], outputs[0]
        self.input_shape = tuple(int(side) for side in self._input["shape"])
        self.output_shape = tuple(int(side) for side in self._output["shape"])

    def __call__(self, views):
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
    """An `.onnx` file. Arguments and errors are those of `LiteRT`."""

    def __init__(self, path, num_threads=None):
        onnxruntime = require("onnxruntime", "running an .onnx file")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads or 0
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(str(path), options, providers)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        _require_one_each(path, inputs, outputs)
        self._name = inputs[0].name
        self.input_shape, self.output_shape = (_shape(x.shape) for x in (inputs[0], outputs[0]))

    def __call__(self, views):
        return self._session.run(None, {self._name: np.asarray(views, "float32")})[0]


class OpenVino:
    """An `.xml` file of OpenVINO. Arguments and errors are those of `LiteRT`.

    Args:
        precision: `f32`, or `bf16`, which OpenVINO would take by itself where the processor has it.
    """

    def __init__(self, path, num_threads=None, precision="f32"):
        openvino = require("openvino", "running an OpenVINO file")
        settings = {"INFERENCE_PRECISION_HINT": precision}
        if num_threads:
            settings["INFERENCE_NUM_THREADS"] = num_threads
        self._model = openvino.Core().compile_model(str(path), "CPU", settings)
        _require_one_each(path, self._model.inputs, self._model.outputs)
        shapes = (x[0].get_partial_shape() for x in (self._model.inputs, self._model.outputs))
        self.input_shape, self.output_shape = (
            tuple(None if side.is_dynamic else side.get_length() for side in shape)
            for shape in shapes
        )

    def __call__(self, views):
        return np.array(self._model(np.asarray(views, "float32"))[0])


RUNTIMES = {".tflite": LiteRT, ".onnx": OnnxRuntime, ".xml": OpenVino}  # by the file's suffix


def _require_one_each(path, inputs, outputs):
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(f"{path} has {len(inputs)} inputs, {len(outputs)} outputs; one each")


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
