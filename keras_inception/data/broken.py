"""Pictures that cannot be read: skipped and told of, or an error that names them.

TensorFlow's decoders end the whole pipeline at a broken picture, with an error that does not say
which one. Here each picture is read in a data set of its own, inside the graph, whose errors may
be passed over; only then is Python called, for the name.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import tensorflow as tf

from keras_inception.data.preprocessing import decode_image

ON_ERROR = ("skip", "error")
_LOGGER = logging.getLogger(__name__)


def guarded(
    examples: tf.data.Dataset,
    view: Callable,
    shape: tuple[int, ...],
    on_error: str,
    count: int,
    num_parallel_calls: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Maps examples to views, with what `on_error` says for those that cannot be read.

    Args:
        examples: of (place as int64, (image bytes, label, name)).
        view: (image bytes, place) to float32 of `shape`.
        shape: of one view.
        on_error: "skip": the picture is left out, and its name and the fault logged as a warning,
            once; "error": iterating raises an error with both.
        count: pictures in the data set: skipping all of them is an error too.
        num_parallel_calls: as in `tf.data.Dataset.map`.

    Returns:
        A data set of (view, label), in the order of `examples`.
    """
    check_on_error(on_error)
    report = _Report(on_error, count)
    nothing = tf.data.Dataset.from_tensors((tf.zeros(shape), False))

    def read(place, example):
        image_bytes, label, name = example
        one = tf.data.Dataset.from_tensors((image_bytes, place)).map(view).ignore_errors()
        image, is_read = (
            one.map(lambda image: (image, True)).concatenate(nothing).take(1).get_single_element()
        )
        told = tf.cond(is_read, lambda: False, lambda: report.in_graph(image_bytes, name))
        with tf.control_dependencies([told]):
            return tf.ensure_shape(image, shape), label, tf.identity(is_read)

    made = examples.map(read, num_parallel_calls=num_parallel_calls)
    if on_error == "skip":
        made = made.filter(lambda image, label, is_read: is_read)
    return made.map(lambda image, label, is_read: (image, label))


def unreadable(examples: tf.data.Dataset) -> list[tuple[int, str, str]]:
    """Decodes one pass of (image bytes, label, name); the number, name and fault of broken ones."""
    found = []

    def tell(number, image_bytes, name):
        found.append((int(number), name.decode(errors="replace"), fault(image_bytes)))
        return False

    def is_read(number, example):
        image_bytes, _, name = example
        one = tf.data.Dataset.from_tensors(image_bytes).map(decode_image).ignore_errors()
        is_read = tf.equal(one.reduce(0, lambda count, _: count + 1), 1)
        told = tf.cond(
            is_read,
            lambda: False,
            lambda: tf.numpy_function(tell, (number, image_bytes, name), tf.bool),
        )
        with tf.control_dependencies([told]):
            return tf.identity(is_read)

    for _ in examples.enumerate().map(is_read, num_parallel_calls=tf.data.AUTOTUNE):
        pass
    return sorted(found)


def fault(image_bytes: bytes) -> str:
    """Why a picture cannot be decoded, in a line."""
    try:
        decode_image(tf.constant(image_bytes))
    except tf.errors.OpError as error:
        text = re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", error.message).strip()
        return text.splitlines()[0] if text else type(error).__name__
    return "its view cannot be made"


def check_on_error(on_error: str) -> None:
    """Raises ValueError where `on_error` is not of `ON_ERROR`."""
    if on_error not in ON_ERROR:
        raise ValueError(f"Unknown on_error {on_error!r}; choose from {', '.join(ON_ERROR)}.")


class _Report:
    """What is done about a broken picture, in Python."""

    def __init__(self, on_error, count):
        self._on_error = on_error
        self._count = count
        self._names = set()

    def in_graph(self, image_bytes, name):
        return tf.numpy_function(self, (image_bytes, name), tf.bool)

    def __call__(self, image_bytes, name):
        name, why = name.decode(errors="replace"), fault(image_bytes)
        if self._on_error == "error":
            raise ValueError(f"{name} cannot be read: {why}")
        if name not in self._names:
            self._names.add(name)
            _LOGGER.warning("%s cannot be read: %s; skipped (%d)", name, why, len(self._names))
        if len(self._names) >= self._count:
            raise ValueError(f"none of the {self._count} pictures can be read")
        return False
