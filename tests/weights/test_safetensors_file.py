import json
import struct
import sys
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

import keras_inception
from keras_inception.weights import load, safetensors_file
from keras_inception.weights.safetensors_file import is_safetensors


def open_safetensors(path):
    with open(path, "rb") as file:
        return safetensors_file.open_safetensors(file, path)


def entry(dtype="F32", shape=(4,), offsets=(0, 16)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def file_of(header, data=bytes(16), length=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


ENTRY = json.dumps(entry()).encode()
FAULTS = {  # what is wrong: (the file, a part of the message)
    "header of 2^63 bytes": (file_of({"a": entry()}, length=1 << 63), "header of 9223372036854"),
    "header longer than the file": (file_of({"a": entry()}, length=1000), "ends within its header"),
    "shorter than the length": (b"\x10\0\0", "ends within its header"),
    "empty": (b"", "JSON"),
    "no JSON": (file_of(b"{nonsense}"), "JSON"),
    "no UTF-8": (file_of(b'{"\xff":' + ENTRY + b"}"), "JSON"),
    "deep": (file_of(b'{"a":' * 100_000), "JSON"),
    "a list": (file_of(b"[1]"), "header"),
    "a name twice": (file_of(b'{"a":' + ENTRY + b',"a":' + ENTRY + b"}"), "'a' is there twice"),
    "a field twice": (file_of(b'{"a":' + ENTRY[:-1] + b',"shape":[4]}}'), "'shape' is there twice"),
    "overlap": (
        file_of({"a": entry(), "b": entry(shape=(2,), offsets=(8, 16))}),
        "(?i)invalid.?offset",
    ),
    "gap": (
        file_of({"a": entry(shape=(1,), offsets=(0, 4)), "b": entry(shape=(2,), offsets=(8, 16))}),
        "(?i)invalid.?offset",
    ),
    "backwards": (file_of({"a": entry(offsets=(16, 0))}), "(?i)offset"),
    "bytes behind": (file_of({"a": entry(shape=(2,), offsets=(0, 8))}), "(?i)incomplete"),
    "bytes missing": (file_of({"a": entry()}, bytes(13)), "(?i)incomplete"),
    "shape of other size": (file_of({"a": entry(shape=(5,))}), "not a readable .safetensors file"),
    "negative shape": (file_of({"a": entry(shape=(-4,))}), "not a readable .safetensors file"),
    "enormous shape": (file_of({"a": entry(shape=(1 << 40, 1 << 40))}), "(?i)overflow"),
    "unknown type": (file_of({"a": entry("F99")}), "not a readable .safetensors file"),
    "eight-bit floats": (file_of({"a": entry("F8_E4M3", (16,))}), "F8_E4M3, not one of"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_file_is_named_with_its_fault(fault, tmp_path):
    content, words = FAULTS[fault]
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as error:
        open_safetensors(str(path))
    assert str(path) in str(error.value)


def test_floats_come_out_as_float32(tmp_path):
    path = str(tmp_path / "weights.safetensors")
    exact = np.array([[1.5, -0.25, 3.0], [0.0, 2.0**-10, -128.0]])  # in every type
    types = {"half": np.float16, "brain": ml_dtypes.bfloat16, "single": "f4", "double": "f8"}
    save_file({name: exact.astype(dtype) for name, dtype in types.items()}, path)
    source = open_safetensors(path)
    assert source.path == path
    assert source.shapes == {name: (2, 3) for name in sorted(types)}
    for name in types:
        assert source.read(name).dtype == np.float32
        np.testing.assert_array_equal(source.read(name), exact)


def test_integers_are_skipped(tmp_path):
    path = str(tmp_path / "weights.safetensors")
    arrays = {"bn.num_batches_tracked": np.int64(3), "index": np.arange(3), "bn.bias": np.ones(2)}
    save_file({name: np.asarray(array) for name, array in arrays.items()}, path)
    source = open_safetensors(path)
    assert source.skipped == {
        "bn.num_batches_tracked": "step counter",
        "index": "integers, not weights",
    }
    assert source.shapes == {"bn.bias": (2,)}


def test_one_array_is_read_at_a_time(tmp_path):
    path = str(tmp_path / "weights.safetensors")
    megabyte = np.ones(1 << 18, np.float32)
    save_file({f"layer{i}.bias": megabyte for i in range(16)}, path)
    tracemalloc.start()
    source = open_safetensors(path)
    opened = tracemalloc.get_traced_memory()[1]
    for name in source.shapes:
        source.read(name)
    read = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert opened < 1 << 20
    assert read < 4 << 20


def test_a_file_that_ends_early_or_has_a_bit_flipped_is_read_or_refused(tmp_path):
    whole, path = tmp_path / "whole.safetensors", tmp_path / "damaged.safetensors"
    save_file({"conv.weight": np.ones((2, 3, 1, 1), "f4"), "conv.bias": np.ones(2, "f4")}, whole)
    content = whole.read_bytes()
    for i in range(16):
        path.write_bytes(content[: len(content) * i // 16])
        with pytest.raises(ValueError, match="damaged.safetensors"):
            open_safetensors(str(path))
    messages = []
    for bit in range(8 * (len(content) - 32)):  # the last 32 are the numbers
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            source = open_safetensors(str(path))
            assert sum(source.read(name).size for name in source.shapes) <= 8
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > 700
    assert all("damaged.safetensors" in message for message in messages)


@pytest.mark.parametrize(
    "names", [["a"], [""], ["/"], ["a/b", "a.weight"], ["block1_conv1/" + "9" * 5000]]
)
def test_names_of_no_known_kind_are_left_over(names, tmp_path):
    path = tmp_path / "odd.safetensors"
    save_file({name: np.ones(1, "f4") for name in names}, path)
    with pytest.raises(ValueError, match=r"odd.safetensors does not fit") as error:
        load(keras_inception.Xception(weights=None, include_top=False, width_multiplier=0.05), path)
    assert all(f"left over: {name}\n" in str(error.value) for name in names)


def test_files_are_told_by_content(tmp_path):
    for content, _ in FAULTS.values():
        assert is_safetensors(content[:512], len(content)) == (content[8:9] == b"{")
    assert is_safetensors(file_of({"a": entry()})[:9], 80)
    assert not is_safetensors(b"PK\x03\x04\0\0\0\0\0", 80)
    assert not is_safetensors(b"", 0)


def test_without_the_package_the_error_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "weights.safetensors"
    save_file({"a": np.ones(1, "f4")}, path)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r"pip install keras_inception\[safetensors\]"):
        open_safetensors(str(path))
