"""Functions that a SavedModel offers, and how they are written.

The functions decode pictures, cut the evaluation view, run the network and name the classes.
`to_saved_model.py` has the table of their inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf
from tensorflow.python.framework import convert_to_constants

from keras_inception.data import preprocessing
from keras_inception.export import encoded
from keras_inception.types import PathLike

Signature = tuple[Callable[..., dict[str, tf.Tensor]], tf.TensorSpec]
_UNREADABLE = "this is not a picture that can be read"


def write_signatures(
    path: PathLike, signatures: Mapping[str, Signature], variables: Sequence[tf.Variable]
) -> None:
    """Writes functions as a SavedModel.

    `keras.export.ExportArchive` would do, but it stores each variable twice and takes three times
    as long (Keras 3.15).

    Args:
        path: the folder.
        signatures: each function and its input, by the signature's name.
        variables: those that the functions use. One that is left out would be lost.
    """
    module = tf.Module()
    module.variables_of_the_model = variables
    functions = {
        name: tf.function(function, input_signature=[spec])
        for name, (function, spec) in signatures.items()
    }
    tf.saved_model.save(module, str(path), signatures=functions)


def as_function(
    model: keras.Model, size: int, frozen: bool
) -> tuple[Callable[[tf.Tensor], tf.Tensor], list[tf.Variable]]:
    """Makes a function of a network, traced once for all signatures.

    Args:
        model: takes (batch, size, size, 3) and returns probabilities (batch, classes).
        size: side of the pictures, in pixels.
        frozen: whether the weights become constants of the graph.

    Returns:
        The function, which returns float32, and the variables that it uses.
    """

    @tf.function(input_signature=[tf.TensorSpec((None, size, size, 3), name="crops")])
    def network(crops):
        (output,) = tf.nest.flatten(model(crops, training=False))
        return tf.cast(output, "float32")

    if not frozen:
        return network, [variable.value for variable in model.variables]
    constant = convert_to_constants.convert_variables_to_constants_v2(
        network.get_concrete_function()
    )
    return lambda crops: tf.nest.flatten(constant(crops))[0], []


def serving_signatures(
    network: Callable[[tf.Tensor], tf.Tensor],
    size: int,
    class_names: Sequence[str],
    *,
    top_k: int,
    limit: int,
    lenient: bool,
) -> dict[str, Signature]:
    """Makes the four functions that servers and evaluation call.

    Args:
        network: float32 crops (batch, size, size, 3) in [-1, 1] to probabilities (batch, classes).
        size: side of the crops, in pixels.
        class_names: one a class.
        top_k: how many classes an answer names.
        limit: the most pixels of an encoded picture that is decoded.
        lenient: whether a picture that cannot be read gets a `status` in its row of the answer.
            Otherwise it is an error for the whole request.
    """

    def answers(crops):
        probabilities = network(_at_least_one(crops))
        scores, best = tf.math.top_k(probabilities, k=top_k)
        classes = tf.gather(tf.constant(class_names), best)
        return {"probabilities": probabilities, "classes": classes, "scores": scores}

    def serving_default(images):
        return answers(_views(_with_pixels(images), size))

    def serve_bytes(image_bytes):
        if not lenient:
            return answers(_decoded_views(image_bytes, size, limit))
        views, status = _lenient_views(image_bytes, size, limit)
        return {**_blanked(answers(views), status != ""), "status": status}

    def serve_uint8(images):
        return serving_default(tf.cast(images, tf.float32))

    def preprocessed(crops):
        finite = tf.reduce_all(tf.math.is_finite(crops))
        with tf.control_dependencies([tf.debugging.Assert(finite, ["crops are NaN or infinite"])]):
            return {"probabilities": network(_at_least_one(crops))}

    any_size, fixed_size = (None, None, None, 3), (None, size, size, 3)
    return {
        "serving_default": (serving_default, tf.TensorSpec(any_size, name="images")),
        "serve_uint8": (serve_uint8, tf.TensorSpec(any_size, tf.uint8, name="images")),
        "serve_bytes": (serve_bytes, tf.TensorSpec((None,), tf.string, name="image_bytes")),
        "preprocessed": (preprocessed, tf.TensorSpec(fixed_size, name="crops")),
    }


def _at_least_one(crops):
    """Returns the crops, or fails with a clear message if there are none.

    Some networks fail for an empty batch without a reason.
    """
    there = tf.debugging.Assert(tf.shape(crops)[0] > 0, ["the request has no pictures"])
    with tf.control_dependencies([there]):
        return tf.identity(crops)


def _with_pixels(images):
    """Returns the images, or fails with a clear message if they have no finite pixels."""
    sound = tf.reduce_all(tf.math.is_finite(images)) & (tf.reduce_min(tf.shape(images)[1:]) > 0)
    message = "images has no pixels, or some that are NaN or infinite"
    with tf.control_dependencies([tf.debugging.Assert(sound, [message])]):
        return tf.identity(images)


def _views(images, size):
    """Cuts the evaluation view of each image of a batch: float32 (batch, size, size, 3)."""
    return _each(lambda image: preprocessing.evaluation_view(image, size), images, size)


def _decoded_views(image_bytes, size, limit):
    """Decodes pictures and cuts their views; one that is too large or broken is an error."""

    def view(numbered):
        number, picture = numbered
        refusal = encoded.refusal(encoded.pixel_count(picture), limit)
        place = tf.strings.as_string(number)
        reason = tf.strings.join(["picture ", place, " of the request ", refusal])
        with tf.control_dependencies([tf.debugging.Assert(refusal == "", [reason])]):
            image = encoded.decode(tf.identity(picture))
        return preprocessing.evaluation_view(image, size)

    return _each(view, (tf.range(tf.size(image_bytes)), image_bytes), size)


def _each(view, elements, size):
    """Applies `view` to one element at a time, so that only one picture at a time takes memory."""
    spec = tf.TensorSpec((size, size, 3), tf.float32)
    return tf.map_fn(view, elements, fn_output_signature=spec, parallel_iterations=1)


def _lenient_views(image_bytes, size, limit):
    """Returns a view of each picture, zeros for one that cannot be read, and a status of each."""
    count = tf.size(image_bytes)

    def view(number, picture):
        refusal = encoded.refusal(encoded.pixel_count(picture), limit)
        image = tf.cond(
            refusal == "",
            lambda: preprocessing.evaluation_view(encoded.decode(picture), size),
            lambda: tf.zeros((size, size, 3)),
        )
        status = tf.where(refusal == "", "", tf.strings.join(["this picture ", refusal]))
        return number, image, status

    examples = tf.data.Dataset.from_tensor_slices((tf.range(count), image_bytes)).map(view)
    none = tf.zeros((0,), tf.int32), tf.zeros((0, size, size, 3)), tf.zeros((0,), tf.string)
    read = examples.ignore_errors().batch(2**31 - 1)
    read = read.concatenate(tf.data.Dataset.from_tensors(none))  # if no picture can be read
    numbers, images, reasons = read.take(1).get_single_element()
    places = numbers[:, tf.newaxis]
    views = tf.scatter_nd(places, images, (count, size, size, 3))
    status = tf.tensor_scatter_nd_update(tf.fill((count,), _UNREADABLE), places, reasons)
    return views, status


def _blanked(outputs, is_bad):
    """Empties the rows of the outputs that belong to pictures which cannot be read."""
    bad = is_bad[:, tf.newaxis]
    return {
        name: tf.where(bad, tf.constant("" if value.dtype == tf.string else 0, value.dtype), value)
        for name, value in outputs.items()
    }
