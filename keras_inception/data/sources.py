"""From a data set's name to its encoded pictures, their labels and names.

| name | what is read |
| --- | --- |
| `photo_patches` | the embedded data set, built on first use |
| `folder:PATH` | `PATH/SPLIT/CLASS/picture`; or `PATH/CLASS/picture`, as its one split `all` |
| `tf_flowers`, ... | any of tensorflow-datasets with `image` and `label`, built on first use |

A split of tensorflow-datasets may be a part of one, in its words: `train[:90%]`, `train[100:]`.
"""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

# Encoded pictures to shuffle among: all of photo_patches' 2,800, and 0.5 GB of ImageNet, whose
# 1,024 files are shuffled and interleaved besides.
_SHUFFLE_BUFFER = 4096
_FOLDER = "folder:"
_WHOLE = "all"  # the split of a folder that has none


@dataclass(frozen=True)
class DatasetInfo:
    """What is to be known of a data set before its pictures are read."""

    name: str
    class_names: tuple[str, ...]
    examples: dict[str, int]  # split: number of examples


def dataset_info(name: str, data_dir: str | None = None) -> DatasetInfo:
    """Class names and split sizes of data set `name` under `data_dir` (default: tfds's own)."""
    return _source(name, data_dir).info


def count_examples(name: str, split: str, data_dir: str | None = None) -> int:
    """The number of examples in a split, or in a part of one (`train[:90%]`)."""
    return _checked_source(name, split, data_dir).count(split)


def encoded_examples(name: str, split: str, data_dir: str | None = None) -> tf.data.Dataset:
    """One pass over a split in the order on disk: (image bytes as string, label as int64)."""
    return named_examples(name, split, data_dir).map(lambda image, label, _: (image, label))


def named_examples(name: str, split: str, data_dir: str | None = None) -> tf.data.Dataset:
    """As `encoded_examples`, with the example's name, a scalar string, as third.

    That is its file's where the data set keeps it, or else tensorflow-datasets' id of it.
    """
    return _checked_source(name, split, data_dir).read(split)


def shuffled_examples(
    name: str,
    split: str,
    data_dir: str | None = None,
    seed: int = 0,
    input_context: tf.distribute.InputContext | None = None,
    start: int = 0,
) -> tf.data.Dataset:
    """Endless (image bytes, label, name), each epoch in an order of its own.

    Args:
        name, split, data_dir: which examples.
        seed: with the epoch's number, of the order.
        input_context: with it a pipeline reads its own share of the split alone; shares differ by
            one example at most.
        start: how many examples to pass over at the beginning. Whole epochs of them cost nothing.
    """
    source = _checked_source(name, split, data_dir)
    share = source.share(split, input_context) if input_context else split
    length = source.count(share)
    if length == 0:
        raise ValueError(f"Split {split!r} of {name!r} has too few examples for every pipeline.")
    first, passed = divmod(start, length)

    def of_epoch(epoch):
        # `tf.random.set_seed` would be mixed in (and its 0 cannot be compared with a tensor).
        tf.compat.v1.get_default_graph().seed = None
        # The key of a shuffle: two numbers apart for every pair of seed and epoch in use.
        examples = source.read(share, tf.cast(seed, tf.int64) * 1_000_003 + epoch)
        return examples.skip(tf.where(epoch == first, tf.constant(passed, tf.int64), 0))

    return tf.data.Dataset.range(first, tf.int64.max).flat_map(of_epoch)


def example_names(name: str, split: str, data_dir: str | None = None) -> list[str] | None:
    """The file names of a split's examples in the order on disk, where the data set keeps them.

    They are in the text feature `file_name` or `filename`, alone or at the end of a path
    (`imagenet2012`, `oxford_iiit_pet`, ...); `None` without one. Those of a folder are the paths
    below the split.
    """
    return _source(name, data_dir).names(split)


def _checked_source(name, split, data_dir):
    source = _source(name, data_dir)
    if not source.has(split):
        known = ", ".join(source.info.examples)
        raise ValueError(f"Data set {name!r} has no split {split!r}; it has {known}.")
    return source


