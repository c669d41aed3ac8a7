"""Helpers for tests of damaged and forged files of weights, whose fixtures are in `conftest.py`."""

import hashlib
import io
import pathlib
import shutil
import tarfile

import h5py
import weight_files

from keras_inception.weights import load

FORMATS = (
    "checkpoint",
    "first checkpoint",
    "tar.gz",
    "zip",
    ".h5",
    ".weights.h5",
    ".keras",
    ".safetensors",
    ".caffemodel",
)
PARTS = [(f, "") for f in FORMATS if f != "checkpoint"]
PARTS += [("checkpoint", suffix) for suffix in weight_files.SUFFIXES]


def state(model):
    digest = hashlib.sha256()
    for variable in model.weights:
        digest.update(variable.numpy().tobytes())
    return digest.digest()


def refused(model, path, named=None):
    """Loads a file; returns the error's text, or `None` if it loaded."""
    before, text = state(model), None
    try:
        load(model, path)
    except ValueError as error:
        text = str(error)
    if text is not None:
        assert (named or pathlib.Path(path).name) in text
        assert state(model) == before
    return text


def copy_of(format, files, folder, suffix=""):
    """A copy to spoil: (path to load, path of the file itself)."""
    if format != "checkpoint":
        path = folder / f"bad{files[format].name.removeprefix('ours')}"
        shutil.copyfile(files[format], path)
        return path, path
    for part in weight_files.SUFFIXES:
        shutil.copyfile(f"{files[format]}{part}", f"{folder / 'bad.ckpt'}{part}")
    return folder / "bad.ckpt", pathlib.Path(f"{folder / 'bad.ckpt'}{suffix}")


def spoil_hdf5(files, folder, change, format=".weights.h5"):
    """A copy of a HDF5 file of ours, changed by `change(file)`."""
    path, _ = copy_of(format, files, folder)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def member(name, kind=tarfile.REGTYPE, size=0, link=""):
    """The header of a member of a tar file."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info


class Zeros(io.RawIOBase):
    """A file of so many zeros, which takes no memory."""

    def __init__(self, size):
        self.left = size

    def read(self, size=-1):
        size = min(size, self.left)
        self.left -= size
        return bytes(size)
