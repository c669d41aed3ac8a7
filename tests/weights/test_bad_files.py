"""Spoilt files of every format: one clear error that names the file, and a model that is unchanged.

Where a bit is flipped in a value, nothing can tell, and the load succeeds. (Forged archives, HDF5
files, checkpoints, `.safetensors` files and caffemodels have test files of their own.)
"""

import bz2
import lzma
import os
import pickle
import re
import subprocess
import sys
import tarfile
import zipfile
import zlib

import hypothesis
import numpy as np
import pytest
import weight_files
from hypothesis import strategies
from spoilt_files import PARTS, Zeros, copy_of, member, refused, spoil_hdf5

from keras_inception import weights
from keras_inception.weights import load

pytestmark = pytest.mark.usefixtures("temporary")

BIG = 130_000_000  # bytes; twice what an archive may unpack to for so small a network


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
        (b"no weights here, only words\n" * 40, "has an unknown format"),
        (pickle.dumps({"a": 1}), "is a pickle, .* make a .safetensors file of it"),
        (np.random.default_rng(0).bytes(5000), "has an unknown format|is not a readable"),
        (b"\x89HDF\r\n\x1a\n" + bytes(2000), "is not a readable HDF5 file"),
        (b"\x1f\x8b" + bytes(2000), "is not a readable archive"),
        (b"PK\x03\x04" + bytes(2000), "is not a readable archive"),
        ((1 << 63).to_bytes(8, "little") + b'{"a": 1}', "is not a readable .safetensors"),
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


def zeros(packer, path):
    with open(path, "wb") as file:
        for _ in range(BIG // 1_000_000):
            file.write(packer.compress(bytes(1_000_000)))
        file.write(packer.flush())


def gzip_bomb(path):
    zeros(zlib.compressobj(9, wbits=31), path)


def tar_bomb(path):
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(member("slim.ckpt.index", size=BIG), Zeros(BIG))


def pax_bomb(path):
    """A header that claims to be as long as the archive; `tarfile` reads headers at once."""
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(member("header", tarfile.XHDTYPE, BIG), Zeros(BIG))


def packed_pax_bomb(path):
    """The same, packed as nobody publishes weights: not to be unpacked to find that out."""
    packer = bz2.BZ2Compressor() if path.suffix == ".bz2" else lzma.LZMACompressor(preset=0)
    header = member("header", tarfile.XHDTYPE, BIG).tobuf(tarfile.GNU_FORMAT)
    with open(path, "wb") as file:
        file.write(packer.compress(header))
        for _ in range(BIG // 1_000_000):
            file.write(packer.compress(bytes(1_000_000)))
        file.write(packer.flush())


def zip_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", '{"config": {"layers": []}}')
        with archive.open("model.weights.h5", "w") as file:
            for _ in range(BIG // 1_000_000):
                file.write(bytes(1_000_000))


def zip_bomb_that_lies(path):
    """Packed by a method that `zipfile` unpacks without measure, and said to be short."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", '{"config": {"layers": []}}')
        archive.writestr("model.weights.h5", bytes(BIG), zipfile.ZIP_BZIP2)
    content = path.read_bytes()
    path.write_bytes(content.replace(BIG.to_bytes(4, "little"), (10).to_bytes(4, "little")))


def config_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b"[" + b"[]," * 20_000_000 + b"[]]")
        archive.writestr("model.weights.h5", b"")


def directory_bomb(path):
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(200_000):
            archive.writestr(zipfile.ZipInfo(f"{number:x}"), b"")


def header_bomb(path):
    header = b'{"a":[' + b"[]," * 5_000_000 + b"[]]}"
    path.write_bytes(len(header).to_bytes(8, "little") + header)


def chunk_bomb(file):
    group = file["layers/conv2d/vars"]
    shape = group["0"].shape
    del group["0"]
    dataset = group.create_dataset("0", shape, "f4", chunks=shape, compression="gzip")
    dataset.id.write_direct_chunk((0,) * len(shape), zlib.compress(bytes(BIG), 9))


def size_bomb(file):
    group = file["layers/conv2d/vars"]
    del group["0"]
    group.create_dataset("0", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024), compression="gzip")


def members_bomb(file):
    group = file["layers/conv2d/vars"]
    for number in range(2, 30_000):
        group[str(number)] = np.float32(0)


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
    paths = []
    for number, change in enumerate((chunk_bomb, size_bomb, members_bomb)):
        (tmp_path / str(number)).mkdir()
        paths.append(spoil_hdf5(files, tmp_path / str(number), change))
    for bomb, name in (
        (gzip_bomb, "gzip.tar.gz"),
        (tar_bomb, "tar.tar.gz"),
        (pax_bomb, "pax.tar.gz"),
        (packed_pax_bomb, "pax.tar.bz2"),
        (packed_pax_bomb, "pax.tar.xz"),
        (zip_bomb, "zip.keras"),
        (zip_bomb_that_lies, "lies.keras"),
        (config_bomb, "config.keras"),
        (directory_bomb, "directory.keras"),
        (header_bomb, "header.safetensors"),
    ):
        bomb(tmp_path / name)
        paths.append(tmp_path / name)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", CHILD, str(files["checkpoint"]), *map(str, paths)]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    assert "loaded" not in done.stdout
    assert int(done.stdout.split()[-1]) < 100_000  # kilobytes; each would take more


def test_values_that_are_not_finite_are_told_of(models, tmp_path, caplog):
    model = weight_files.network()
    kernel = model.get_layer("mixed_4b_branch1_0_1x1_conv").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    weights.save(model, tmp_path / "nan.safetensors")
    load(model, tmp_path / "nan.safetensors")
    assert "mixed_4b_branch1_0_1x1_conv/kernel has values that are not finite" in caplog.text
    assert caplog.text.count("not finite") == 1