def _source(name, data_dir):
    return _Folder(name) if name.startswith(_FOLDER) else _Tfds(name, data_dir)


class _Folder:
    """Class folders of pictures, listed by Keras, in its order: by class, then by name."""

    def __init__(self, name):
        root = pathlib.Path(name.removeprefix(_FOLDER)).expanduser()
        if not root.is_dir():
            raise ValueError(f"{root} is no folder; {_FOLDER}PATH wants one with class folders")
        splits = {split: _listed(folder) for split, folder in _split_folders(root).items()}
        classes = tuple(sorted({c for names, _ in splits.values() for c in names}))
        self._paths = {split: paths for split, (_, paths) in splits.items()}
        self._folders = _split_folders(root)
        self.info = DatasetInfo(name, classes, {s: len(p) for s, p in self._paths.items()})

    def has(self, split):
        return split in self._folders

    def names(self, split):
        folder = self._folders[split]
        return [pathlib.Path(path).relative_to(folder).as_posix() for path in self._paths[split]]

    def share(self, split, input_context):
        """Every n-th picture: a name for it that `count` and `read` take in place of a split."""
        return split, input_context.num_input_pipelines, input_context.input_pipeline_id

    def count(self, share):
        return len(self._table(share)[0])

    def read(self, share, shuffle_seed=None):
        files = tf.data.Dataset.from_tensor_slices(self._table(share))
        if shuffle_seed is not None:  # all of them: what waits here are names
            files = files.shuffle(self.count(share), seed=shuffle_seed)
        return files.map(
            lambda path, label, name: (tf.io.read_file(path), label, name),
            num_parallel_calls=tf.data.AUTOTUNE,
        )

    def _table(self, share):
        """Paths, labels and names of a split's pictures, or of a share of them."""
        split, pipelines, number = (share, 1, 0) if isinstance(share, str) else share
        names = self.names(split)
        labels = [self.info.class_names.index(name.split("/")[0]) for name in names]
        columns = self._paths[split], np.array(labels, np.int64), names
        return tuple(column[number::pipelines] for column in columns)


def _split_folders(root):
    """The folder of each split: those below `root`, or `root` itself where they are its classes."""
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    inner = [path for folder in folders for path in folder.iterdir()]
    if inner and all(path.is_dir() for path in inner if not path.name.startswith(".")):
        return {folder.name: folder for folder in folders}
    return {_WHOLE: root}


def _listed(folder):
    """The classes and the pictures' paths below a folder of class folders."""
    try:
        listed = keras.utils.image_dataset_from_directory(
            folder, batch_size=None, shuffle=False, verbose=False
        )
    except ValueError as error:  # none of these files
        raise ValueError(f"{folder} has no class folders with pictures: {error}") from error
    return listed.class_names, listed.file_paths


class _Tfds:
    """A data set of tensorflow-datasets, or photo_patches, which is one too."""

    def __init__(self, name, data_dir):
        self._builder = _builder(name, data_dir)
        info = self._builder.info
        examples = {split: info.splits[split].num_examples for split in info.splits}
        self.info = DatasetInfo(name, tuple(info.features["label"].names), examples)
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

    def share(self, split, input_context):
        """A part of the split, in tensorflow-datasets' words: no pipeline reads another's files."""
        import tensorflow_datasets as tfds

        shares = tfds.even_splits(split, input_context.num_input_pipelines)
        return shares[input_context.input_pipeline_id]

    def count(self, share):
        return self._builder.info.splits[share].num_examples

    def read(self, share, shuffle_seed=None):
        name = self._name_feature or "tfds_id"
        examples = self._examples(share, shuffle_seed).map(
            lambda example: (example["image"], tf.cast(example["label"], tf.int64), example[name])
        )
        if shuffle_seed is not None:
            examples = examples.shuffle(_SHUFFLE_BUFFER, seed=shuffle_seed)
        return examples

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
                f"Unknown data set {name!r}; choose photo_patches, {_FOLDER}PATH or a name from "
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
