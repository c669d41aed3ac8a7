"""Spoilt files of every format: one clear error that names the file, and a model that is unchanged.

Where a bit is flipped in a value, nothing can tell, and the load succeeds.
"""

import hashlib
import io
import os
import pathlib
import pickle
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib

import h5py
import hypothesis
import numpy as np
import pytest
import weight_files
from hypothesis import strategies

from keras_inception import weights
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
BIG = 200_000_000  # bytes; three times what an archive may unpack to for so small a network


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return weight_files.write_all(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def models(files):
    """The networks that the files fit, by format."""
    narrow = weight_files.network()
    caffe = dict(weight_files.ARGUMENTS, weights=files[".caffemodel"])
    googlenet = weight_files.keras_inception.GoogLeNet(**caffe)
    return {format: googlenet if format == ".caffemodel" else narrow for format in FORMATS}


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory, monkeypatch):
    """Nothing may be left where temporary files go."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


def state(model):
    digest = hashlib.sha256()
    for variable in model.weights:
        digest.update(variable.numpy().tobytes())
    return digest.digest()


def refused(model, path, named=None):
    """Loads a file; returns the error's text, or `None` where it loaded."""
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


PARTS = [(f, "") for f in FORMATS if f != "checkpoint"]
PARTS += [("checkpoint", suffix) for suffix in weight_files.SUFFIXES]


@pytest.mark.parametrize(("format", "suffix"), PARTS)
def test_the_whole_file_loads(format, suffix, files, models, tmp_path):
    path, _ = copy_of(format, files, tmp_path, suffix)
    assert refused(models[format], path) is None


@pytest.mark.parametrize(("format", "suffix"), PARTS)
def test_truncated_at_every_sixteenth(format, suffix, files, models, tmp_path):
    path, file = copy_of(format, files, tmp_path, suffix)
    whole = file.read_bytes()
    for sixteenths in range(16):
        file.write_bytes(whole[: len(whole) * sixteenths // 16])
        assert refused(models[format], path) is not None, sixteenths


@pytest.mark.parametrize(("format", "suffix"), PARTS)
def test_a_bit_flipped_in_the_header(format, suffix, files, models, tmp_path):
    path, file = copy_of(format, files, tmp_path, suffix)
    whole = file.read_bytes()
    tried = {"refused": 0, "loaded": 0}

    @hypothesis.settings(max_examples=25, derandomize=True, database=None, deadline=None)
    @hypothesis.given(
        position=strategies.integers(0, min(len(whole), 2048) - 1), bit=strategies.integers(0, 7)
    )
    def flip(position, bit):
        spoilt = bytearray(whole)
        spoilt[position] ^= 1 << bit
        file.write_bytes(spoilt)
        # A flipped name in the index sends TensorFlow to a data file of another name.
        tried["loaded" if refused(models[format], path, "bad") is None else "refused"] += 1

    flip()
    print(f"\n{format}{suffix}: {tried}")
    assert sum(tried.values()) >= 25


@pytest.mark.parametrize("name", ["a.h5", "a.keras", "a.safetensors", "a.tar.gz", "a.caffemodel"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"no weights here, only words\n" * 40, "is of no known format"),
        (pickle.dumps({"a": 1}), "is a pickle, .* make a .safetensors file of it"),
        (np.random.default_rng(0).bytes(5000), "is of no known format|is no readable"),
        (b"\x89HDF\r\n\x1a\n" + bytes(2000), "is no readable HDF5 file"),
        (b"\x1f\x8b" + bytes(2000), "is no readable archive"),
        (b"PK\x03\x04" + bytes(2000), "is no readable zip file"),
        ((1 << 63).to_bytes(8, "little") + b'{"a": 1}', "is no readable .safetensors"),
    ],
    ids=["empty", "text", "pickle", "random", "hdf5", "gzip", "zip", "header of 2**63"],
)
def test_something_else_under_any_name(name, content, message, models, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert re.search(message, refused(models[".h5"], tmp_path / name))


def test_pytorch_zip(models, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
    assert "is a pickle" in refused(models[".keras"], tmp_path / "a.keras")


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member("../slim.ckpt.index")], "points outside of the archive"),
        ([member("a/../../slim.ckpt.index")], "points outside of the archive"),
        ([member("/etc/slim.ckpt.index")], "points outside of the archive"),
        ([member("slim.ckpt.index", tarfile.SYMTYPE, "/etc/passwd")], "is a link or a device"),
        ([member("slim.ckpt.index", tarfile.LNKTYPE, "other")], "is a link or a device"),
        ([member("slim.ckpt.index", tarfile.FIFOTYPE)], "is a link or a device"),
        ([member("a/x.index"), member("b/x.index")], "holds two files 'x.index'"),
        ([member("a.index"), member("b.index")], "should hold one checkpoint, and holds"),
        ([member("readme.txt")], r"should hold one checkpoint, and holds \[\]"),
        ([member("a.ckpt.index")], "is no readable TensorFlow checkpoint"),
    ],
)
@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_tar_files(members, message, mode, models, tmp_path):
    path = tmp_path / "slim.tar.gz"
    with tarfile.open(path, mode) as archive:
        for info in members:
            archive.addfile(info, io.BytesIO())
    assert re.search(message, refused(models["tar.gz"], path))


