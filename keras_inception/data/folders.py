"""Pictures in folders, as sources: class folders, with or without splits, and flat ones."""

from __future__ import annotations

import hashlib
import os
import pathlib

import keras
import tensorflow as tf

from keras_inception.data.info import NO_LABEL, DatasetInfo

_PREFIX = "folder:"  # of a data set's name
_WHOLE = "all"  # the split of a folder that has none
_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")  # those that Keras lists


def is_folder(name: str) -> bool:
    """Whether a data set's name is that of a folder."""
    return name.startswith(_PREFIX)


def open_folder(name: str, labelled: bool = True) -> Folder:
    """The source of `folder:PATH`; where no labels are wanted, pictures may lie in PATH itself."""
    what = "class folders" if labelled else "pictures"
    if name == _PREFIX:  # which would be the current directory
        raise ValueError(f"{_PREFIX}PATH wants the path of a folder with {what}")
    root = pathlib.Path(name.removeprefix(_PREFIX)).expanduser()
    if not root.is_dir():
        raise ValueError(f"{root} is no folder; {_PREFIX}PATH wants one with {what}")
    paths = [] if labelled else _pictures_in(root)
    return FlatFolder(name, root, paths) if paths else Folder(name, root)


class Folder:
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


class FlatFolder(Folder):
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
