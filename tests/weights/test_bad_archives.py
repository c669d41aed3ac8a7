"""Tar and zip files, `.keras` among them, that are not what they say they are."""

import bz2
import gzip
import io
import json
import pathlib
import re
import struct
import tarfile
import zipfile

import pytest
from spoilt_files import copy_of, member, refused

from keras_inception.weights import load

pytestmark = pytest.mark.usefixtures("temporary")

WEIGHTS, CONFIG = b"model.weights.h5", b"config.json"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member("../slim.ckpt.index")], "points outside of the archive"),
        ([member("a/../../slim.ckpt.index")], "points outside of the archive"),
        ([member("/etc/slim.ckpt.index")], "points outside of the archive"),
        ([member("slim.ckpt.index", tarfile.SYMTYPE, link="/etc/passwd")], "a link or a device"),
        ([member("slim.ckpt.index", tarfile.LNKTYPE, link="other")], "is a link or a device"),
        ([member("slim.ckpt.index", tarfile.FIFOTYPE)], "is a link or a device"),
        ([member("a/x.index"), member("b/x.index")], "holds two files 'x.index'"),
        ([member("a.index"), member("b.index")], "should hold one checkpoint, and holds"),
        ([member("readme.txt")], r"should hold one checkpoint, and holds \[\]"),
        ([member("a.ckpt.index")], "is not a readable TensorFlow checkpoint"),
        ([member("n" * 300)], "is not a readable archive"),
        ([member(f"{i}.txt") for i in range(1001)], "more than 1000 files"),
        ([member(f"{i}", tarfile.DIRTYPE) for i in range(1001)], "more than 1000 files"),
    ],
)
@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_tar_files(members, message, mode, models, tmp_path):
    path = tmp_path / "slim.tar.gz"
    with tarfile.open(path, mode) as archive:
        for info in members:
            archive.addfile(info, io.BytesIO())
    assert re.search(message, refused(models["tar.gz"], path))


def header(kind, size):
    return member("slim.ckpt.index", kind, size).tobuf(tarfile.GNU_FORMAT) + bytes(4096)


@pytest.mark.parametrize("packed", [bytes, gzip.compress, bz2.compress])
@pytest.mark.parametrize("size", [1 << 33, 1 << 40, 1 << 62])
@pytest.mark.parametrize(
    "kind",
    [
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.GNUTYPE_SPARSE,
        tarfile.REGTYPE,
    ],
)
def test_tar_headers_that_claim_a_size(kind, size, packed, models, tmp_path):
    path = tmp_path / "slim.tar.gz"
    path.write_bytes(packed(header(kind, size)))
    expected = "an unknown format" if packed is bz2.compress else "is not a readable archive"
    assert expected in refused(models["tar.gz"], path)


@pytest.mark.parametrize(
    "sparse",
    [
        {"map": "0,100,9999999999999,5", "size": "99999999999999"},
        {"map": "a,b", "size": "x"},
        {"major": "1", "minor": "0", "realsize": "600"},
    ],
)
def test_sparse_tar_files(sparse, models, tmp_path):
    info = member("slim.ckpt.index", size=512)
    info.pax_headers = {f"GNU.sparse.{name}": value for name, value in sparse.items()}
    with tarfile.open(tmp_path / "slim.tar.gz", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(b"1" * 512))
    assert "is not a readable archive" in refused(models["tar.gz"], tmp_path / "slim.tar.gz")


@pytest.mark.parametrize("folder", ["../", "/", "c:/"])
def test_zip_files(folder, models, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("config.json", '{"config": {"layers": []}}')
        archive.writestr(f"{folder}model.weights.h5", b"")
    assert "points outside" in refused(models[".keras"], tmp_path / "a.keras")


def rezipped(files, folder, method=zipfile.ZIP_DEFLATED, **changed):
    """Our `.keras` file anew: `config` and `weights` may be others."""
    path = folder / "bad.keras"
    new = {"config.json": changed.get("config"), "model.weights.h5": changed.get("weights")}
    with (
        zipfile.ZipFile(files[".keras"]) as old,
        zipfile.ZipFile(path, "w", method) as archive,
    ):
        for name in old.namelist():
            content = new.get(name)
            archive.writestr(name, old.read(name) if content is None else content)
    return path


def layers_of(*layers):
    return json.dumps({"class_name": "Functional", "config": {"layers": layers}})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("", "is not a readable .keras file"),
        ("null", "is not a readable .keras file"),
        ("[]", "is not a readable .keras file"),
        ('{"config": "x"}', "is not a readable .keras file"),
        ('{"config": {"layers": 5}}', "is not a readable .keras file"),
        ('{"config": {"layers": [NaN]}}', "is not a readable .keras file"),
        (b"\xff\xfe\0", "is not a readable .keras file"),
        (layers_of({"config": {}}), "is not a readable .keras file: 'name'"),
        (layers_of({"config": {"name": 5}}), "a layer's name is not text"),
        (layers_of({"config": {"name": ["a"]}}), "a layer's name is not text"),
        ("[" * 1_000_000, "is not a readable .keras file: maximum recursion"),
        (b"[" + b"[]," * 2_000_000 + b"[]]", "'config.json' has 6,000,004 bytes, over 4,194,304"),
    ],
)
def test_configurations(config, message, files, models, tmp_path):
    assert message in refused(models[".keras"], rezipped(files, tmp_path, config=config))