@pytest.mark.parametrize("folder", ["../", "/", "c:/"])
def test_zip_files(folder, models, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("config.json", '{"config": {"layers": []}}')
        archive.writestr(f"{folder}model.weights.h5", b"")
    assert "points outside" in refused(models[".keras"], tmp_path / "a.keras")


def spoil_hdf5(files, folder, change):
    """A copy of our `.weights.h5` whose first kernel's group `change(group, file)` has changed."""
    path = folder / "bad.weights.h5"
    shutil.copyfile(files[".weights.h5"], path)
    with h5py.File(path, "r+") as file:
        change(file["layers/conv2d/vars"], file)
    return path


def external_link(group, file):
    del group["0"]
    group["0"] = h5py.ExternalLink("/etc/hostname", "/0")


def soft_link(group, file):
    del group["0"]
    group["0"] = h5py.SoftLink("/layers/conv2d_1/vars/0")


def external_storage(group, file):
    shape = group["0"].shape
    del group["0"]
    size = int(np.prod(shape)) * 4
    group.create_dataset("0", shape, "f4", external=[("/etc/passwd", 0, size)])


def virtual(group, file):
    shape = group["0"].shape
    del group["0"]
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource("other.h5", "0", shape)
    group.create_virtual_dataset("0", layout)


def huge(group, file):
    del group["0"]
    group.create_dataset("0", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024), compression="gzip")


def huge_chunk(group, file):
    shape = group["0"].shape
    del group["0"]
    chunks = (1 << 13, 1 << 13, 1, 1)
    group.create_dataset("0", shape, "f4", chunks=chunks, maxshape=(None,) * 4)


def texts(group, file):
    del group["0"]
    group["0"] = "words"


def cycle(group, file):
    file["layers/conv2d_0"] = file["/"]


def twice(group, file):
    file["layers/conv2d_1/vars"].attrs["name"] = group.attrs["name"]


def another_shape(group, file):
    value = group["0"][()]
    del group["0"]
    group["0"] = value[1:]


def gone(group, file):
    del group["0"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (external_link, "is a link to another place"),
        (soft_link, "is a link to another place"),
        (external_storage, "has its values outside of the file"),
        (virtual, "has its values outside of the file"),
        (huge, "far more than the model has"),
        (huge_chunk, "in chunks larger than itself"),
        (texts, "is no array of numbers"),
        (cycle, "groups within groups without an end"),
        (twice, "has two layers"),
        (another_shape, r"shape: conv2d_1a_7x7_conv/0 \(6, 7, 3, 8\)"),
        (gone, "missing: conv2d_1a_7x7_conv/kernel"),
    ],
)
def test_hdf5_files(change, message, files, models, tmp_path):
    path = spoil_hdf5(files, tmp_path, change)
    assert re.search(message, refused(models[".weights.h5"], path))


def gzip_bomb(path):
    packer = zlib.compressobj(9, wbits=31)
    with open(path, "wb") as file:
        for _ in range(BIG // 1_000_000):
            file.write(packer.compress(bytes(1_000_000)))
        file.write(packer.flush())


def tar_bomb(path):
    info = member("slim.ckpt.index")
    info.size = BIG
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(info, Zeros(BIG))


def pax_bomb(path):
    """A header that claims to be as long as the archive; `tarfile` reads headers at once."""
    info = tarfile.TarInfo("header")
    info.type, info.size = tarfile.XHDTYPE, BIG
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(info, Zeros(BIG))


def zip_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", '{"config": {"layers": []}}')
        with archive.open("model.weights.h5", "w") as file:
            for _ in range(BIG // 1_000_000):
                file.write(bytes(1_000_000))


class Zeros(io.RawIOBase):
    def __init__(self, size):
        self.left = size

    def read(self, size=-1):
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


CHILD = """
import pathlib, re, sys
import weight_files
from keras_inception.weights import load

def kilobytes(field):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(field + ":[^0-9]+([0-9]+)", status)[1])

model = weight_files.network()
load(model, sys.argv[1])
before = kilobytes("VmRSS")
pathlib.Path("/proc/self/clear_refs").write_text("5")
for path in sys.argv[2:]:
    try:
        load(model, path)
        print("loaded", path)
    except ValueError as error:
        assert path in str(error), error
print(kilobytes("VmHWM") - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux's /proc")
def test_bombs_take_no_memory(files, tmp_path):
    paths = [spoil_hdf5(files, tmp_path, huge)]
    for bomb, name in (
        (gzip_bomb, "gzip.tar.gz"),
        (tar_bomb, "tar.tar.gz"),
        (pax_bomb, "pax.tar.gz"),
        (zip_bomb, "zip.keras"),
    ):
        bomb(tmp_path / name)
        assert (tmp_path / name).stat().st_size < BIG / 100
        paths.append(tmp_path / name)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", CHILD, str(files["checkpoint"]), *map(str, paths)]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    assert "loaded" not in done.stdout
    assert int(done.stdout.split()[-1]) < 100_000  # kilobytes; each would take 200,000


def test_values_that_are_not_finite_are_told_of(models, tmp_path, caplog):
    model = weight_files.network()
    kernel = model.get_layer("mixed_4b_branch1_0_1x1_conv").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    weights.save(model, tmp_path / "nan.safetensors")
    load(model, tmp_path / "nan.safetensors")
    assert "mixed_4b_branch1_0_1x1_conv/kernel has values that are not finite" in caplog.text
    assert caplog.text.count("not finite") == 1
