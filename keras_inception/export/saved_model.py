"""`saved_model`: a network as a SavedModel that takes pictures and answers with class names.

Decoding, the evaluation view and the labels are inside, so a server needs nothing else. The height
and the width of the pictures are free.

| signature | input | outputs |
| --- | --- | --- |
| `serving_default` | `images`: float32 (batch, height, width, 3) in [0, 255] | the first three |
| `serve_uint8` | `images`: the same as uint8, a quarter of the bytes | the first three |
| `serve_bytes` | `image_bytes`: (batch,) strings, JPEG, PNG, GIF, BMP or WebP | all |
| `preprocessed` | `crops`: float32 (batch, size, size, 3) in [-1, 1] | `probabilities` |

The outputs: `probabilities` (batch, classes); `classes` (batch, top_k), the likeliest classes'
labels as strings, best first; `scores` (batch, top_k), their probabilities; with `lenient` also
`status` (batch,), an empty string, or what is wrong with that picture. `preprocessed` is for
evaluation over several crops, which are cut outside.
"""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import convert_to_constants

from keras_inception.data import preprocessing
from keras_inception.export import parity, pictures, warm_up
from keras_inception.export.checks import (
    classifier_shape,
    computes_in_float32,
    label_names,
    refuse_existing,
)
from keras_inception.export.fold import in_dtype, optimize
from keras_inception.files import replacing

# Largest difference of a probability from Keras. Our choice: the arithmetic is the same, only the
# order of sums may differ, which matters more where numbers have 8 bits (bfloat16).
TOLERANCES = {"float32": 1e-4, "bfloat16": 3e-2}
_UNREADABLE = "this is not a picture that can be read"


