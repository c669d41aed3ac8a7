"""The names of the classes that a model file was trained on, kept in text files beside it."""

import pathlib
import zipfile

from keras_inception.models import imagenet


def class_names(model_path, classes):
    """The names of the `classes` outputs of the model at `model_path`, a tuple of strings.

    They are read from `NAME.labels.txt` beside `NAME.keras` or `NAME.tflite`, else from
    `labels.txt` in the same folder, else from the `labels.txt` inside a `.tflite` file: one name a
    line. Without any they are ImageNet's for 1,000 classes, and the classes' numbers for any other
    number. A `model_path` of `None` has no file beside it.

    Raises:
        ValueError: a labels file has another number of lines than there are classes.
    """
    if model_path is not None:
        path = pathlib.Path(model_path)
        for file in (path.with_suffix(".labels.txt"), path.parent / "labels.txt"):
            if file.is_file():
                return read_labels(file, classes)
        inside = _labels_inside(path)
        if len(inside) == classes and inside != _numbers(classes):
            return inside
    if classes == len(imagenet.class_names()):
        return tuple(name for _, name in imagenet.class_names())
    return _numbers(classes)


def _numbers(classes):
    return tuple(str(i) for i in range(classes))


def _labels_inside(path):
    """Those in the archive behind a `.tflite` file, or none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(archive.read("labels.txt").decode().splitlines())
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return ()


def read_labels(path, classes):
    """The lines of a labels file, which must be as many as there are classes."""
    path = pathlib.Path(path)
    try:
        names = tuple(path.read_text(encoding="utf-8").splitlines())
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text file of class names") from error
    if len(names) != classes:
        raise ValueError(f"{path} has {len(names)} lines; the model has {classes} classes")
    return names


def readable(names):
    """ImageNet's WordNet numbers (`n01440764`), which data sets have, as names; others stay."""
    if tuple(names) == tuple(wnid for wnid, _ in imagenet.class_names()):
        return tuple(name for _, name in imagenet.class_names())
    return tuple(names)
