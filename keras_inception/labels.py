"""Names of a model's classes: where they lie, and how they are read and written.

| place | names the classes of |
| --- | --- |
| `NAME.labels.txt` | the model beside it: `NAME.keras`, `NAME.tflite`, `NAME.onnx`, `NAME.xml` |
| `labels.txt` | all other models in the same folder |
| `labels.txt` in the zip archive at the end of a `.tflite` file | this model |

Each is a text file in UTF-8 with one class name a line, in the order of the model's outputs. Models
with 1,000 classes and no such file have ImageNet's classes.
"""

from __future__ import annotations

import io
import pathlib
import zipfile
from collections.abc import Iterable

from keras_inception.files import write_text
from keras_inception.models import imagenet
from keras_inception.types import PathLike

FILE_NAME = "labels.txt"
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # always the same, so that equal models give equal files


def class_names(model_path: PathLike | None, classes: int) -> tuple[str, ...]:
    """Returns what the classes of a model are called.

    Args:
        model_path: the model's file. The names are read from `NAME.labels.txt` beside it, else from
            `labels.txt` in the same folder, else from the `labels.txt` inside a `.tflite` file.
            `None` if the model has no file.
        classes: how many classes the model has.

    Returns:
        One name a class. Without a labels file they are ImageNet's names for 1,000 classes, and
        the classes' numbers, from 0, for any other number of classes.

    Raises:
        ValueError: a labels file beside the model is not text, or has more or fewer lines than
            there are classes.
    """
    if model_path is not None:
        path = pathlib.Path(model_path)
        for file in (beside(path), path.parent / FILE_NAME):
            if file.is_file():
                return read(file, classes)
        names = _inside(path)
        if len(names) == classes and names != _numbers(classes):
            return names
    if classes == len(imagenet.class_names()):
        return tuple(name for _, name in imagenet.class_names())
    return _numbers(classes)


def beside(model_path: PathLike) -> pathlib.Path:
    """Returns the path of the labels file that belongs to one model file, `NAME.labels.txt`."""
    return pathlib.Path(model_path).with_suffix(f".{FILE_NAME}")


def read(path: PathLike, classes: int) -> tuple[str, ...]:
    """Reads a labels file, of any system: byte order mark, line ends, empty lines at its end.

    Args:
        path: the file.
        classes: how many classes the model has.

    Raises:
        ValueError: the file is not text, or has more or fewer lines than there are classes.
    """
    path = pathlib.Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file in UTF-8") from error
    names = tuple(line.strip() for line in text.rstrip().splitlines())
    if len(names) != classes:
        raise ValueError(f"{path} has {len(names)} lines; the model has {classes} classes")
    return names


def write(path: PathLike, class_names: Iterable[str]) -> None:
    """Writes a labels file, or replaces the one at `path` once the new one is complete."""
    write_text(path, _text(class_names))


def appended(tflite: bytes, class_names: Iterable[str]) -> bytes:
    """Returns the bytes of a `.tflite` file with its class names in a zip archive at the end.

    The archive is not compressed: task libraries read it in place.
    """
    file = io.BytesIO()
    file.write(tflite)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(FILE_NAME, _ZIP_DATE), _text(class_names))
    return file.getvalue()


def checked(class_names: Iterable[object] | None, classes: int) -> tuple[str, ...]:
    """Returns the class names as strings that a labels file can hold.

    Args:
        class_names: one a class. `None` stands for the classes' numbers, from 0.
        classes: how many classes the model has.

    Raises:
        ValueError: there are more or fewer names than classes, or one is empty or has a line break.
    """
    if class_names is None:
        return _numbers(classes)
    names = tuple(str(name) for name in class_names)
    if len(names) != classes:
        raise ValueError(f"class_names has {len(names)} names; the model has {classes} classes")
    for name in names:
        if not name.strip() or name.splitlines() != [name]:
            raise ValueError(f"the class name {name!r} is empty or has a line break")
    return names


def readable(class_names: Iterable[str]) -> tuple[str, ...]:
    """Returns ImageNet's names if the classes are called by its WordNet ids (`n01440764`).

    Data sets of ImageNet use these ids. Any other class names are returned as they are.
    """
    class_names = tuple(class_names)
    if class_names == tuple(wordnet_id for wordnet_id, _ in imagenet.class_names()):
        return tuple(name for _, name in imagenet.class_names())
    return class_names


def _inside(path: pathlib.Path) -> tuple[str, ...]:
    """Returns the names in the archive at the end of a `.tflite` file; none without one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(archive.read(FILE_NAME).decode().splitlines())
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return ()


def _numbers(classes: int) -> tuple[str, ...]:
    return tuple(str(i) for i in range(classes))


def _text(class_names: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in class_names)
