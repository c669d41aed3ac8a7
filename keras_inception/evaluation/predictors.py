"""One way to call a Keras model, a SavedModel folder and the files of other runtimes."""

from __future__ import annotations

import contextlib
import hashlib
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from keras_inception import labels, runtimes
from keras_inception.data import preprocessing
from keras_inception.evaluation import metrics
from keras_inception.renamed import renamed_arguments
from keras_inception.types import PathLike

KINDS = {".tflite": "TFLite model", ".onnx": "ONNX model", ".xml": "OpenVINO model"}
R = TypeVar("R")


def predictor(
    model: Predictor | keras.Model | PathLike, class_names: Sequence[str] | None = None
) -> Predictor:
    """Makes a predictor from a Keras model, or from the file or folder of a model.

    Args:
        model: a Keras model; the path of a `.keras`, `.h5`, `.tflite`, `.onnx` or OpenVINO `.xml`
            file, or of a folder that `export.saved_model` wrote; or a predictor, which is returned
            unchanged.
        class_names: one name per class. By default they are read from the SavedModel or from the
            file beside the model (`labels.class_names`), else they are the classes' numbers.

    Raises:
        FileNotFoundError: there is nothing at that path.
        ValueError: the model is not a classifier of square RGB pictures in one of these forms.
    """
    if isinstance(model, Predictor):
        return model
    if isinstance(model, keras.Model):
        return KerasPredictor(model, class_names)
    path = pathlib.Path(model)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if path.is_dir():
        return SavedModelPredictor(path, class_names)
    if path.suffix in runtimes.RUNTIMES:
        return FilePredictor(path, class_names)
    if path.suffix in (".keras", ".h5"):
        return KerasPredictor(keras_model(path), class_names, path)
    raise ValueError(
        f"{path} is not a model; expected a .keras, .h5, .tflite, .onnx or .xml (OpenVINO) file or "
        "a SavedModel folder"
    )


