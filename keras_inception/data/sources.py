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

import hashlib
import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

# Encoded pictures to shuffle among: all of photo_patches' 2,800, and 0.5 GB of ImageNet, whose
# 1,024 files are shuffled and interleaved besides.
_SHUFFLE_BUFFER = 4096
_FOLDER = "folder:"
_WHOLE = "all"  # the split of a folder that has none
_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")  # those that Keras lists
NO_LABEL = -1  # of pictures without classes


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
    if not name.startswith(_FOLDER):
        return _Tfds(name, data_dir, labelled)
    what = "class folders" if labelled else "pictures"
    if name == _FOLDER:  # which would be the current directory
        raise ValueError(f"{_FOLDER}PATH wants the path of a folder with {what}")
    root = pathlib.Path(name.removeprefix(_FOLDER)).expanduser()
    if not root.is_dir():
        raise ValueError(f"{root} is no folder; {_FOLDER}PATH wants one with {what}")
    paths = [] if labelled else _pictures_in(root)
    return _FlatFolder(name, root, paths) if paths else _Folder(name, root)


class _Folder:
    """Class folders of pictures, listed by Keras, in its order: by class, then by name.

    Paths are kept, as one tensor for each split: 0.2 GB for ImageNet's 1.3 million.
    """

    def __init__(self, name, root):
        folders = _split_folders(root)
        listed = {split: _listed(folder) for split, folder in folders.items()}
        classes = tuple(sorted({c for names, _ in listed.values() for c in names}))
        self._prefixes = {s: os.path.join(folder, "") for s, folder in folders.items()}
        self._columns = {
            split: self._paths_and_labels(split, paths, classes)
            for split, (_, paths) in listed.items()
        }
        self.info = DatasetInfo(name, classes, {s: len(c[0]) for s, c in self._columns.items()})

    def _paths_and_labels(self, split, paths, classes):
        label = {name: number for number, name in enumerate(classes)}
        start = len(self._prefixes[split])
        return paths, [label[path[start:].partition(os.sep)[0]] for path in paths]

    def has(self, split):
        return split in self._columns

    def names(self, split):
        paths, _ = self._columns[split]
        return [path.removeprefix(self._prefixes[split]) for path in paths]

    def fingerprint(self, split):
        digest = hashlib.sha256()
        for path in self._columns[split][0]:
            digest.update(path.encode())
            if os.path.exists(path):  # or a link to nothing
                status = os.stat(path)
                digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
        return digest.hexdigest()

    def share(self, split, input_context=None):
        """A split, or every n-th of its pictures, in the form that `count` and `read` take."""
        context = input_context or tf.distribute.InputContext()
        first, step = context.input_pipeline_id, context.num_input_pipelines
        paths, labels = (column[first::step] for column in self._columns[split])
        # The two are made once, here: no graph of an epoch has a copy.
        prefix = len(self._prefixes[split].encode())
        return prefix, tf.constant(paths), tf.constant(labels, tf.int64)

    @staticmethod
    def count(share):
        return share[1].shape[0]

    @staticmethod
    def read(share, shuffle_seed=None, start=0):
        prefix, paths, labels = share
        order = tf.range(paths.shape[0], dtype=tf.int64)
        if shuffle_seed is not None:
            # What is shuffled are numbers, all at once, so any place in an epoch is near.
            order = tf.random.experimental.stateless_shuffle(order, tf.stack([shuffle_seed, 0]))

        def named(number):
            name = tf.strings.substr(paths[number], prefix, tf.int32.max)
            return paths[number], labels[number], name

        return tf.data.Dataset.from_tensor_slices(order[start:]).map(named)

    load = staticmethod(tf.io.read_file)


class _FlatFolder(_Folder):
    """The pictures in a folder itself, by name, without classes."""

    def __init__(self, name, root, paths):
        self._prefixes = {_WHOLE: os.path.join(root, "")}
        self._columns = {_WHOLE: (paths, [NO_LABEL] * len(paths))}
        self.info = DatasetInfo(name, (), {_WHOLE: len(paths)})


def _split_folders(root):
    """The folder of each split: those below `root`, or `root` itself where they are its classes."""
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    inner = (p for folder in folders for p in folder.iterdir() if not p.name.startswith("."))
    first = next(inner, None)
    if first is not None and first.is_dir() and all(path.is_dir() for path in inner):
        return {folder.name: folder for folder in folders}
    return {_WHOLE: root}


def _pictures_in(folder):
    """The paths of the pictures that lie in a folder itself, sorted."""
    with os.scandir(folder) as entries:
        paths = sorted(e.path for e in entries if e.name.lower().endswith(_SUFFIXES))
    _check_names(map(pathlib.Path, paths))
    return [path for path in paths if not os.path.isdir(path)]


def _check_names(paths):
    for path in paths:
        if path.name.encode(errors="replace") != os.fsencode(path.name):
            raise ValueError(f"{str(path)!a} has a name that is not UTF-8")


def _listed(folder):
    """The classes and the pictures' paths below a folder of class folders."""
    try:
        listed = keras.utils.image_dataset_from_directory(
            folder, batch_size=None, shuffle=False, verbose=False
        )
    except (ValueError, TypeError) as error:
        _check_names(folder.rglob("*"))
        raise ValueError(f"{folder} has no class folders with pictures: {error}") from error
    return listed.class_names, listed.file_paths


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
                f"Unknown data set {name!r}; choose photo_patches, {_FOLDER}PATH or a name from "
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
