"""One way to call a Keras model, a SavedModel folder and the files of other runtimes.

`predictor(model)` gives an object with

- `name`: what reports call it;
- `size`: the side of the square pictures that the network takes, in pixels;
- `classes`: how many there are;
- `class_names`: what they are called;
- `p(crops)`: float32 (batch, size, size, 3) in [-1, 1] to probabilities, numpy (batch, classes);
- `p.from_bytes(pictures)`: a list of encoded pictures (JPEG, PNG ...) to the same, by way of the
  evaluation view of `data/preprocessing.py`;
- `p.classify(pictures, top=5)`: for each encoded picture its likeliest classes, best first, as
  `(name, probability)`;
- `p.fingerprint()`: tells whether a predictor is the same as another one was.
"""

import contextlib
import hashlib
import pathlib
import re

import keras
import numpy as np
import tensorflow as tf

from keras_inception import labels, runtimes
from keras_inception.data import preprocessing
from keras_inception.evaluation import metrics

KINDS = {".tflite": "TFLite model", ".onnx": "ONNX model", ".xml": "OpenVINO model"}


def predictor(model, class_names=None):
    """Makes a predictor of a Keras model, or of the path of a file or folder that holds one.

    Args:
        model: a Keras model, a `.keras` or `.h5` file, a folder that `export.saved_model` wrote,
            a `.tflite`, `.onnx` or OpenVINO `.xml` file, or a predictor, which is given back.
        class_names: one a class; by default those in the SavedModel, or in the file beside the
            model (`labels.class_names`), or the numbers of the classes.

    Raises:
        FileNotFoundError: there is nothing at that path.
        ValueError: it is not a classifier of square RGB pictures in one of these forms.
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
        f"{path} is not a model: a .keras, .h5, .tflite, .onnx or .xml (OpenVINO) file or a "
        "SavedModel folder is wanted"
    )


def keras_model(path):
    """The model in a `.keras` or `.h5` file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged or no model.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file")
    return _load(path, "Keras model", lambda: keras.models.load_model(path, compile=False))


class Predictor:
    """What the three forms share; the module's docstring lists its attributes.

    Each form has `_run(crops)`, float32 (batch, size, size, 3) to probabilities.
    """

    def __init__(self, name, input_shape, output_shape, class_names, path=None):
        self.path = path
        if len(input_shape) != 4 or input_shape[1] != input_shape[2] or input_shape[3] != 3:
            raise ValueError(f"{name} takes {input_shape}; (batch, size, size, 3) is wanted")
        if input_shape[1] is None:
            raise ValueError(f"{name} has no fixed size: build it with an input_shape")
        if len(output_shape) != 2 or output_shape[1] is None:
            raise ValueError(f"{name} gives {output_shape}; (batch, classes) is wanted")
        self.name = name
        self.size = int(input_shape[1])
        self.classes = int(output_shape[1])
        if class_names is None:
            class_names = labels.class_names(path, self.classes)
        if len(class_names) != self.classes:
            raise ValueError(f"{len(class_names)} names for the {self.classes} classes of {name}")
        self.class_names = tuple(class_names)
        self._view = tf.function(self._view, input_signature=[tf.TensorSpec((), tf.string)])

    def __call__(self, crops):
        """Probabilities (batch, classes) of crops (batch, size, size, 3) in [-1, 1]."""
        return np.asarray(self._run(crops))

    def from_bytes(self, pictures):
        """Probabilities (pictures, classes) of a list of encoded pictures.

        Raises:
            ValueError: one of them cannot be decoded.
        """
        views = [_decoded(self._view, picture) for picture in pictures]
        return self(np.stack(views))

    def classify(self, pictures, top=5):
        """For each encoded picture a list of `top` pairs (class name, probability)."""
        classes, scores = metrics.top_k(self.from_bytes(pictures), top)
        return [
            [(self.class_names[i], float(score)) for i, score in zip(*row, strict=True)]
            for row in zip(classes, scores, strict=True)
        ]

    def fingerprint(self):
        """A hash, in hexadecimal digits, of the model's file or files, wherever they lie."""
        path = pathlib.Path(self.path)
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        digest = hashlib.sha256()
        for file in files:
            digest.update(str(file.relative_to(path)).encode())
            with open(file, "rb") as opened:
                while block := opened.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    def _view(self, picture):
        """An encoded picture as the network wants it, float32 (size, size, 3)."""
        return preprocessing.evaluation_view(preprocessing.decode_image(picture), self.size)


