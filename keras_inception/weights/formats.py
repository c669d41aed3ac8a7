"""Tells the format of a file of weights by its content."""

from __future__ import annotations

import os
import re
import tarfile
from typing import Any, BinaryIO, Literal

from keras_inception.types import PathLike
from keras_inception.weights import archives
from keras_inception.weights.checkpoint_index import MAGIC
from keras_inception.weights.from_caffe import is_caffemodel
from keras_inception.weights.safetensors_file import is_safetensors

Format = Literal["checkpoint", "archive", "keras", "hdf5", "safetensors", "caffe"]

KNOWN = (
    "a TF-Slim checkpoint (the prefix, or the tar.gz or zip it is published in), Keras's .keras, "
    ".weights.h5 and .h5, .safetensors, Caffe's .caffemodel"
)
# Advice for PyTorch's own file, at PATH.
CONVERSION = (
    "in Python with PyTorch, make a .safetensors file of it: safetensors.torch.save_file("
    "torch.load(PATH, weights_only=True), 'weights.safetensors')"
)
KERAS_WEIGHTS = "model.weights.h5"  # in a `.keras` file, a zip
_HEAD = 512  # bytes: a block of a tar file


def local(path: PathLike) -> str:
    """Returns a path as text, with the home folder in place of `~`."""
    return os.path.expanduser(os.fspath(path))


def exists(source: Any) -> bool:
    """Returns whether `source` is the path of a file or the prefix of a TensorFlow checkpoint."""
    if not isinstance(source, (str, os.PathLike)):
        return False
    path = local(source)
    return os.path.isfile(path) or os.path.isfile(f"{path}.index")


def absence(source: Any) -> str:
    """Returns why `source` is not a readable file, for a source that does not exist."""
    if not isinstance(source, (str, os.PathLike)):
        return f"{source!r} is of type {type(source).__name__}, not a path or a tag"
    path, name = local(source), repr(os.fspath(source))
    if os.path.isdir(path):
        return f"{name} is a folder, not a file of weights"
    if os.path.exists(path):
        return f"{name} is not a plain file"
    return f"{name} is a broken link" if os.path.islink(path) else f"{name} is not a file"


def format_of(file: BinaryIO, path: str) -> Format:
    """Tells the format of an open file.

    Args:
        file: the file; it is read from the beginning.
        path: where it is: a checkpoint is several files, which belong together by their names.

    Returns:
        One of `Format`: "archive" is that of a checkpoint.

    Raises:
        ValueError: it is empty, cannot be read, or has none of these formats.
    """
    try:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(_HEAD)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not head:
        raise ValueError(f"{path} is empty")
    # A .safetensors file begins with a length, whose low bytes may look like anything.
    if head[4:8] == bytes(4) and is_safetensors(head, size):
        return "safetensors"
    if head.startswith(b"PK"):
        return _format_of_zip(file, path)
    if head.startswith(b"\x89HDF"):
        return "hdf5"
    if checkpoint_prefix(file, path):
        return "checkpoint"
    if head.startswith(b"\x1f\x8b") or _is_tar(head):
        return "archive"
    if re.match(rb"\x80[\x02-\x05]|\(dp", head):
        raise _pickle_error(path)
    if is_safetensors(head, size):
        return "safetensors"
    if is_caffemodel(head):
        return "caffe"
    shard = ".data-" in os.path.basename(path)
    reason = "; a checkpoint's data file needs an .index file beside it" if shard else ""
    raise ValueError(f"{path} has an unknown format; known are {KNOWN}{reason}")


def _is_tar(head: bytes) -> bool:
    """Returns whether a file's first block is the header of a tar file, old or new."""
    try:
        return bool(tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape"))
    except tarfile.HeaderError:
        return False


def _format_of_zip(file: BinaryIO, path: str) -> Format:
    names = archives.names(file, path)
    if KERAS_WEIGHTS in names:
        return "keras"
    if any(name.endswith(".index") for name in names):
        return "archive"
    if any(name.endswith(".pkl") for name in names):
        raise _pickle_error(path)
    raise ValueError(f"{path} is a zip file without weights; known are {KNOWN}")


def _pickle_error(path: str) -> ValueError:
    return ValueError(
        f"{path} is a pickle, which can run any code and is never loaded; {CONVERSION}"
    )


def checkpoint_prefix(file: BinaryIO, path: str) -> str:
    """Returns the prefix of the checkpoint that an open file belongs to; empty if there is none."""
    prefix = path.removesuffix(".index")
    for stem in (path.rsplit(".data-", 1)[0], path.removesuffix(".meta")):
        if stem != path and os.path.isfile(f"{stem}.index"):
            return stem
    file.seek(max(0, file.seek(0, os.SEEK_END) - len(MAGIC)))
    # An .index file has the same end as a checkpoint of the first format, which is a single file.
    return prefix if file.read() == MAGIC or os.path.isfile(f"{path}.index") else ""
