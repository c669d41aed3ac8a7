"""Pictures that cannot be read: found, named, and skipped where that is asked for.

TensorFlow's decoders end a pipeline at a broken picture, with an error that does not say which one.
`Dataset.ignore_errors` passes over it without a word, and moves all that follow to other places.
So a batch at a time is read by a small data set of its own inside the graph, and the pictures that
are missing from what it gives are known by name. That costs a twentieth of a view; a data set for
each picture costs a third.
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
UNREADABLE = (  # what reading and decoding a picture raises
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    tf.errors.PermissionDeniedError,
)
# So many at the beginning of a data set may be broken. It is our choice: where all are, a pipeline
# that skips them would search for ever, and of ImageNet for hours.
_PATIENCE = 1000
_LOGGER = logging.getLogger(__name__)


def check_on_error(on_error: str) -> None:
    """Raises ValueError where `on_error` is not of `ON_ERROR`."""
    if on_error not in ON_ERROR:
        raise ValueError(f"Unknown on_error {on_error!r}; choose from {', '.join(ON_ERROR)}.")


def first_readable(examples: Examples) -> tuple[tf.Tensor, tf.Tensor]:
    """The first example that can be read and decoded, as (picture, label).

    Raises:
        ValueError: none of the first thousand can be, or there are none.
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
    """Batches of the views of those pictures that can be read, in order.

    A broken picture's place in its batch is taken by one that is there already: batches keep their
    size, and the order of all others does not depend on what is broken.

    Args:
        examples: endless, of (place as int64, (picture, label, name)).
        view: (picture, place) to a tensor.
        batch_size: examples in a batch.
        on_error: "skip": a broken picture's name is logged as a warning, once, with how many there
            have been; "error": iterating raises an error with its name.
        spare: picture and label for batches in which all are broken.

    Returns:
        A data set of (views, labels).
    """
    # Within a graph that another process runs, which cannot call back, none are reported.
    report = None if tf.inside_function() else _Report(on_error)
    # Two batches at a time, so that one begins while the last views of another are made. On one
    # core views made one after the other stay in the processor's cache.
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
                return tf.cond(count > 0, again, spares)

        def again():
            """Those that are whole, and once more from the first one on."""
            taken = numbers % count
            return tf.gather(views, taken), tf.gather(labels, tf.gather(whole, taken))

        def spares():
            image = view(spare[0], places[0])
            return tf.repeat(image[tf.newaxis], batch_size, axis=0), tf.fill(
                (batch_size,), spare[1]
            )

        views, labels = tf.cond(count == batch_size, lambda: (views, labels), filled)
        return tf.ensure_shape(views, (batch_size, *views.shape[1:])), labels

    # Cores have pictures of their own. To share one costs more in waking each other than it gains.
    options = tf.data.Options()
    options.threading.max_intra_op_parallelism = 1
    batches = examples.batch(batch_size, drop_remainder=True)
    return batches.map(read, num_parallel_calls=2 if several else None).with_options(options)


def _all_of(examples, most):
    """All elements of a small data set as one, which may be empty."""
    none = tf.nest.map_structure(lambda s: tf.zeros((0, *s.shape), s.dtype), examples.element_spec)
    nothing = tf.data.Dataset.from_tensors(none)
    return examples.batch(most).concatenate(nothing).take(1).get_single_element()


def unreadable(examples: Examples) -> Iterator[tuple[int, str, str]]:
    """Reads and decodes one pass over examples.

    Yields:
        Number in the pass, from 0, name and fault of each that is broken.
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
    """Why `load(picture)` cannot be read or decoded, in a line; empty where it can."""
    try:
        decode_image(load(tf.convert_to_tensor(picture)))
    except tf.errors.OpError as error:
        text = re.sub(r"\{\{.*?\}\}|\[Op:.*?\]|name: *$", "", error.message).strip()
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
    """A file name in one line."""
    return " ".join(name.decode(errors="replace").splitlines())
