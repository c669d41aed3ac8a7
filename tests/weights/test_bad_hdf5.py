"""HDF5 files that point elsewhere, hold something else, or claim more than they have."""

import os
import re
import zlib

import h5py
import numpy as np
import pytest
from spoilt_files import refused, spoil_hdf5

pytestmark = pytest.mark.usefixtures("temporary")

FIRST = "layers/conv2d/vars"  # of the first convolution
LAYERS = "layers/conv2d_1/vars"


def first(make):
    """A change of the first kernel: `make(group, value)` writes another "0"."""

    def change(file):
        group = file[FIRST]
        value = group["0"][()]
        del group["0"]
        make(group, value)

    return change


def external_storage(group, value):
    group.create_dataset("0", value.shape, "f4", external=[("/etc/passwd", 0, value.nbytes)])


def virtual(group, value):
    layout = h5py.VirtualLayout(value.shape, "f4")
    layout[...] = h5py.VirtualSource("other.h5", "0", value.shape)
    group.create_virtual_dataset("0", layout)


def huge_chunk(group, value):
    chunks = (1 << 13, 1 << 13, 1, 1)
    group.create_dataset("0", value.shape, "f4", chunks=chunks, maxshape=(None,) * 4)


def dataset(**arguments):
    return first(lambda group, value: group.create_dataset("0", **arguments))


def of_type(dtype, **arguments):
    return first(
        lambda group, value: group.create_dataset("0", value.shape, dtype=dtype, **arguments)
    )


def chunk(content, compression="gzip"):
    """One chunk, whose packed bytes are given."""

    def make(group, value):
        made = group.create_dataset(
            "0", value.shape, "f4", chunks=value.shape, compression=compression
        )
        made.id.write_direct_chunk((0,) * value.ndim, content)

    return first(make)


def half_the_chunks(group, value):
    made = group.create_dataset("0", value.shape, "f4", chunks=(1, *value.shape[1:]))
    made[:4] = value[:4]


def unknown_filter(group, value):
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_chunk(value.shape)
    made.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
    space = h5py.h5s.create_simple(value.shape)
    h5py.h5d.create(group.id, b"0", h5py.h5t.IEEE_F32LE, space, made)


def link(path, target):
    def change(file):
        if path in file:
            del file[path]
        file[path] = target

    return change


def attribute(path, name, value):
    return lambda file: file[path].attrs.create(name, value)


def cycle(file):
    file["layers/conv2d_0"] = file["/"]


def soft_cycle(file):
    file["layers/a"] = h5py.SoftLink("/layers/b")
    file["layers/b"] = h5py.SoftLink("/layers/a")


def nested(file, target):
    file["layers/conv2d/inner/vars"] = target


def without_name(file):
    del file[FIRST].attrs["name"]


def many_layers(file):
    for number in range(20_001):
        file.create_group(f"layers/more_{number}")


EXTERNAL = h5py.ExternalLink("/etc/hostname", "/0")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (link(f"{FIRST}/0", EXTERNAL), "is a link to another place"),
        (link(f"{FIRST}/0", h5py.SoftLink(f"/{LAYERS}/0")), "is a link to another place"),
        (link(FIRST, EXTERNAL), "is a link to another place"),
        (link(FIRST, h5py.SoftLink(f"/{FIRST}")), "is a link to another place"),
        (link("layers", EXTERNAL), "'layers' is a link to another place"),
        (link("model_weights", EXTERNAL), "'model_weights' is a link to another place"),
        (soft_cycle, "'a' is a link to another place"),
        (lambda file: nested(file, EXTERNAL), "is a link to another place"),
        (first(external_storage), "has its values outside of the file"),
        (first(virtual), "has its values outside of the file"),
        (dataset(data=h5py.Empty("f4")), "has its values outside of the file"),
        (
            dataset(shape=(1 << 20, 1 << 20), dtype="f4", chunks=(1024, 1024), compression="gzip"),
            "far more than the model has",
        ),
        (first(huge_chunk), "in chunks larger than itself"),
        (dataset(data="words"), "is not an array of numbers"),
        (of_type(h5py.vlen_dtype("f4")), "is not an array of numbers"),
        (of_type([("a", "f4"), ("b", "f4")]), "is not an array of numbers"),
        (of_type(bool), "is not an array of numbers"),
        (of_type("c8"), "is not an array of numbers"),
        (of_type("V7"), "is not an array of numbers"),
        (of_type(h5py.ref_dtype), "is not an array of numbers"),
        (link(f"{FIRST}/0", np.dtype("f4")), "is not an array of numbers"),
        (of_type("f4"), "not all of its values are in the file"),
        (of_type("f4", chunks=True), "not all of its values are in the file"),
        (first(half_the_chunks), "not all of its values are in the file"),
        (chunk(zlib.compress(bytes(50_000_000))), "a chunk does not have the size of its values"),
        (chunk(zlib.compress(b"abc")), "a chunk does not have the size of its values"),
        (chunk(zlib.compress(bytes(4704))[:-8]), "a chunk does not have the size of its values"),
        (chunk(bytes(50_000)), "a chunk does not have the size of its values"),
        (chunk(b"no deflated bytes"), "cannot be read: Error -3"),
        (of_type("f4", compression="lzf"), "is packed by another filter than gzip"),
        (of_type("f4", scaleoffset=4), "is packed by another filter than gzip"),
        (first(unknown_filter), "is packed by another filter than gzip"),
        (cycle, "groups within groups without an end"),
        (attribute(LAYERS, "name", "conv2d_1a_7x7_conv"), "has two layers"),
        (attribute(FIRST, "name", np.bytes_(b"\xff\xfe")), "left over: \ufffd\ufffd/0"),
        (attribute(FIRST, "name", np.zeros(0, "S1")), "is not a readable HDF5 file"),
        (attribute(FIRST, "name", "a/../b"), "left over: a/../b/0"),
        (
            attribute(FIRST, "name", np.zeros(20_001, "S1")),
            "its attribute 'name' is longer than 20,000",
        ),
        (many_layers, "is not a group of at most 20,000 members"),
        (dataset(data=np.zeros((6, 7, 3, 8), "f4")), r"shape: conv2d_1a_7x7_conv/0 \(6, 7, 3, 8\)"),
        (dataset(data=np.float32(1)), r"shape: conv2d_1a_7x7_conv/0 \[\(\)\]"),
        (first(lambda group, value: None), "missing: conv2d_1a_7x7_conv/kernel"),
    ],
)
def test_forged_files(change, message, files, models, tmp_path):
    path = spoil_hdf5(files, tmp_path, change)
    assert re.search(message, refused(models[".weights.h5"], path))


