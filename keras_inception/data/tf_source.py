"""A source that reads a user's own `tf.data.Dataset`."""

from __future__ import annotations

import hashlib
import itertools
import logging
import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence, Set

import tensorflow as tf

from keras_inception.data.info import NO_LABEL, DatasetInfo

_LOGGER = logging.getLogger(__name__)
SPLIT = "all"  # the only split of such a source
_SHUFFLE_BUFFER = 4096  # encoded pictures
_COMPARED = 16  # number of first pictures that must be the same in two passes
_LONG = 20  # seconds
_EXPECTED = (
    "expected elements (image, label), {'image': image, 'label': label}, or images alone, with "
    "image uint8 (height, width, channels) in [0, 255] or the encoded bytes of a picture, and "
    "label an integer"
)


class TfSource:
    """Pictures of a `tf.data.Dataset`, which is read anew for each pass.

    Args:
        dataset: elements as `data.from_tf` describes them.
        class_names: one name per class, or `None` if the pictures have no labels.
        name: what reports call the data set.

    Raises:
        ValueError: the elements are of another form, there are none or infinitely many, or their
            order changes from one pass to the next.
    """

    def __init__(
        self, dataset: tf.data.Dataset, class_names: Sequence[str] | None, name: str
    ) -> None:
        names = None if class_names is None else _checked(class_names, name)
        self._examples = _examples(dataset, None if names is None else len(names), name)
        count = int(self._examples.cardinality())
        if count == tf.data.INFINITE_CARDINALITY:
            raise ValueError(f"{name} has no end: pass it without repeat()")
        _check_order(self._examples, name)
        if count == tf.data.UNKNOWN_CARDINALITY:
            count = _counted(self._examples, name)
        if count == 0:
            raise ValueError(f"{name} has no pictures")
        self.info = DatasetInfo(name, names or (), {SPLIT: count})
        self._fingerprint: str | None = None

    def has(self, split: str) -> bool:
        """Tells whether there is such a split."""
        return split == SPLIT

    def count(self, split: str) -> int:
        """Returns the number of pictures."""
        return self.info.examples[split]

    def file_names(self, split: str) -> None:
        """Returns `None`: the pictures have no file names."""

    def unused_classes(self, split: str) -> tuple[str, ...]:
        """Returns nothing: labels are known only when all pictures are read."""
        return ()

    def fingerprint(self, split: str) -> str:
        """Returns a hash of all pictures and labels; the first call reads them all."""
        if self._fingerprint is None:
            digest = hashlib.sha256()
            for encoded, label, _ in self._examples.as_numpy_iterator():
                digest.update(f"{len(encoded)} {label} ".encode() + encoded)
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def part(
        self,
        split: str,
        end: int | None = None,
        excluded: Collection[int] = (),
        input_context: tf.distribute.InputContext | None = None,
    ) -> TfPart:
        """Selects pictures; the arguments are those of `Source.part`."""
        total = self.info.examples[split]
        end = total if end is None else min(end, total)
        examples, count = self._examples.take(end), end - len(excluded)
        if excluded:
            numbers = tf.constant(sorted(excluded), tf.int64)
            examples = examples.enumerate().filter(lambda i, _: tf.reduce_all(i != numbers))
            examples = examples.map(lambda _, example: example)
        if input_context is not None:
            pipelines, number = input_context.num_input_pipelines, input_context.input_pipeline_id
            examples = examples.shard(pipelines, number)
            count = count // pipelines + (number < count % pipelines)
        return TfPart(examples, count)


class TfPart:
    """The pictures of a `tf.data.Dataset` that one pipeline reads."""

    def __init__(self, examples: tf.data.Dataset, count: int) -> None:
        self.count = count
        self._examples = examples

    load = staticmethod(tf.identity)

    def read(self, shuffle_key: tf.Tensor | None = None, start: int = 0) -> tf.data.Dataset:
        """Reads one pass; the arguments are those of `Part.read`."""
        examples = self._examples
        if shuffle_key is not None:
            examples = examples.shuffle(_SHUFFLE_BUFFER, seed=shuffle_key)
        return examples.skip(start)


def wrong_label(error: tf.errors.OpError) -> str | None:
    """Returns what an error says about a label that is none of the classes, if it does."""
    said = re.search(r"label \S+ is not from 0 to \d+", error.message)
    return said[0] if said else None


