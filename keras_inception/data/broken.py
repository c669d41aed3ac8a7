"""Pictures that cannot be read: found, named, and skipped where that is asked for.

TensorFlow's decoders end a pipeline at a broken picture, with an error that does not say which one.
`Dataset.ignore_errors` passes over it without a word. Here the examples are numbered, the numbers
that are missing from a batch are noticed, and a table has their names: that costs a twentieth of a
view, where reading each picture in a data set of its own, to catch its error, costs a third.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator

import tensorflow as tf

from keras_inception.data.preprocessing import decode_image

ON_ERROR = ("skip", "error")
# So many at the beginning of a data set may be broken. It is our choice: where all are, a pipeline
# that skips them would search for ever.
_PATIENCE = 100
_LOGGER = logging.getLogger(__name__)


def check_on_error(on_error: str) -> None:
    """Raises ValueError where `on_error` is not of `ON_ERROR`."""
    if on_error not in ON_ERROR:
        raise ValueError(f"Unknown on_error {on_error!r}; choose from {', '.join(ON_ERROR)}.")


def check_readable(examples: tf.data.Dataset) -> None:
    """Raises ValueError where none of the first hundred examples can be decoded.

    Args:
        examples: of (image bytes, label, name).
    """
    first = None
    for image_bytes, _, name in examples.take(_PATIENCE):
        why = fault(image_bytes)
        if not why:
            return
        first = first or f"{_text(name.numpy())}: {why}"
    if first is not None:
        raise ValueError(f"None of the first {_PATIENCE} pictures can be read. {first}")


def batches_of_readable(
    examples: tf.data.Dataset, view: Callable, batch_size: int, on_error: str
) -> tf.data.Dataset:
    """Batches of the views of those pictures that can be read, in order.

    Args:
        examples: endless, of (place as int64, counted from 0, (image bytes, label, name)).
        view: (image bytes, place) to a tensor.
        batch_size: examples in a batch.
        on_error: "skip": a broken picture's name is logged as a warning, once, with how many there
            have been; "error": iterating raises an error with its name.

    Returns:
        A data set of (views, labels).
    """
    pending = tf.lookup.experimental.MutableHashTable(tf.int64, tf.string, default_value="")
    report = _Report(on_error)

    def read(place, example):
        image_bytes, label, name = example
        with tf.control_dependencies([pending.insert(place, name)]):
            return place, view(image_bytes, place), label

    def account(last, batch):
        """Tells of the places between `last` and the batch's last one that are not in it."""
        places, views, labels = batch
        passed = tf.range(last + 1, places[-1] + 1)

        def tell():
            missing = tf.sets.difference([passed], [places]).values
            return tf.numpy_function(report, [pending.lookup(missing)], tf.bool)

        told = tf.cond(len(passed) > len(places), tell, lambda: False)
        with tf.control_dependencies([told]):
            removed = pending.remove(passed)
        with tf.control_dependencies([removed]):
            return places[-1], (tf.identity(views), labels)

    views = examples.map(read, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()
    return views.batch(batch_size, drop_remainder=True).scan(tf.constant(-1, tf.int64), account)


def unreadable(examples: tf.data.Dataset) -> Iterator[tuple[int, str, str]]:
    """Decodes one pass of (image bytes, label, name).

    Yields:
        Number in the pass, from 0, name and fault of each that is broken.
    """
    numbered = examples.enumerate()
    decoded = numbered.map(
        lambda number, example: (number, tf.size(decode_image(example[0]))),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    whole = {int(number) for number, _ in decoded.ignore_errors()}
    for number, (image_bytes, _, name) in numbered:
        if int(number) not in whole:
            yield int(number), _text(name.numpy()), fault(image_bytes) or "it can be read now"


def fault(image_bytes: bytes | tf.Tensor) -> str:
    """Why a picture cannot be decoded, in a line; empty where it can."""
    try:
        decode_image(tf.convert_to_tensor(image_bytes))
    except tf.errors.OpError as error:
        text = re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", error.message).strip()
        return text.splitlines()[0] if text else type(error).__name__
    return ""


class _Report:
    """What is done about broken pictures, in Python."""

    def __init__(self, on_error):
        self._on_error = on_error
        self._names = set()

    def __call__(self, names):
        names = [_text(name) for name in names]
        if self._on_error == "error":
            raise ValueError(f"{', '.join(names)} cannot be read")
        for name in names:
            if name not in self._names:
                self._names.add(name)
                _LOGGER.warning(
                    "%s cannot be read and is skipped, %d so far", name, len(self._names)
                )
        return False


def _text(name):
    return name.decode(errors="replace")
