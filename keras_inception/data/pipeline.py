"""From a data set's name to batches for training and evaluation.

A name is `photo_patches`, the embedded data set, or one of tensorflow-datasets (`tf_flowers`,
`imagenet2012`, `cifar10`, ...) that has the features `image` and `label`. What is not on disk yet
is built (or downloaded, by tensorflow-datasets) on first use.

Pictures stay encoded for as long as possible: JPEG bytes are what is cached and shuffled. The
random views are keyed on the seed and on the example's place in the endless training sequence, so
a seed gives the same batches on any number of cores.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import tensorflow as tf

from keras_inception.data.augmentation import MIN_AREA, check_color, training_view
from keras_inception.data.crops import check_count, make_crops
from keras_inception.data.preprocessing import decode_image

# Encoded pictures to shuffle among: all of photo_patches' 2,800, and 0.5 GB of ImageNet, whose
# 1,024 files are shuffled and interleaved besides.
_SHUFFLE_BUFFER = 4096


@dataclass(frozen=True)
class DatasetInfo:
    """What is to be known of a data set before its pictures are read."""

    name: str
    class_names: tuple[str, ...]
    examples: dict[str, int]  # split: number of examples


def dataset_info(name: str, data_dir: str | None = None) -> DatasetInfo:
    """Class names and split sizes of data set `name` under `data_dir` (default: tfds's own)."""
    info = _builder(name, data_dir).info
    examples = {split: info.splits[split].num_examples for split in info.splits}
    return DatasetInfo(name, tuple(info.features["label"].names), examples)


def encoded_examples(
    name: str, split: str, data_dir: str | None = None, shuffle_seed: int | None = None
) -> tf.data.Dataset:
    """One pass over a split: (image bytes as scalar string, label as int64).

    In the order on disk, or with `shuffle_seed` in another one at each iteration.
    """
    import tensorflow_datasets as tfds

    builder = _builder(name, data_dir)
    if split not in builder.info.splits:
        known = ", ".join(builder.info.splits)
        raise ValueError(f"Data set {name!r} has no split {split!r}; it has {known}.")
    options = tf.data.Options()
    options.deterministic = True
    examples = builder.as_dataset(
        split=split,
        shuffle_files=shuffle_seed is not None,
        decoders={"image": tfds.decode.SkipDecoding()},
        read_config=tfds.ReadConfig(shuffle_seed=shuffle_seed, options=options),
    )
    examples = examples.map(lambda example: (example["image"], tf.cast(example["label"], tf.int64)))
    if shuffle_seed is not None:
        examples = examples.shuffle(_SHUFFLE_BUFFER, seed=shuffle_seed)
    return examples


def training_batches(
    name: str,
    size: int,
    batch_size: int,
    seed: int = 0,
    split: str = "train",
    color: str = "fast",
    data_dir: str | None = None,
    min_area: float = MIN_AREA,
) -> tf.data.Dataset:
    """Endless batches of random views, reshuffled each epoch: equal seeds give equal batches.

    `color` and `min_area` are those of `augmentation.training_view`. Batches run on over the end of
    an epoch, so all have the same size.

    Yields:
        float32 (batch_size, size, size, 3) in [-1, 1], int64 (batch_size,).
    """
    _check_sizes(size, batch_size)
    check_color(color)

    def view(place, example):
        image_bytes, label = example
        return training_view(image_bytes, size, tf.stack([seed, place]), color, min_area), label

    examples = encoded_examples(name, split, data_dir, shuffle_seed=seed)
    views = examples.repeat().enumerate().map(view, num_parallel_calls=tf.data.AUTOTUNE)
    return views.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


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

    def views(image_bytes, label):
        return make_crops(decode_image(image_bytes), size, crops), label

    examples = encoded_examples(name, split, data_dir)
    if exclude:
        left_out = tf.constant(sorted(exclude), tf.int64)
        examples = examples.enumerate().filter(lambda i, _: tf.reduce_all(i != left_out))
        examples = examples.map(lambda _, example: example)
    # 144 crops at 299 pixels are 154 MB: no more pictures at a time than keep a network busy.
    ahead = tf.data.AUTOTUNE if crops <= 12 else 2
    examples = examples.skip(skip).map(views, num_parallel_calls=ahead)
    return examples.batch(batch_size).prefetch(ahead)


def example_names(name: str, split: str, data_dir: str | None = None) -> list[str] | None:
    """The file names of a split's examples in the order on disk, where the data set keeps them.

    They are in the text feature `file_name` or `filename`, alone or at the end of a path
    (`imagenet2012`, `oxford_iiit_pet`, a folder's `image/filename`); `None` without one.
    """
    import tensorflow_datasets as tfds

    builder = _builder(name, data_dir)
    features = [
        feature
        for feature in builder.info.features
        if feature.rpartition("/")[2] in ("file_name", "filename")
    ]
    if not features:
        return None
    options = tf.data.Options()
    options.deterministic = True
    examples = builder.as_dataset(
        split=split,
        decoders={"image": tfds.decode.SkipDecoding()},
        read_config=tfds.ReadConfig(options=options),
    )
    names = examples.map(lambda example: example[features[0]]).as_numpy_iterator()
    return [name.decode() for name in names]


def _builder(name, data_dir):
    """The prepared tensorflow-datasets builder of `name`."""
    import tensorflow_datasets as tfds

    if name == "photo_patches":
        from keras_inception.data.photo_patches import PhotoPatches

        builder = PhotoPatches(data_dir=data_dir)
    else:
        try:
            builder = tfds.builder(name, data_dir=data_dir)
        except tfds.core.DatasetNotFoundError as error:
            raise ValueError(
                f"Unknown data set {name!r}; choose photo_patches or a name from "
                "https://www.tensorflow.org/datasets/catalog."
            ) from error
    builder.download_and_prepare()
    missing = {"image", "label"} - set(builder.info.features)
    if missing:
        raise ValueError(
            f"Data set {name!r} has no feature {' and no '.join(sorted(missing))}; "
            f"it has {', '.join(builder.info.features)}."
        )
    return builder


def _check_sizes(size, batch_size):
    if size < 1 or batch_size < 1:
        raise ValueError(
            f"size and batch_size must be at least 1, not size={size}, batch_size={batch_size}."
        )