def saved_model(
    model,
    path,
    labels=None,
    top_k=5,
    precision="float32",
    *,
    frozen=True,
    lenient=False,
    megapixels=pictures.MEGAPIXELS,
    overwrite=False,
):
    """Writes `model` as a SavedModel folder, runs it, and compares it with `model`.

    Args:
        model: a functional Keras model: one input (batch, size, size, 3) in [-1, 1], one softmax
            output, auxiliary ones aside. Its inference form (`optimize`) is written.
        path: the folder.
        labels: the classes' names, one a class; by default their numbers.
        top_k: how many classes `classes` and `scores` hold, at most as many as there are.
        precision: `float32`; or `bfloat16`: half the size, and faster where the processor
            multiplies such numbers (AVX-512 BF16, AMX).
        frozen: whether the weights are constants of the graph, which is faster, and not variables,
            which another program can read.
        lenient: whether a picture that cannot be read, or is too large, gets a `status` (and
            probabilities of zero) in its row, where it is an error for the whole request otherwise.
        megapixels: the largest picture that is decoded.
        overwrite: whether a SavedModel that is there is replaced, once the new one is complete and
            checked. It is an error otherwise.

    Returns:
        The `parity.Parity` with the Keras model.

    Raises:
        FileExistsError: there is something at `path`, and `overwrite` is not given.
        ValueError: the model, the labels or another argument cannot be exported, or `path` is
            something other than a SavedModel.
        RuntimeError: what was written does not do what the Keras model does.
    """
    if precision not in TOLERANCES:
        raise ValueError(f"precision={precision!r}; {', '.join(TOLERANCES)} are known")
    if top_k < 1:
        raise ValueError(f"top_k={top_k} is below one")
    optimized = optimize(model)
    size, classes = classifier_shape(optimized)
    names = label_names(labels, classes)
    if not 0 < megapixels < 1e9:
        raise ValueError(f"megapixels={megapixels} is no size of a picture, above 0 and below 1e9")
    limit = int(megapixels * 1e6)
    least = max(picture.size // 3 for picture in parity.made_up_pictures(size))
    if limit < least:
        raise ValueError(f"megapixels={megapixels} is below {least / 1e6}, what a check needs")
    path = pathlib.Path(path)
    if path.exists() and not (path / "saved_model.pb").exists():
        raise ValueError(f"{path} exists and is no SavedModel: it is not replaced")
    refuse_existing(overwrite, path)
    exact = computes_in_float32(model) and precision == "float32"
    if not exact:
        optimized = in_dtype(optimized, precision)
    network, variables = _network(optimized, size, frozen)
    with replacing(path) as temporary:
        signatures = _signatures(network, size, names, min(top_k, classes), limit, lenient)
        write_signatures(variables, temporary, signatures)
        warm_up.write(temporary, model.name, _first_requests(size))
        found = parity.compare(model, temporary)
        parity.require(found, TOLERANCES["float32" if exact else "bfloat16"])
    return dataclasses.replace(found, path=str(path))


def _first_requests(size):
    """What a server runs before it answers: each signature for clients once."""
    picture = parity.made_up_pictures(size, 1)[0]
    encoded = tf.io.encode_jpeg(picture).numpy()
    small = picture[np.newaxis, :32, :32].astype("float32")
    return [("serve_bytes", {"image_bytes": [encoded]}), ("serving_default", {"images": small})]


def _network(model, size, frozen):
    """The network as one function, traced once for all the signatures, and its variables."""

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


def _signatures(network, size, names, top_k, limit, lenient):
    """`{name: (function, input spec)}`."""

    def some(crops):
        """The crops, of which there must be one: of none some networks fail without a reason."""
        there = tf.debugging.Assert(tf.shape(crops)[0] > 0, ["the request has no pictures"])
        with tf.control_dependencies([there]):
            return tf.identity(crops)

    def answers(crops):
        probabilities = network(some(crops))
        scores, best = tf.math.top_k(probabilities, k=top_k)
        classes = tf.gather(tf.constant(names), best)
        return {"probabilities": probabilities, "classes": classes, "scores": scores}

    def serving_default(images):
        sound = tf.reduce_all(tf.math.is_finite(images)) & (tf.reduce_min(tf.shape(images)[1:]) > 0)
        message = "images has no pixels, or some that are NaN or infinite"
        with tf.control_dependencies([tf.debugging.Assert(sound, [message])]):
            return answers(_views(tf.identity(images), size))

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
            return {"probabilities": network(some(crops))}

    crops_spec = tf.TensorSpec((None, size, size, 3), name="crops")
    uint8_spec = tf.TensorSpec((None, None, None, 3), tf.uint8, name="images")
    return {
        "serving_default": (serving_default, tf.TensorSpec((None, None, None, 3), name="images")),
        "serve_uint8": (serve_uint8, uint8_spec),
        "serve_bytes": (serve_bytes, tf.TensorSpec((None,), tf.string, name="image_bytes")),
        "preprocessed": (preprocessed, crops_spec),
    }


def write_signatures(variables, path, signatures):
    """Writes `{name: (function, input spec)}` and the variables they use as a SavedModel.

    `keras.export.ExportArchive` would do, but it stores each variable twice and takes three times
    as long (Keras 3.15). A variable that is not an attribute of what is saved would be lost.
    """
    module = tf.Module()
    module.variables_of_the_model = variables
    functions = {
        name: tf.function(function, input_signature=[spec])
        for name, (function, spec) in signatures.items()
    }
    tf.saved_model.save(module, str(path), signatures=functions)


def _views(images, size):
    """The evaluation view of each image of a batch, float32 (batch, size, size, 3)."""
    return _each(lambda image: preprocessing.evaluation_view(image, size), images, size)


def _decoded_views(image_bytes, size, limit):
    """The same of encoded pictures; one that is too large or broken is an error."""

    def view(numbered):
        number, picture = numbered
        refusal = pictures.refusal(pictures.pixel_count(picture), limit)
        place = tf.strings.as_string(number)
        reason = tf.strings.join(["picture ", place, " of the request ", refusal])
        with tf.control_dependencies([tf.debugging.Assert(refusal == "", [reason])]):
            image = pictures.decode(tf.identity(picture))
        return preprocessing.evaluation_view(image, size)

    return _each(view, (tf.range(tf.size(image_bytes)), image_bytes), size)


def _each(view, elements, size):
    """One after the other: so only one picture at a time takes room."""
    spec = tf.TensorSpec((size, size, 3), tf.float32)
    return tf.map_fn(view, elements, fn_output_signature=spec, parallel_iterations=1)


def _lenient_views(image_bytes, size, limit):
    """Views, zeros where there is none, and a status for each picture."""
    count = tf.size(image_bytes)

    def view(number, picture):
        refusal = pictures.refusal(pictures.pixel_count(picture), limit)
        image = tf.cond(
            refusal == "",
            lambda: preprocessing.evaluation_view(pictures.decode(picture), size),
            lambda: tf.zeros((size, size, 3)),
        )
        status = tf.where(refusal == "", "", tf.strings.join(["this picture ", refusal]))
        return number, image, status

    examples = tf.data.Dataset.from_tensor_slices((tf.range(count), image_bytes)).map(view)
    none = tf.zeros((0,), tf.int32), tf.zeros((0, size, size, 3)), tf.zeros((0,), tf.string)
    read = examples.ignore_errors().batch(2**31 - 1)
    read = read.concatenate(tf.data.Dataset.from_tensors(none))  # where there is not one
    numbers, images, reasons = read.take(1).get_single_element()
    places = numbers[:, tf.newaxis]
    views = tf.scatter_nd(places, images, (count, size, size, 3))
    status = tf.tensor_scatter_nd_update(tf.fill((count,), _UNREADABLE), places, reasons)
    return views, status


def _blanked(outputs, is_bad):
    """Rows of the outputs without what was made of a picture that is not there."""
    bad = is_bad[:, tf.newaxis]
    return {
        name: tf.where(bad, tf.constant("" if value.dtype == tf.string else 0, value.dtype), value)
        for name, value in outputs.items()
    }
