"""Indices forged with right checksums, which TensorFlow's reader alone would believe."""

import re
import shutil

import hypothesis
import numpy as np
import pytest
import reference_rule
import tensorflow as tf
from hypothesis import strategies
from tensorflow.core.protobuf import tensor_bundle_pb2

from keras_inception.weights import checkpoint_index, from_tf_slim

VALUES = {f"net/{name}/weights": np.ones((2, 3), "float32") for name in ("a", "ab", "b")}
_POLYNOMIAL = 0x82F63B78  # CRC-32C, bits reversed


def crc32c(data):
    """TensorFlow's masked checksum of a block."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8 & 0xFFFFFFFF).to_bytes(4, "little")


def varint(number):
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def block(entries):
    """A block without shared prefixes, and so with all its keys whole."""
    body = b"".join(varint(0) + varint(len(k)) + varint(len(v)) + k + v for k, v in entries)
    return body + bytes(4) + (1).to_bytes(4, "little")


def table(entries, compression=b"\0", seal=lambda block: block):
    """A sorted table of one data block; `seal` may spoil a block before it gets its checksum."""
    written, handles = b"", []
    for make in (
        lambda: block(entries),
        lambda: block([]),
        lambda: block([(entries[-1][0] + b"~", handles[0])]),
    ):
        content = seal(make())
        handles.append(varint(len(written)) + varint(len(content)))
        written += content + compression + crc32c(content + compression)
    return written + (handles[1] + handles[2]).ljust(40, b"\0") + checkpoint_index.MAGIC


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("good") / "slim.ckpt"
    reference_rule.write_checkpoint(prefix, VALUES)
    return prefix


@pytest.fixture
def copy(good, tmp_path):
    """A checkpoint whose index is to be written anew."""
    data = ".data-00000-of-00001"
    shutil.copyfile(f"{good}{data}", tmp_path / f"bad.ckpt{data}")
    return tmp_path / "bad.ckpt"


def entries_of(prefix):
    with open(f"{prefix}.index", "rb") as file:
        return list(checkpoint_index.entries(file.read()))


def write(prefix, content):
    with open(f"{prefix}.index", "wb") as file:
        file.write(content)


def opened(prefix):
    """Opens a checkpoint and reads all of it; returns the error's text, or `None`."""
    try:
        source = from_tf_slim.open_checkpoint(str(prefix))
        for name in source.shapes:
            source.read(name)
    except ValueError as error:
        return str(error)
    return None


def test_the_tests_own_writer(good, copy):
    write(copy, table(entries_of(good)))
    assert opened(copy) is None
    source = from_tf_slim.open_checkpoint(str(copy))
    assert list(source.shapes) == sorted(VALUES)
    np.testing.assert_array_equal(source.read("net/ab/weights"), VALUES["net/ab/weights"])


def forge(change):
    """Changes the second variable's entry."""

    def forged(entries):
        entry = tensor_bundle_pb2.BundleEntryProto.FromString(entries[2][1])
        change(entry)
        return [*entries[:2], (entries[2][0], entry.SerializeToString()), *entries[3:]]

    return forged


def axis(size):
    return forge(lambda entry: setattr(entry.shape.dim[0], "size", size))


def field(name, value):
    return forge(lambda entry: setattr(entry, name, value))


def many_axes(entry):
    for _ in range(300):
        entry.shape.dim.add().size = 1


def large(entry):
    for _ in range(4):
        entry.shape.dim.add().size = 1 << 40


def slice_outside(entry):
    piece = entry.slices.add()
    piece.extent.add(start=1, length=2)
    piece.extent.add()


def slice_twice(entry):
    for tail in (b"", b"\x10\x07"):  # the second with a field that is not known
        piece = entry.slices.add()
        piece.MergeFromString(b"\x0a\x00\x0a\x00" + tail)


