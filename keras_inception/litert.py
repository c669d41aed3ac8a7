"""Runs `.tflite` classifiers by ai_edge_litert, quantized ones as if they took floats."""

import numpy as np


class Classifier:
    """A `.tflite` file with one input (batch, size, size, 3) and one output (batch, classes).

    Args:
        path: of the file.
        num_threads: as many as there are cores by default.

    Raises:
        ImportError: ai_edge_litert is not installed.
        ValueError: the file cannot be read, or has other inputs and outputs.
    """

    def __init__(self, path, num_threads=None):
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise ImportError(
                "running a .tflite file needs ai_edge_litert: pip install keras_inception[demo]"
            ) from error
        self._interpreter = Interpreter(model_path=str(path), num_threads=num_threads)
        self._interpreter.allocate_tensors()
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(f"{path} has {len(inputs)} inputs, {len(outputs)} outputs; one each")
        self._input, self._output = inputs[0], outputs[0]
        self.input_shape = tuple(int(side) for side in self._input["shape"])
        self.output_shape = tuple(int(side) for side in self._output["shape"])

    def __call__(self, views):
        """Probabilities (n, classes), float32, of views (n, size, size, 3) in [-1, 1]."""
        views, batch = np.asarray(views, "float32"), self.input_shape[0]
        found = []
        for start in range(0, len(views), batch):
            part = views[start : start + batch]
            filled = np.concatenate([part, np.zeros((batch - len(part), *part.shape[1:]), "f4")])
            self._interpreter.set_tensor(self._input["index"], _quantized(filled, self._input))
            self._interpreter.invoke()
            answer = self._interpreter.get_tensor(self._output["index"])
            found.append(_real(answer, self._output)[: len(part)])
        return np.concatenate(found) if found else np.zeros((0, *self.output_shape[1:]), "f4")


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
