"""Finds and names pictures that cannot be read, and skips them if the caller asks for it.

TensorFlow's decoders end a pipeline at a broken picture, with an error that does not say which one.
`tf.data.Dataset.ignore_errors` silently skips it and moves all later pictures to other places.
Therefore each batch is read by a small data set of its own inside the graph. The pictures missing
from its result are broken, and their names are known. This costs a twentieth of the time of a view.
A small data set for each picture would cost a third.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator

import tensorflow as tf

from keras_inception.data.preprocessing import decode_image
from keras_inception.data.sources import Examples

ON_ERROR = ("skip", "error")
UNREADABLE = (  # the errors that reading and decoding a picture raise
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    tf.errors.PermissionDeniedError,
)
# At most this many pictures at the beginning of a data set may be broken: our choice. If all are
# broken, a pipeline that skips them would search for ever, or for hours in ImageNet.
_PATIENCE = 1000
_LOGGER = logging.getLogger(__name__)


def check_on_error(on_error: str) -> None:
    """Raises ValueError if `on_error` is not one of `ON_ERROR`."""
    if on_error not in ON_ERROR:
        raise ValueError(f"Unknown on_error {on_error!r}; choose from {', '.join(ON_ERROR)}.")


def first_readable(examples: Examples) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the first example that can be read and decoded, as (picture, label).

    Raises:
        ValueError: none of the first thousand can be read, or there are none.
    """
    first = "There are none."
    number = -1
    for number, (picture, label, name) in enumerate(examples.dataset.take(_PATIENCE)):
        why = fault(picture, examples.load)
        if not why:
            return picture, label
        if number == 0:
            first = f"{_text(name.numpy())}: {why}"
    raise ValueError(f"None of the first {number + 1} pictures can be read. {first}")


def batches_of_readable(
    examples: tf.data.Dataset,
    view: Callable,
    batch_size: int,
    on_error: str,
    spare: tuple[tf.Tensor, tf.Tensor],
) -> tf.data.Dataset:
    """Makes batches of views of the readable pictures, in order.

    In a batch, a picture that can be read also takes the place of a broken one. So batches keep
    their size, and the order of the other pictures does not depend on what is broken.

    Args:
        examples: endless (place as int64, (picture, label, name)).
        view: turns (picture, place) into a tensor.
        batch_size: number of examples in a batch.
        on_error: "skip" logs a broken picture's name as a warning, once, with the number of broken
            pictures so far; "error" makes iterating raise an error with its name.
        spare: picture and label for batches in which all pictures are broken.

    Returns:
        A data set of (views, labels).
    """
    # A graph that another process runs cannot call back here, so nothing is reported there.
    report = None if tf.inside_function() else _Report(on_error)
    # Two batches at a time: one begins while the last views of the other are made. On a single core
    # views made one after the other stay in the processor's cache.
    several = len(os.sched_getaffinity(0)) > 1 if hasattr(os, "sched_getaffinity") else True

    def read(places, batch):
        pictures, labels, names = batch
        numbers = tf.range(batch_size)
        one_by_one = tf.data.Dataset.from_tensor_slices((numbers, pictures, places)).map(
            lambda number, picture, place: (number, view(picture, place)),
            num_parallel_calls=tf.data.AUTOTUNE if several else None,
        )
        whole, views = _all_of(one_by_one.ignore_errors(), batch_size)
        count = tf.shape(whole)[0]

        def filled():
            missing = tf.sets.difference([numbers], [whole]).values
            told = []
            if report:
                told = [tf.numpy_function(report, [tf.gather(names, missing)], tf.bool)]
            with tf.control_dependencies(told):
                return tf.cond(
                    count > 0,
                    lambda: _repeated(views, labels, whole, batch_size),
                    lambda: _copies(view(spare[0], places[0]), spare[1], batch_size),
                )

        views, labels = tf.cond(count == batch_size, lambda: (views, labels), filled)
        return tf.ensure_shape(views, (batch_size, *views.shape[1:])), labels

    # Each core works on its own picture. Sharing one costs more in wake-ups than it gains.
    options = tf.data.Options()
    options.threading.max_intra_op_parallelism = 1
    batches = examples.batch(batch_size, drop_remainder=True)
    return batches.map(read, num_parallel_calls=2 if several else None).with_options(options)


def _repeated(views, labels, whole, batch_size):
    """Fills a batch with its readable pictures, repeated from the first one on.

    Args:
        views: of the readable pictures.
        labels: of all pictures of the batch.
        whole: places of the readable pictures in the batch.
        batch_size: number of examples in the result.
    """
    taken = tf.range(batch_size) % tf.shape(whole)[0]
    return tf.gather(views, taken), tf.gather(labels, tf.gather(whole, taken))


def _copies(view, label, batch_size):
    """Fills a batch with copies of one example."""
    return tf.repeat(view[tf.newaxis], batch_size, axis=0), tf.fill((batch_size,), label)


def _all_of(examples, most):
    """Returns all elements of a small data set as one batch, which may be empty."""
    none = tf.nest.map_structure(lambda s: tf.zeros((0, *s.shape), s.dtype), examples.element_spec)
    nothing = tf.data.Dataset.from_tensors(none)
    return examples.batch(most).concatenate(nothing).take(1).get_single_element()


def unreadable(examples: Examples) -> Iterator[tuple[int, str, str]]:
    """Reads and decodes each example once, to find the broken ones.

    Yields:
        Number (from 0), name and fault of each broken picture.
    """
    numbered = examples.dataset.enumerate()
    decoded = numbered.map(
        lambda number, example: (number, tf.size(decode_image(examples.load(example[0])))),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    whole = {int(number) for number, _ in decoded.ignore_errors()}
    for number, (picture, _, name) in numbered:
        if int(number) not in whole:
            why = fault(picture, examples.load) or "it can be read now"
            yield int(number), _text(name.numpy()), why


def fault(picture: bytes | tf.Tensor, load: Callable = tf.identity) -> str:
    """Returns why `load(picture)` cannot be read or decoded, in one line; empty if it can."""
    try:
        decode_image(load(tf.convert_to_tensor(picture)))
    except tf.errors.OpError as error:
        text = re.sub(r"\{\{.*?\}\}|\[Op:.*?\]|name: *$", "", error.message).strip()
        return text.splitlines()[0] if text else type(error).__name__
    return ""


class _Report:
    """A function that graphs call with the names of broken pictures: it warns or raises."""

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
    """Returns a file name as one line of text."""
    return " ".join(name.decode(errors="replace").splitlines())