def test_a_configuration_is_not_carried_out(files, models, tmp_path):
    """Keras would call what a `.keras` file names; only the names of its layers are read here."""
    before = layers_of(
        {
            "module": "builtins",
            "class_name": "exec",
            "registered_name": "exec",
            "config": {"name": "a", "function": {"class_name": "__lambda__", "config": "raise"}},
        }
    )
    load(models[".keras"], rezipped(files, tmp_path, config=before))


def change_directory(path, name, offset, value):
    """Overwrites bytes of a member's row in the table of contents, and of its local header."""
    content = bytearray(path.read_bytes())
    for magic, length, shift in ((b"PK\1\2", 46, 0), (b"PK\3\4", 30, 2)):
        start = content.find(magic)
        while start >= 0:
            if content[start + length :].startswith(name):
                at = start + offset - shift
                content[at : at + len(value)] = value
            start = content.find(magic, start + 1)
    path.write_bytes(content)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (10, struct.pack("<H", 9), "by another method than deflate"),  # deflate64
        (10, struct.pack("<H", 12), "by another method than deflate"),  # bzip2
        (10, struct.pack("<H", 14), "by another method than deflate"),  # LZMA
        (10, struct.pack("<H", 99), "by another method than deflate"),  # AES
        (8, struct.pack("<H", 1), "encrypted"),
        (8, struct.pack("<H", 64), "strong encryption"),
        (16, bytes(4), "Bad CRC-32"),
        (24, struct.pack("<I", 10), "Bad CRC-32"),
        (24, struct.pack("<I", 0xFFFFFFF0), "unpacks to more than|4294967280|4,294,967,280"),
    ],
)
def test_a_forged_table_of_contents(name, offset, value, message, files, models, tmp_path):
    path = rezipped(files, tmp_path)
    change_directory(path, name, offset, value)
    assert re.search(message, refused(models[".keras"], path))


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
def test_packed_bytes_that_are_none(name, files, models, tmp_path):
    path = rezipped(files, tmp_path)
    content = bytearray(path.read_bytes())
    start = content.find(name) + len(name)
    content[start : start + 40] = b"\xff" * 40
    path.write_bytes(content)
    assert "is not a readable archive" in refused(models[".keras"], path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packed_by_what_unpacks_without_measure(method, files, models, tmp_path):
    path = rezipped(files, tmp_path, method)
    assert "by another method than deflate" in refused(models[".keras"], path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("comment", [b"", b"a comment", b"x" * 65_535])
def test_good_zip_files(method, comment, files, models, tmp_path):
    path = rezipped(files, tmp_path, method)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = comment
    assert refused(models[".keras"], path) is None


@pytest.mark.parametrize("comment", [b"", b"a comment"])
@pytest.mark.parametrize("files_in_it", [20_000, 70_000])  # the second needs the 64-bit form
def test_a_long_table_of_contents(files_in_it, comment, models, tmp_path):
    path = tmp_path / "bad.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(files_in_it):
            archive.writestr(zipfile.ZipInfo(f"{number:09}"), b"")
        archive.comment = comment
    assert "its table of contents is too long" in refused(models[".keras"], path)


def test_two_weight_files_in_one(files, models, tmp_path):
    path, _ = copy_of(".keras", files, tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/model.weights.h5", b"")
    assert "holds two files 'model.weights.h5'" in refused(models[".keras"], path)


def with_64_bits(path, target, length=None, moved=0):
    """Copies a zip file and puts the 64-bit records of its end in, which PyTorch always writes."""
    whole = path.read_bytes()
    head, end = whole[:-22], whole[-22:]
    _, _, _, _, count, size, start, _ = struct.unpack("<4s4H2LH", end)
    length = size if length is None else length
    record = (b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, start)
    place = struct.pack("<4sLQL", b"PK\6\7", 0, len(head) + moved, 1)
    target.write_bytes(head + struct.pack("<4sQ2H2L4Q", *record) + place + end)


def test_zip_files_with_64_bits(files, models, tmp_path):
    model, good, path = models[".keras"], pathlib.Path(files[".keras"]), tmp_path / "a.keras"
    with_64_bits(good, path)
    assert refused(model, path) is None
    with_64_bits(good, path, length=1 << 30)
    assert "its table of contents is too long" in refused(model, path)
    with_64_bits(good, path, moved=1)
    assert "is not where it should be" in refused(model, path)
    cut = b"PK\3\4" + struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1) + good.read_bytes()[-22:]
    path.write_bytes(cut)
    assert "its end is cut" in refused(model, path)


def test_what_pytorch_writes_is_told_how_to_be_made_a_safetensors_file(models, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\2}.")
    with_64_bits(tmp_path / "a.zip", tmp_path / "a.pth")
    message = refused(models[".keras"], tmp_path / "a.pth")
    assert re.search("is a pickle, .* make a .safetensors file of it", message)
