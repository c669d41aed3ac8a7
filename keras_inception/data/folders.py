"""Sources that read folders of pictures: class folders, with or without splits, and flat ones."""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Collection

import keras
import tensorflow as tf

from keras_inception.data.info import NO_LABEL, DatasetInfo

_PREFIX = "folder:"  # begins the name of such a data set
_WHOLE = "all"  # the only split of a folder without splits
_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")  # the suffixes that Keras lists


def is_folder(name: str) -> bool:
    """Tells whether a data set's name stands for a folder."""
    return name.startswith(_PREFIX)


def open_folder(name: str, labelled: bool = True) -> Folder:
    """Opens `folder:PATH`. Pictures may lie in PATH itself if no labels are needed.

    Raises:
        ValueError: PATH is not a folder of pictures.
    """
    content = "one sub-folder per class" if labelled else "pictures"
    if name == _PREFIX:  # an empty path would be the current directory
        raise ValueError(f"{_PREFIX}PATH has no PATH: expected a folder with {content}")
    root = pathlib.Path(name.removeprefix(_PREFIX)).expanduser()
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder: {_PREFIX}PATH expects a folder with {content}")
    paths = [] if labelled else _pictures_in(root)
    return FlatFolder(name, root, paths) if paths else Folder(name, root)


class Folder:
    """A folder of class folders, listed in Keras's order: by class, then by name.

    Classes that are all whole numbers have the order of the numbers: 2 comes before 10.

    The paths are kept in memory, one tensor for each part: 0.2 GB for ImageNet's 1.3 million.
    """

    def __init__(self, name: str, root: pathlib.Path) -> None:
        folders = _split_folders(root)
        listed = {split: _listed(folder) for split, folder in folders.items()}
        classes = _in_order({c for names, _ in listed.values() for c in names})
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

    def has(self, split: str) -> bool:
        """Tells whether there is such a split."""
        return split in self._columns

    def count(self, split: str) -> int:
        """Returns the number of pictures in a split."""
        return self.info.examples[split]

    def file_names(self, split: str) -> list[str]:
        """Returns the path of each picture below the folder of its split."""
        paths, _ = self._columns[split]
        return [path.removeprefix(self._prefixes[split]) for path in paths]

    def unused_classes(self, split: str) -> tuple[str, ...]:
        """Returns the classes without a picture in a split."""
        used = set(self._columns[split][1])
        return tuple(name for i, name in enumerate(self.info.class_names) if i not in used)

    def fingerprint(self, split: str) -> str:
        """Returns a hash of the paths, sizes and times of the files."""
        digest = hashlib.sha256()
        for path in self._columns[split][0]:
            digest.update(path.encode())
            if os.path.exists(path):  # a link may lead nowhere
                status = os.stat(path)
                digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
        return digest.hexdigest()

    def part(
        self,
        split: str,
        end: int | None = None,
        excluded: Collection[int] = (),
        input_context: tf.distribute.InputContext | None = None,
    ) -> FolderPart:
        """Selects pictures of a split; the arguments are those of `Source.part`."""
        paths, labels = (column[:end] for column in self._columns[split])
        if excluded:
            left_out = set(excluded)
            kept = [number for number in range(len(paths)) if number not in left_out]
            paths, labels = ([column[number] for number in kept] for column in (paths, labels))
        context = input_context or tf.distribute.InputContext()
        first, step = context.input_pipeline_id, context.num_input_pipelines
        return FolderPart(self._prefixes[split], paths[first::step], labels[first::step])


class FolderPart:
    """The files of a split that one pipeline reads."""

    def __init__(self, prefix: str, paths: list[str], labels: list[int]) -> None:
        self.count = len(paths)
        self._prefix = len(prefix.encode())
        # Both tensors are made once, here, so the graph of an epoch does not get its own copy.
        self._paths, self._labels = tf.constant(paths, tf.string), tf.constant(labels, tf.int64)

    load = staticmethod(tf.io.read_file)

    def read(self, shuffle_key: tf.Tensor | None = None, start: int = 0) -> tf.data.Dataset:
        """Reads one pass; the arguments are those of `Part.read`."""
        prefix, paths, labels = self._prefix, self._paths, self._labels
        order = tf.range(paths.shape[0], dtype=tf.int64)
        if shuffle_key is not None:
            # Numbers are shuffled, all at once, so going to any place in an epoch is quick.
            order = tf.random.experimental.stateless_shuffle(order, tf.stack([shuffle_key, 0]))

        def named(number):
            name = tf.strings.substr(paths[number], prefix, tf.int32.max)
            return paths[number], labels[number], name

        return tf.data.Dataset.from_tensor_slices(order[start:]).map(named)


class FlatFolder(Folder):
    """A folder without classes, whose own pictures are sorted by name."""

    def __init__(self, name: str, root: pathlib.Path, paths: list[str]) -> None:
        self._prefixes = {_WHOLE: os.path.join(root, "")}
        self._columns = {_WHOLE: (paths, [NO_LABEL] * len(paths))}
        self.info = DatasetInfo(name, (), {_WHOLE: len(paths)})


def _in_order(class_names):
    """Sorts class names: as numbers if all of them are whole numbers, else as texts."""
    if all(name.isascii() and name.isdecimal() for name in class_names):
        return tuple(sorted(class_names, key=lambda name: (int(name), name)))
    return tuple(sorted(class_names))


def _split_folders(root):
    """Maps splits to folders: the folders in `root`, or `root` itself if these are classes."""
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    inner = (p for folder in folders for p in folder.iterdir() if not p.name.startswith("."))
    first = next(inner, None)
    if first is not None and first.is_dir() and all(path.is_dir() for path in inner):
        return {folder.name: folder for folder in folders}
    return {_WHOLE: root}


def _pictures_in(folder):
    """Returns the sorted paths of the pictures directly in a folder."""
    with os.scandir(folder) as entries:
        paths = sorted(e.path for e in entries if e.name.lower().endswith(_SUFFIXES))
    _check_names(map(pathlib.Path, paths))
    return [path for path in paths if not os.path.isdir(path)]


def _check_names(paths):
    for path in paths:
        if path.name.encode(errors="replace") != os.fsencode(path.name):
            raise ValueError(f"{str(path)!a} has a name that is not UTF-8")


def _listed(folder):
    """Returns the class names and the pictures' paths below a folder of class folders."""
    try:
        listed = keras.utils.image_dataset_from_directory(
            folder, batch_size=None, shuffle=False, verbose=False
        )
    except (ValueError, TypeError) as error:
        _check_names(folder.rglob("*"))
        raise ValueError(f"{folder} has no class folders with pictures: {error}") from error
    return listed.class_names, listed.file_paths