class KerasPredictor(Predictor):
    """A Keras model, as one compiled graph (`model.predict` costs more than the network)."""

    def __init__(self, model, class_names=None, path=None):
        name = str(path or model.name)
        if len(model.inputs) != 1 or len(model.outputs) != 1:
            raise ValueError(
                f"{name} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; one each "
                "is wanted (take auxiliary heads off first)"
            )
        super().__init__(name, model.inputs[0].shape, model.outputs[0].shape, class_names, path)
        self._model = model
        crops = tf.TensorSpec((None, self.size, self.size, 3), "float32")

        @tf.function(input_signature=[crops])
        def run(crops):
            (output,) = tf.nest.flatten(model(crops, training=False))
            return tf.cast(output, "float32")

        self._run = run

    def fingerprint(self):
        """That of the file, or of layers and weights where the model has none."""
        if self.path is not None:
            return super().fingerprint()
        digest = hashlib.sha256()
        with contextlib.suppress(NotImplementedError):  # of a layer that cannot be saved
            # Keras numbers layers through in a process.
            digest.update(re.sub(r'_\d+"', '"', self._model.to_json()).encode())
        self._add_weights(digest)
        return digest.hexdigest()

    def fingerprint_of_weights(self):
        """Of the weights alone, whatever the layers are called and however Keras lists them."""
        digest = hashlib.sha256()
        self._add_weights(digest)
        return digest.hexdigest()

    def _add_weights(self, digest):
        for weight in self._model.get_weights():
            digest.update(f"{weight.dtype}{weight.shape}".encode() + weight.tobytes())


class SavedModelPredictor(Predictor):
    """A SavedModel folder written by `export.saved_model`, called through its signatures."""

    def __init__(self, path, class_names=None):
        self._loaded = _load(path, "SavedModel", lambda: tf.saved_model.load(str(path)))
        signatures = self._loaded.signatures
        if not {"preprocessed", "serve_bytes"} <= set(signatures):
            raise ValueError(
                f"{path} has the signatures {sorted(signatures)}; `preprocessed` and "
                "`serve_bytes`, as keras_inception.export.saved_model writes them, are wanted"
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

    def from_bytes(self, pictures):
        """Probabilities of encoded pictures, decoded and resized inside the SavedModel."""
        return self._answers(pictures)["probabilities"]

    def classify(self, pictures, top=5):
        """What a server's client gets: the SavedModel's own labels, at most its own `top_k`."""
        if self._names_are_given:
            return super().classify(pictures, top)
        answers = self._answers(pictures)
        return [
            [(name.decode(), float(score)) for name, score in zip(*row, strict=True)][:top]
            for row in zip(answers["classes"], answers["scores"], strict=True)
        ]

    def _answers(self, pictures):
        answers = _decoded(lambda p: self._serve_bytes(image_bytes=p), tf.constant(pictures))
        answers = {name: answer.numpy() for name, answer in answers.items()}
        for status in answers.pop("status", ()):  # of a lenient one
            if status:
                raise ValueError(f"not a picture that can be read: {status.decode()}")
        return answers


class FilePredictor(Predictor):
    """A `.tflite`, `.onnx` or OpenVINO file, run by the runtime of its kind."""

    def __init__(self, path, class_names=None, num_threads=None, **options):
        runtime, kind = runtimes.RUNTIMES[path.suffix], KINDS[path.suffix]
        self._run = _load(path, kind, lambda: runtime(path, num_threads, **options))
        shapes = self._run.input_shape, self._run.output_shape
        super().__init__(str(path), *shapes, class_names, path)


def _load(path, kind, load):
    """Runs `load()`; whatever a damaged file makes it raise becomes one ValueError."""
    try:
        return load()
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is not a {kind} that can be read: {_reason(error)}") from error


def _decoded(function, encoded):
    """`function(encoded)`; TensorFlow's error about a broken picture becomes a ValueError."""
    try:
        return function(encoded)
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"not a picture that can be read: {_reason(error)}") from error


def _reason(error):
    """The line of an error's message that says what is wrong, without TensorFlow's graph nodes."""
    text = re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", str(error)).strip()
    lines = [line.strip() for line in text.splitlines()]
    if not lines:
        return type(error).__name__
    if not lines[0].startswith("Graph execution error"):
        return lines[0]
    # An error inside a graph is headed by a trace of Python: its own words come last.
    trace = re.compile(r"$|\[\[|File |Detected at|Graph execution error")
    return ([line for line in lines if not trace.match(line)] or lines)[-1]