def keras_model(path: PathLike) -> keras.Model:
    """Reads the model in a `.keras` or `.h5` file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or is not a model.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file")
    return _load(path, "Keras model", lambda: keras.models.load_model(path, compile=False))


class Predictor:
    """A classifier of pictures, whatever the form of its model.

    Each form defines `_run`, which turns float32 crops (batch, size, size, 3) into probabilities.

    Attributes:
        name: what reports call the model.
        size: side of the square pictures that the model takes, in pixels.
        classes: number of classes.
        class_names: one name per class.
        path: path of the model's file or folder; `None` if it has none.
    """

    name: str
    size: int
    classes: int
    class_names: tuple[str, ...]
    path: pathlib.Path | None
    _run: Callable[[Any], Any]

    def __init__(
        self,
        name: str,
        input_shape: Sequence[int | None],
        output_shape: Sequence[int | None],
        class_names: Sequence[str] | None,
        path: pathlib.Path | None = None,
    ) -> None:
        _, size, columns, channels = input_shape if len(input_shape) == 4 else (0, 0, 0, 0)
        if size != columns or channels != 3:
            raise ValueError(f"{name} takes {input_shape}; expected (batch, size, size, 3)")
        if size is None:
            raise ValueError(f"{name} has no fixed size: build it with an input_shape")
        classes = output_shape[1] if len(output_shape) == 2 else None
        if classes is None:
            raise ValueError(f"{name} gives {output_shape}; expected (batch, classes)")
        self.path = path
        self.name = name
        self.size = int(size)
        self.classes = int(classes)
        if class_names is None:
            class_names = labels.class_names(path, self.classes)
        if len(class_names) != self.classes:
            raise ValueError(f"{len(class_names)} names for the {self.classes} classes of {name}")
        self.class_names = tuple(class_names)
        self._view = tf.function(
            lambda encoded: preprocessing.evaluation_view(
                preprocessing.decode_image(encoded), self.size
            ),
            input_signature=[tf.TensorSpec((), tf.string)],
        )

    def __call__(self, crops: Any) -> np.ndarray:
        """Returns probabilities of crops.

        Args:
            crops: float32 (batch, size, size, 3) in [-1, 1].

        Returns:
            (batch, classes).
        """
        return np.asarray(self._run(crops))

    @renamed_arguments(pictures="encoded")
    def from_bytes(self, encoded: Sequence[bytes]) -> np.ndarray:
        """Returns probabilities of encoded pictures, decoded and cut to the evaluation view.

        Args:
            encoded: the bytes of JPEG, PNG, GIF or BMP files.

        Returns:
            (pictures, classes).

        Raises:
            ValueError: a picture cannot be decoded.
        """
        return self(np.stack([_decoded(self._view, picture) for picture in encoded]))

    @renamed_arguments(pictures="encoded")
    def classify(self, encoded: Sequence[bytes], top: int = 5) -> list[list[tuple[str, float]]]:
        """Returns the likeliest classes of encoded pictures.

        Args:
            encoded: as in `from_bytes`.
            top: number of classes for each picture.

        Returns:
            For each picture `top` pairs (class name, probability), best first.

        Raises:
            ValueError: a picture cannot be decoded.
        """
        classes, scores = metrics.top_k(self.from_bytes(encoded), top)
        return [
            [(self.class_names[i], float(score)) for i, score in zip(*row, strict=True)]
            for row in zip(classes, scores, strict=True)
        ]

    def fingerprint(self) -> str:
        """Returns a hash of the model's file or files, wherever they lie, in hexadecimal digits.

        Raises:
            ValueError: the model has no file.
        """
        if self.path is None:
            raise ValueError(
                f"{self.name} has no file to tell it from other models by: evaluate it without "
                "state_dir"
            )
        path = self.path
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        digest = hashlib.sha256()
        for file in files:
            digest.update(str(file.relative_to(path)).encode())
            with open(file, "rb") as opened:
                while block := opened.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()


class KerasPredictor(Predictor):
    """A predictor of a Keras model.

    It runs the model as one compiled graph, since `model.predict` takes longer than the network.
    """

    def __init__(
        self,
        model: keras.Model,
        class_names: Sequence[str] | None = None,
        path: pathlib.Path | None = None,
    ) -> None:
        name = str(path or model.name)
        if len(model.inputs) != 1 or len(model.outputs) != 1:
            raise ValueError(
                f"{name} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; expected "
                "one of each (a model without auxiliary heads)"
            )
        super().__init__(name, model.inputs[0].shape, model.outputs[0].shape, class_names, path)
        self._model = model
        crops = tf.TensorSpec((None, self.size, self.size, 3), "float32")

        @tf.function(input_signature=[crops])
        def run(crops):
            (output,) = tf.nest.flatten(model(crops, training=False))
            return tf.cast(output, "float32")

        self._run = run

    def fingerprint(self) -> str:
        """Returns a hash of the model's file, or of its layers and weights if it has no file."""
        if self.path is not None:
            return super().fingerprint()
        digest = hashlib.sha256()
        with contextlib.suppress(NotImplementedError):  # a layer that cannot be saved
            # Keras appends a number to a layer's name, which counts on through a process.
            digest.update(re.sub(r'_\d+"', '"', self._model.to_json()).encode())
        self._add_weights(digest)
        return digest.hexdigest()

    def fingerprint_of_weights(self) -> str:
        """Returns a hash of the weights alone, which does not depend on the layers' names."""
        digest = hashlib.sha256()
        self._add_weights(digest)
        return digest.hexdigest()

    def _add_weights(self, digest):
        for weight in self._model.get_weights():
            digest.update(f"{weight.dtype}{weight.shape}".encode() + weight.tobytes())