def a_layer_elsewhere(file):
    """A name with a slash leads through a link, though the name itself is none."""
    file["model_weights/x"] = h5py.ExternalLink("/etc/hostname", "/")
    file["model_weights"].attrs["layer_names"] = ["x/y"]


def weights_elsewhere(file):
    group = file["model_weights/conv2d_1a_7x7_conv"]
    group["x"] = h5py.SoftLink("/")
    group.attrs["weight_names"] = ["x/kernel"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (a_layer_elsewhere, "'x/y' is a link to another place"),
        (weights_elsewhere, "'x/kernel' is a link to another place"),
        (attribute("model_weights", "layer_names", 5), "it lists '5' and does not hold it"),
        (
            attribute("model_weights/conv2d_1a_7x7_conv", "weight_names", ["../../kernel"]),
            "it lists '../../kernel' and does not hold it",
        ),
        (
            attribute("model_weights/conv2d_1a_7x7_conv", "weight_names", ["/x/kernel"]),
            "it lists '/x/kernel' and does not hold it",
        ),
        (
            lambda file: file["model_weights/conv2d_1a_7x7_conv"].attrs.clear(),
            "is not a readable HDF5 file",
        ),
    ],
)
def test_forged_lists_of_names(change, message, files, models, tmp_path):
    path = spoil_hdf5(files, tmp_path, change, ".h5")
    assert message in refused(models[".h5"], path)


def test_long_names(models, tmp_path):
    with h5py.File(tmp_path / "long.h5", "w", libver="latest") as file:
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = np.zeros(20_000, "S300")
    assert "its attribute 'layer_names' is longer than" in refused(
        models[".h5"], tmp_path / "long.h5"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_link_is_not_even_looked_up(files, models, tmp_path):
    """Whoever opens a pipe that nobody writes to waits for ever."""
    os.mkfifo(tmp_path / "pipe")
    elsewhere = h5py.ExternalLink(str(tmp_path / "pipe"), "/")
    for path in ("layers", "model_weights", "optimizer", FIRST, f"{FIRST}/0"):
        text = refused(models[".weights.h5"], spoil_hdf5(files, tmp_path, link(path, elsewhere)))
        assert text is None if path == "optimizer" else "is a link to another place" in text


@pytest.mark.parametrize(
    "arguments",
    [
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"compression": "gzip", "fletcher32": True, "chunks": (4, 3, 3, 8)},
        {"shuffle": True},
        {"fletcher32": True},
        {"chunks": (4, 4, 2, 5)},
        {"dtype": ">f8"},
        {"dtype": "f2"},
    ],
)
def test_good_files_that_are_stored_otherwise(arguments, files, models, tmp_path):
    def change(group, value):
        group.create_dataset("0", data=value, **arguments)

    assert refused(models[".weights.h5"], spoil_hdf5(files, tmp_path, first(change))) is None


def in_chunk(content):
    """A bomb in a file that Keras itself is to read."""
    change = chunk(content)

    def both(file):
        without_name(file)
        change(file)

    return both


def test_what_keras_is_to_read_is_checked_too(files, models, tmp_path):
    model = models[".weights.h5"]
    assert refused(model, spoil_hdf5(files, tmp_path, without_name)) is None
    path = spoil_hdf5(files, tmp_path, in_chunk(zlib.compress(bytes(50_000_000))))
    assert "a chunk does not have the size of its values" in refused(model, path)
