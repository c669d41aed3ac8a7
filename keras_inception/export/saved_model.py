"""`saved_model`: a network as a SavedModel that takes pictures and answers with class names.

Decoding, the evaluation view and the labels are inside, so a server needs nothing else. The height
and the width of the pictures are free.

| signature | input | outputs |
| --- | --- | --- |
| `serving_default` | `images`: float32 (batch, height, width, 3) in [0, 255] | all three |
| `serve_bytes` | `image_bytes`: (batch,) strings, JPEG, PNG, GIF or BMP | all three |
| `preprocessed` | `crops`: float32 (batch, size, size, 3) in [-1, 1] | `probabilities` |

The outputs: `probabilities` (batch, classes); `classes` (batch, top_k), the likeliest classes'
labels as strings, best first; `scores` (batch, top_k), their probabilities. `preprocessed` is for
evaluation over several crops, which are cut outside.
"""

import dataclasses
import pathlib

import tensorflow as tf

from keras_inception.data import preprocessing
from keras_inception.export import parity
from keras_inception.export.checks import classifier_shape, computes_in_float32, label_names
from keras_inception.files import replacing

# Largest difference of a probability from Keras. Our choice: the arithmetic is the same, only the
# order of sums may differ, which matters more where a layer computes in 8 (bfloat16) or 11 bits.
TOLERANCE = 1e-4
MIXED_TOLERANCE = 3e-2


def saved_model(model, path, labels=None, top_k=5):
    """Writes `model` as a SavedModel folder, runs it, and compares it with `model`.

    Args:
        model: a Keras model: one input (batch, size, size, 3) in [-1, 1], one softmax output.
        path: the folder. An earlier SavedModel there is replaced, once the new one is complete
            and checked.
        labels: the classes' names, one a class; by default their numbers.
        top_k: how many classes `classes` and `scores` hold, at most as many as there are.

    Returns:
        The `parity.Parity` with the Keras model.

    Raises:
        ValueError: the model, the labels or `top_k` cannot be exported, or `path` is something
            other than a SavedModel.
        RuntimeError: what was written does not do what the Keras model does.
    """
    size, classes = classifier_shape(model)
    names = label_names(labels, classes)
    if top_k < 1:
        raise ValueError(f"top_k={top_k} is below one")
    path = pathlib.Path(path)
    if path.exists() and not (path / "saved_model.pb").exists():
        raise ValueError(f"{path} exists and is no SavedModel: it is not replaced")
    with replacing(path) as temporary:
        _write(model, temporary, size, names, min(top_k, classes))
        found = parity.compare(model, temporary)
        parity.require(found, TOLERANCE if computes_in_float32(model) else MIXED_TOLERANCE)
    return dataclasses.replace(found, path=str(path))


def _write(model, path, size, names, top_k):
    crops_spec = tf.TensorSpec((None, size, size, 3), name="crops")

    @tf.function(input_signature=[crops_spec])  # traced once for the three signatures
    def network(crops):
        return tf.cast(model(crops, training=False), "float32")

    def answers(crops):
        probabilities = network(crops)
        scores, best = tf.math.top_k(probabilities, k=top_k)
        classes = tf.gather(tf.constant(names), best)
        return {"probabilities": probabilities, "classes": classes, "scores": scores}

    def view(image):
        return preprocessing.evaluation_view(image, size)

    def decoded_view(image_bytes):
        return view(preprocessing.decode_image(image_bytes))

    signatures = {
        "serving_default": (
            lambda images: answers(_each(view, images, size)),
            tf.TensorSpec((None, None, None, 3), name="images"),
        ),
        "serve_bytes": (
            lambda image_bytes: answers(_each(decoded_view, image_bytes, size)),
            tf.TensorSpec((None,), tf.string, name="image_bytes"),
        ),
        "preprocessed": (lambda crops: {"probabilities": network(crops)}, crops_spec),
    }
    write_signatures(model, path, signatures)


def write_signatures(model, path, signatures):
    """Writes `{name: (function, input spec)}` and the variables of `model` as a SavedModel.

    `keras.export.ExportArchive` would do, but it stores each variable twice and takes three times
    as long (Keras 3.15). A variable that is not an attribute of what is saved would be lost.
    """
    module = tf.Module()
    module.variables_of_the_model = [variable.value for variable in model.variables]
    functions = {
        name: tf.function(function, input_signature=[spec])
        for name, (function, spec) in signatures.items()
    }
    tf.saved_model.save(module, str(path), signatures=functions)


def _each(view, elements, size):
    """`view` of each element of the batch, float32 (batch, size, size, 3)."""
    spec = tf.TensorSpec((size, size, 3), tf.float32)
    return tf.map_fn(view, elements, fn_output_signature=spec)