def _checked(class_names, name):
    """Returns the class names; raises ValueError if they are not distinct texts in an order."""
    ordered = isinstance(class_names, Iterable) and not isinstance(class_names, (str, Set, Mapping))
    names = tuple(class_names) if ordered else ()
    if not names or not all(isinstance(n, str) and n.strip() for n in names):
        raise ValueError(
            f"class_names of {name} must be a list of texts, one per class in the order of the "
            f"labels, not {str(class_names)[:100]!r}"
        )
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise ValueError(f"class_names of {name} has {twice!r} more than once")
    return tuple(map(str, names))


def _counted(examples, name):
    """Counts pictures whose number TensorFlow does not know; says so if that takes long."""
    count, warn_at = 0, time.monotonic() + _LONG
    for count, _ in enumerate(examples.map(lambda *_: True), 1):
        if warn_at and count % 64 == 0 and time.monotonic() > warn_at:
            warn_at = None
            _LOGGER.warning(
                "%s: counting its pictures takes long, %d so far; does it have an end? "
                "(tf.data.experimental.assert_cardinality spares the count)",
                name,
                count,
            )
    return count


def _examples(dataset, classes, name):
    """Returns the elements of a user's data set as (encoded bytes, label, number as text)."""
    if not isinstance(dataset, tf.data.Dataset):
        raise ValueError(f"{name} is of type {type(dataset).__name__}, not a tf.data.Dataset")
    is_batch = _check_form(dataset.element_spec, classes is not None, name)

    @tf.autograph.experimental.do_not_convert
    def pair(*element):
        image, *labels = _members(element[0] if len(element) == 1 else element)
        if classes is None:
            labels = [tf.fill(tf.shape(image)[: int(is_batch)], NO_LABEL)]
        return image, tf.cast(labels[0], tf.int64)

    @tf.autograph.experimental.do_not_convert
    def example(number, pair):
        image, label = pair
        if image.dtype != tf.string:
            image = tf.io.encode_png(image, compression=1)  # lossless, like a file on disk
        if classes is not None:
            inside = (label >= 0) & (label < classes)
            message = tf.strings.format(f"{name}: label {{}} is not from 0 to {classes - 1}", label)
            with tf.control_dependencies([tf.debugging.Assert(inside, [message])]):
                label = tf.identity(label)
        return image, label, tf.strings.as_string(number)

    pairs = dataset.map(pair)
    pairs = pairs.unbatch() if is_batch else pairs
    return pairs.enumerate().map(example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _members(element):
    """Returns the image and the label, if there is one, of an element in any accepted form."""
    if isinstance(element, dict):
        return [element[key] for key in ("image", "label") if key in element]
    return list(element) if isinstance(element, tuple) else [element]


def _check_form(spec, labelled, name):
    """Tells whether elements are batches; raises ValueError if they are not of an accepted form."""
    members = _members(spec)
    if not 1 <= len(members) <= 2 or (isinstance(spec, dict) and "image" not in spec):
        raise ValueError(f"{name} has elements {spec}; {_EXPECTED}")
    image = members[0]
    if not isinstance(image, tf.TensorSpec) or image.dtype not in (tf.uint8, tf.string):
        is_float = isinstance(image, tf.TensorSpec) and image.dtype.is_floating
        cure = "tf.cast(tf.round(image), tf.uint8) makes uint8 of floats in [0, 255]"
        raise ValueError(f"{name} has images {image}{f' ({cure})' * is_float}; {_EXPECTED}")
    single = 0 if image.dtype == tf.string else 3
    rank = image.shape.rank
    if rank not in (single, single + 1) or (single and image.shape[-1] not in (1, 3, None)):
        raise ValueError(f"{name} has images {image}; {_EXPECTED}")
    if not labelled:
        return rank == single + 1
    label = members[-1] if len(members) == 2 else None
    if (
        not isinstance(label, tf.TensorSpec)
        or not label.dtype.is_integer
        or label.shape.rank != rank - single
    ):
        raise ValueError(f"{name} has labels {label}; {_EXPECTED}")
    return rank == single + 1


def _check_order(examples, name):
    """Raises ValueError if two passes begin with different pictures."""
    try:
        first, again = (
            [(encoded, label) for encoded, label, _ in passed.as_numpy_iterator()]
            for passed in itertools.repeat(examples.take(_COMPARED), 2)
        )
    except tf.errors.InvalidArgumentError as error:
        reason = wrong_label(error) or error.message.splitlines()[0]
        raise ValueError(f"{name} cannot be read: {reason}") from error
    if first != again:
        raise ValueError(
            f"{name} gives other pictures, or gives them in another order, at each pass: pass it "
            "without shuffling (shuffle=False) and without random augmentation"
        )
