"""From a data set's name (`data/sources.py`) to batches for training and evaluation.

Pictures stay encoded for as long as possible: JPEG bytes are what is shuffled. An epoch's order is
keyed on the seed and the epoch's number, a random view on the seed and the example's place in the
endless training sequence. So a seed gives the same batches on any number of cores, and a run that
was stopped needs no more than the number of its steps to go on with the batch that comes next, in
the middle of an epoch too.
"""

from __future__ import annotations

from collections.abc import Collection

import tensorflow as tf

from keras_inception.data.augmentation import MIN_AREA, check_color, check_min_area, training_view
from keras_inception.data.broken import (
    batches_of_readable,
    check_on_error,
    first_readable,
    unreadable,
)
from keras_inception.data.crops import check_count, make_crops
from keras_inception.data.preprocessing import decode_image, resize_bilinear, scale_pixels
from keras_inception.data.sources import (
    DatasetInfo,
    Pictures,
    count_examples,
    dataset_info,
    encoded_examples,
    example_names,
    fingerprint,
    named_examples,
    pictures,
    shuffled_examples,
)

__all__ = [
    "DatasetInfo",
    "Pictures",
    "count_examples",
    "dataset_info",
    "encoded_examples",
    "evaluation_batches",
    "example_names",
    "fingerprint",
    "picture_batches",
    "pictures",
    "training_batches",
    "unreadable_examples",
]


def training_batches(
    name: str,
    size: int,
    batch_size: int,
    seed: int = 0,
    split: str = "train",
    color: str = "fast",
    data_dir: str | None = None,
    min_area: float = MIN_AREA,
    input_context: tf.distribute.InputContext | None = None,
    on_error: str = "skip",
    start: int = 0,
) -> tf.data.Dataset:
    """Endless batches of random views, reshuffled each epoch: equal seeds give equal batches.

    Batches run on over the end of an epoch, so all have the same size.

    Args:
        name, split, data_dir: which examples.
        size: side of the views, in pixels.
        batch_size: examples in a batch, of all replicas together.
        seed: of the order and the views.
        color, min_area: those of `augmentation.training_view`.
        input_context: which share of the examples, in `tf.distribute`'s words; batches are then
            those of one replica. `None` is all of them.
        on_error: "skip" or "error", for pictures that cannot be read (`data/broken.py`).
        start: how many batches to pass over at the beginning: those of a run that goes on. At most
            one epoch of pictures is read for it, without decoding, and of a folder none.

    Yields:
        float32 (batch_size, size, size, 3) in [-1, 1], int64 (batch_size,).
    """
    _check_sizes(size, batch_size)
    if start < 0:
        raise ValueError(f"start must be at least 0, not {start}.")
    check_color(color)
    check_min_area(min_area)
    check_on_error(on_error)
    context = input_context or tf.distribute.InputContext()
    batch_size = context.get_per_replica_batch_size(batch_size)

    passed = start * batch_size
    examples = shuffled_examples(name, split, data_dir, seed, input_context, passed)

    def view(picture, place):
        place = place * context.num_input_pipelines + context.input_pipeline_id
        image_bytes = examples.load(picture)
        return training_view(image_bytes, size, tf.stack([seed, place]), color, min_area)

    with tf.init_scope():  # now, also where a graph is being made of the batches
        spare = first_readable(named_examples(name, split, data_dir))
    numbered = examples.dataset.enumerate(passed)
    batches = batches_of_readable(numbered, view, batch_size, on_error, spare)
    return batches.prefetch(tf.data.AUTOTUNE)


def evaluation_batches(
    name: str,
    size: int,
    batch_size: int,
    split: str = "test",
    crops: int = 1,
    data_dir: str | None = None,
    exclude: Collection[int] = (),
    skip: int = 0,
) -> tf.data.Dataset:
    """One pass over a split in the order on disk; the last batch may be smaller.

    Args:
        name, split, data_dir: which examples.
        size: side of the crops, in pixels.
        batch_size: examples, not crops, in a batch.
        crops: how many of each picture (`crops.make_crops`).
        exclude: numbers of examples to leave out, counted from 0 in the order on disk.
        skip: how many of the others to pass over at the beginning, undecoded.

    Yields:
        float32 (batch, crops, size, size, 3) in [-1, 1], int64 (batch,).
    """
    _check_sizes(size, batch_size)
    check_count(crops)

    examples = named_examples(name, split, data_dir)
    wanted = examples.dataset
    if exclude:
        left_out = tf.constant(sorted(exclude), tf.int64)
        wanted = wanted.enumerate().filter(lambda i, _: tf.reduce_all(i != left_out))
        wanted = wanted.map(lambda _, example: example)

    def views(picture, label, _):
        return make_crops(decode_image(examples.load(picture)), size, crops), label

    # 144 crops at 299 pixels are 154 MB: no more pictures at a time than keep a network busy.
    ahead = tf.data.AUTOTUNE if crops <= 12 else 2
    batches = wanted.skip(skip).map(views, num_parallel_calls=ahead).batch(batch_size)
    return batches.prefetch(ahead)


def picture_batches(wanted: Pictures, size: int, batch_size: int) -> tf.data.Dataset:
    """One pass over whole pictures, squashed to a square as PyTorch does; the last may be smaller.

    That is bilinear between pixel centres, without smoothing before shrinking.

    Yields:
        float32 (batch, size, size, 3) in [-1, 1].
    """
    _check_sizes(size, batch_size)

    def view(picture, *_):
        image = decode_image(wanted.examples.load(picture))
        return scale_pixels(resize_bilinear(image, size, half_pixel_centers=True))

    views = wanted.examples.dataset.map(view, num_parallel_calls=tf.data.AUTOTUNE)
    return views.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def unreadable_examples(
    name: str, split: str, data_dir: str | None = None
) -> list[tuple[int, str, str]]:
    """Decodes every picture of a split once.

    Returns:
        For each that is broken its number in the order on disk, from 0, its name, and the fault.
    """
    return list(unreadable(named_examples(name, split, data_dir)))


def _check_sizes(size, batch_size):
    if size < 1 or batch_size < 1:
        raise ValueError(
            f"size and batch_size must be at least 1, not size={size}, batch_size={batch_size}."
        )