class SavedModelPredictor(Predictor):
    """A predictor of a SavedModel folder of `export.saved_model`, called by its signatures."""

    def __init__(self, path: pathlib.Path, class_names: Sequence[str] | None = None) -> None:
        self._loaded = _load(path, "SavedModel", lambda: tf.saved_model.load(str(path)))
        signatures = self._loaded.signatures
        if not {"preprocessed", "serve_bytes"} <= set(signatures):
            raise ValueError(
                f"{path} has the signatures {sorted(signatures)}; expected `preprocessed` and "
                "`serve_bytes`, as keras_inception.export.saved_model writes them"
            )
        self._preprocessed = signatures["preprocessed"]
        self._serve_bytes = signatures["serve_bytes"]
        crops = self._preprocessed.structured_input_signature[1]["crops"]
        output = self._preprocessed.structured_outputs["probabilities"]
        shapes = tuple(crops.shape), tuple(output.shape)
        super().__init__(str(path), *shapes, class_names, path)
        self._names_are_given = class_names is not None

    def _run(self, crops):
        return self._preprocessed(crops=tf.cast(crops, "float32"))["probabilities"]

    @renamed_arguments(pictures="encoded")
    def from_bytes(self, encoded: Sequence[bytes]) -> np.ndarray:
        """Returns probabilities of encoded pictures, decoded and resized in the SavedModel.

        Arguments, result and errors are those of `Predictor.from_bytes`.
        """
        return self._answers(encoded)["probabilities"]

    @renamed_arguments(pictures="encoded")
    def classify(self, encoded: Sequence[bytes], top: int = 5) -> list[list[tuple[str, float]]]:
        """Returns the likeliest classes of encoded pictures, as a server's client gets them.

        Class names are those in the SavedModel, at most as many as its `top_k`. Arguments, result
        and errors are those of `Predictor.classify`.
        """
        if self._names_are_given:
            return super().classify(encoded, top)
        answers = self._answers(encoded)
        return [
            [(name.decode(), float(score)) for name, score in zip(*row, strict=True)][:top]
            for row in zip(answers["classes"], answers["scores"], strict=True)
        ]

    def _answers(self, encoded):
        answers = _decoded(lambda e: self._serve_bytes(image_bytes=e), tf.constant(encoded))
        answers = {name: answer.numpy() for name, answer in answers.items()}
        for status in answers.pop("status", ()):  # a lenient SavedModel has it
            if status:
                raise ValueError(f"not a picture that can be read: {status.decode()}")
        return answers


class FilePredictor(Predictor):
    """A predictor of a `.tflite`, `.onnx` or OpenVINO file, run by its runtime.

    Args:
        path: path of the file.
        class_names: one name per class, or `None` as in `predictor`.
        num_threads: number of threads; `None` is the runtime's default.
        options: more arguments of the runtime (`runtimes.RUNTIMES`).
    """

    def __init__(
        self,
        path: pathlib.Path,
        class_names: Sequence[str] | None = None,
        num_threads: int | None = None,
        **options: Any,
    ) -> None:
        runtime, kind = runtimes.RUNTIMES[path.suffix], KINDS[path.suffix]
        model: Any = _load(path, kind, lambda: runtime(path, num_threads, **options))
        self._run = model
        shapes = model.input_shape, model.output_shape
        super().__init__(str(path), *shapes, class_names, path)


def _load(path: PathLike, kind: str, load: Callable[[], R]) -> R:
    """Runs `load()`; turns any error that a damaged file causes into one ValueError."""
    try:
        return load()
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is not a {kind} that can be read: {_reason(error)}") from error


def _decoded(function, encoded):
    """Runs `function(encoded)`; turns TensorFlow's error for a broken picture into ValueError."""
    try:
        return function(encoded)
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"not a picture that can be read: {_reason(error)}") from error


def _reason(error):
    """Returns the line of an error that says what is wrong, without TensorFlow's graph nodes."""
    text = re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", str(error)).strip()
    lines = [line.strip() for line in text.splitlines()]
    if not lines:
        return type(error).__name__
    if not lines[0].startswith("Graph execution error"):
        return lines[0]
    # An error inside a graph starts with a trace of Python; its own message comes last.
    trace = re.compile(r"$|\[\[|File |Detected at|Graph execution error")
    return ([line for line in lines if not trace.match(line)] or lines)[-1]