def header(**fields):
    value = tensor_bundle_pb2.BundleHeaderProto(**fields).SerializeToString()
    return lambda entries: [(b"", value), *entries[1:]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (axis(-1), r"b'net/ab/weights' has an impossible shape, \[-1, 3\]"),
        (axis(-(1 << 63)), "has an impossible shape"),
        (axis(1 << 62), "is too large"),
        (forge(large), "is too large"),
        (forge(many_axes), "has an impossible shape"),
        (forge(lambda entry: setattr(entry.shape, "unknown_rank", True)), "an impossible shape"),
        (axis(4), "has 24 bytes, and 12 values of 4"),
        (field("dtype", 0), "has an unknown type, 0"),
        (field("dtype", 99), "has an unknown type, 99"),
        (field("dtype", 101), "has an unknown type, 101"),
        (field("dtype", 20), "has an unknown type, 20"),
        (field("dtype", 2), "has 24 bytes, and 6 values of 8"),
        (field("shard_id", 1), "lies in data file 1 of 1"),
        (field("shard_id", -1), "lies in data file -1 of 1"),
        (field("offset", -24), "lies outside of its data file"),
        (field("offset", 1 << 62), "lies outside of its data file"),
        (field("size", -1), "lies outside of its data file"),
        (forge(slice_outside), "has a slice that lies outside of it"),
        (forge(lambda entry: entry.slices.add()), "has a slice of another rank"),
        (forge(slice_twice), "has a slice twice"),
        (header(num_shards=0), "declares 0 data files"),
        (header(num_shards=1 << 30), "declares 1073741824 data files"),
        (header(num_shards=2), "No such file"),
        (header(num_shards=1, endianness=1), "foreign byte order"),
        (lambda entries: entries[1:], "does not begin with a header"),
        (lambda entries: [*entries, entries[1]], "is out of order"),
        (lambda entries: [*entries, entries[-1]], "is out of order"),
        (lambda entries: [*entries, (b"~", b"\xff")], "no readable entry for b'~'"),
    ],
)
def test_forged_entries(change, message, good, copy):
    write(copy, table(change(entries_of(good))))
    assert re.search(f"bad.ckpt is not a readable TensorFlow checkpoint: .*{message}", opened(copy))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda entries: table(entries, compression=b"\1"), "is compressed"),
        (lambda entries: table(entries, seal=lambda b: b[:-4] + b"\xff" * 4), "without an end"),
        (lambda entries: table(entries, seal=lambda b: b[:3]), "lies outside of it"),
        (lambda entries: table(entries, seal=lambda b: b"\x05" + b[1:]), "outside of its block"),
        (lambda entries: table(entries)[:-49] + b"\xff" * 41 + checkpoint_index.MAGIC, "an end"),
        (lambda entries: checkpoint_index.MAGIC, "is cut off"),
        (lambda entries: bytes(5000), "is cut off, or is not an index"),
    ],
)
def test_forged_tables(content, message, good, copy):
    write(copy, content(entries_of(good)))
    assert message in opened(copy)


def test_damaged_slices(tmp_path):
    """TensorFlow's reader reports the first such fault, and at the next question aborts."""
    prefix = tmp_path / "bad.ckpt"
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=["net/a/weights"] * 2 + ["net/b/weights"],
        shape_and_slices=["4 3 0,2:-", "4 3 2,2:-", ""],
        tensors=[tf.ones((2, 3)), tf.ones((2, 3)), tf.ones((2, 3))],
    )
    source = from_tf_slim.open_checkpoint(str(prefix))
    np.testing.assert_array_equal(source.read("net/a/weights"), np.ones((4, 3)))
    data = tmp_path / "bad.ckpt.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[0] ^= 1
    data.write_bytes(content)
    source = from_tf_slim.open_checkpoint(str(prefix))
    for name in ("net/a/weights", "net/a/weights", "net/b/weights"):
        with pytest.raises(ValueError, match="bad.ckpt: net/a/weights cannot be read: .*hecksum"):
            source.read(name)


def test_names_that_unfold_without_end(good, copy):
    """Each name shares a megabyte with the one before it, and so takes a few bytes of the file."""
    (_, header), (_, value), *_ = entries_of(good)
    stem = b"n" * (1 << 20)
    names = b"".join(
        varint(len(stem) + i) + varint(1) + varint(len(value)) + b"n" + value for i in range(10_000)
    )
    first = block([(b"", header), (stem, value)])[:-8]
    bomb = first + names + bytes(4) + (1).to_bytes(4, "little")
    plain = block([(b"x", b"")])
    write(copy, table([(b"x", b"")], seal=lambda b: bomb if b == plain else b))
    assert (copy.parent / "bad.ckpt.index").stat().st_size < 2 * len(stem)
    assert "names of more than 67,108,864 bytes in all" in opened(copy)


@hypothesis.settings(
    max_examples=300,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(place=strategies.floats(0, 1, exclude_max=True), byte=strategies.integers(0, 255))
def test_any_byte_changed_and_sealed_again(place, byte, good, copy):
    """Refused or read, but the process lives on."""

    def spoil(content):
        if len(content) <= 8:
            return content
        spoilt = bytearray(content)
        spoilt[int(place * len(spoilt))] = byte
        return bytes(spoilt)

    write(copy, table(entries_of(good), seal=spoil))
    text = opened(copy)
    assert text is None or "bad.ckpt" in text
