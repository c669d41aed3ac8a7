"""From a data set's name to its encoded pictures, their labels and names.

| name | what is read |
| --- | --- |
| `photo_patches` | the embedded data set, built on first use |
| `folder:PATH` | `PATH/SPLIT/CLASS/picture`; or `PATH/CLASS/picture`, as its one split `all` |
| `tf_flowers`, ... | any of tensorflow-datasets with `image` and `label`, built on first use |

A split of tensorflow-datasets may be a part of one, in its words: `train[:90%]`, `train[100:]`.
For their pictures alone (`pictures`), a folder needs no class folders, and a data set no labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from keras_inception.data import folders
from keras_inception.data.info import NO_LABEL, DatasetInfo

# Encoded pictures to shuffle among: all of photo_patches' 2,800, and 0.5 GB of ImageNet, whose
# 1,024 files are shuffled and interleaved besides.
_SHUFFLE_BUFFER = 4096


def dataset_info(name: str, data_dir: str | None = None) -> DatasetInfo:
    """Class names and split sizes of data set `name` under `data_dir` (default: tfds's own)."""
    return _source(name, data_dir).info


def count_examples(name: str, split: str, data_dir: str | None = None) -> int:
    """The number of examples in a split, or in a part of one (`train[:90%]`)."""
    source = _checked_source(name, split, data_dir)
    return source.count(source.share(split))


@dataclass(frozen=True)
class Examples:
    """A data set, and what makes the encoded pictures of it.

    Attributes:
        dataset: of (picture as string, label as int64, name as string). The name is its file's
            where the data set keeps it, or else tensorflow-datasets' id of it.
        load: the picture of an example to its encoded bytes. Of a folder's it reads the file, so
            that a file which cannot be read is found where it is decoded, as broken ones are.
    """

    dataset: tf.data.Dataset
    load: Callable[[tf.Tensor], tf.Tensor]

    def loaded(self) -> tf.data.Dataset:
        """(image bytes, label, name)."""
        return self.dataset.map(
            lambda picture, label, name: (self.load(picture), label, name),
            num_parallel_calls=tf.data.AUTOTUNE,
        )


def encoded_examples(name: str, split: str, data_dir: str | None = None) -> tf.data.Dataset:
    """One pass over a split in the order on disk: (image bytes as string, label as int64)."""
    examples = named_examples(name, split, data_dir).loaded()
    return examples.map(lambda image, label, _: (image, label))


def named_examples(name: str, split: str, data_dir: str | None = None) -> Examples:
    """One pass over a split in the order on disk."""
    source = _checked_source(name, split, data_dir)
    return Examples(source.read(source.share(split)), source.load)


@dataclass(frozen=True)
class Pictures:
    """A split of a data set for its pictures alone."""

    name: str
    split: str
    count: int
    examples: Examples  # their labels are `NO_LABEL` where there are no classes


def pictures(name: str, split: str | None = None, data_dir: str | None = None) -> Pictures:
    """Opens a split whose pictures may be without classes, in the order on disk.

    Args:
        name: as everywhere, or `folder:PATH` of a folder that has pictures in itself, as generated
            ones lie. They are the split `all`; class folders beside them are then not read.
        split: by default the only one there is, or else `test`.
        data_dir: where tensorflow-datasets keeps its data.
    """
    source = _source(name, data_dir, labelled=False)
    if split is None:
        splits = list(source.info.examples)
        split = splits[0] if len(splits) == 1 else "test"
    _check_split(source, split)
    share = source.share(split)
    return Pictures(name, split, source.count(share), Examples(source.read(share), source.load))


def shuffled_examples(
    name: str,
    split: str,
    data_dir: str | None = None,
    seed: int = 0,
    input_context: tf.distribute.InputContext | None = None,
    start: int = 0,
) -> Examples:
    """Endless examples, each epoch in an order of its own.

    Args:
        name, split, data_dir: which examples.
        seed: with the epoch's number, of the order.
        input_context: with it a pipeline reads its own share of the split alone; shares differ by
            one example at most.
        start: how many examples to pass over at the beginning. Whole epochs of them cost nothing,
            and of a folder no others either.
    """
    source = _checked_source(name, split, data_dir)
    share = source.share(split, input_context)
    length = source.count(share)
    if length == 0:
        raise ValueError(f"Split {split!r} of {name!r} has too few examples for every pipeline.")
    first, passed = divmod(start, length)
    read = source.read  # and no more of the source, which would be kept as long as the data set

    def of_epoch(epoch):
        # `tf.random.set_seed` would be mixed in (and its 0 cannot be compared with a tensor).
        tf.compat.v1.get_default_graph().seed = None
        # The key of a shuffle: two numbers apart for every pair of seed and epoch in use.
        key = tf.cast(seed, tf.int64) * 1_000_003 + epoch
        return read(share, key, tf.where(epoch == first, tf.constant(passed, tf.int64), 0))

    return Examples(tf.data.Dataset.range(first, tf.int64.max).flat_map(of_epoch), source.load)


def example_names(name: str, split: str, data_dir: str | None = None) -> list[str] | None:
    """The file names of a split's examples in the order on disk, where the data set keeps them.

    They are in the text feature `file_name` or `filename`, alone or at the end of a path
    (`imagenet2012`, `oxford_iiit_pet`, ...); `None` without one. Those of a folder are the paths
    below the split.
    """
    return _source(name, data_dir).names(split)


def fingerprint(name: str, split: str, data_dir: str | None = None) -> str:
    """Tells whether a split has changed: its files' names, sizes and times, or its version."""
    return _checked_source(name, split, data_dir).fingerprint(split)


def _checked_source(name, split, data_dir):
    source = _source(name, data_dir)
    _check_split(source, split)
    return source


def _check_split(source, split):
    if not source.has(split):
        known = ", ".join(source.info.examples)
        raise ValueError(f"Data set {source.info.name!r} has no split {split!r}; it has {known}.")


def _source(name, data_dir, labelled=True):
    if folders.is_folder(name):
        return folders.open_folder(name, labelled)
    return _Tfds(name, data_dir, labelled)


class _Tfds:
    """A data set of tensorflow-datasets, or photo_patches, which is one too."""

    def __init__(self, name, data_dir, labelled=True):
        self._builder = _builder(name, data_dir, {"image", "label"} if labelled else {"image"})
        self._labelled = labelled
        info = self._builder.info
        examples = {split: info.splits[split].num_examples for split in info.splits}
        classes = tuple(info.features["label"].names) if labelled else ()
        self.info = DatasetInfo(name, classes, examples)
        features = [f for f in info.features if f.rpartition("/")[2] in ("file_name", "filename")]
        self._name_feature = features[0] if features else None

    def has(self, split):
        """Whether there is such a split, or the one that it is a part of."""
        name, bracket, _ = split.partition("[")
        if name not in self.info.examples or (bracket and not split.endswith("]")):
            return False
        try:
            return self.count(split) > 0
        except (ValueError, AssertionError):  # what is between the brackets is no range
            return False

    def names(self, split):
        if self._name_feature is None:
            return None
        names = self._examples(split).map(lambda example: example[self._name_feature])
        return [name.decode() for name in names.as_numpy_iterator()]

    def fingerprint(self, split):
        return f"{self._builder.info.full_name} {split}"

    def share(self, split, input_context=None):
        """A split, or a part of it, in tensorflow-datasets' words: no two read the same file."""
        import tensorflow_datasets as tfds

        if input_context is None:
            return split
        shares = tfds.even_splits(split, input_context.num_input_pipelines)
        return shares[input_context.input_pipeline_id]

    def count(self, share):
        return self._builder.info.splits[share].num_examples

    def read(self, share, shuffle_seed=None, start=0):
        name = self._name_feature or "tfds_id"
        examples = self._examples(share, shuffle_seed).map(
            lambda example: (
                example["image"],
                tf.cast(example["label"] if self._labelled else NO_LABEL, tf.int64),
                example[name],
            )
        )
        if shuffle_seed is not None:
            examples = examples.shuffle(_SHUFFLE_BUFFER, seed=shuffle_seed)
        return examples.skip(start)

    load = staticmethod(tf.identity)

    def _examples(self, share, shuffle_seed=None):
        import tensorflow_datasets as tfds

        options = tf.data.Options()
        options.deterministic = True
        return self._builder.as_dataset(
            split=share,
            shuffle_files=shuffle_seed is not None,
            decoders={"image": tfds.decode.SkipDecoding()},
            read_config=tfds.ReadConfig(
                shuffle_seed=shuffle_seed,
                options=options,
                add_tfds_id=True,
                try_autocache=False,  # a cache within `flat_map` would be made anew each epoch
            ),
        )


def _builder(name, data_dir, wanted):
    """The prepared tensorflow-datasets builder of `name`, which must have the features wanted."""
    import tensorflow_datasets as tfds

    if name == "photo_patches":
        from keras_inception.data.photo_patches import PhotoPatches

        builder = PhotoPatches(data_dir=data_dir)
    else:
        try:
            builder = tfds.builder(name, data_dir=data_dir)
        except tfds.core.DatasetNotFoundError as error:
            raise ValueError(
                f"Unknown data set {name!r}; choose photo_patches, folder:PATH or a name from "
                "https://www.tensorflow.org/datasets/catalog."
            ) from error
    builder.download_and_prepare()
    missing = wanted - set(builder.info.features)
    if missing:
        raise ValueError(
            f"Data set {name!r} has no feature {' and no '.join(sorted(missing))}; "
            f"it has {', '.join(builder.info.features)}."
        )
    return builder
