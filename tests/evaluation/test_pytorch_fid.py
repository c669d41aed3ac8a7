"""Features and distance beside those of pytorch-fid itself, at full size: `make test-torch`."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import torch_rule

import keras_inception
from keras_inception import data
from keras_inception.evaluation import fid, generated

pytestmark = pytest.mark.torch
PICTURES = 30  # of each set


def write(folder, seed, rows, columns, suffix):
    """Smooth random pictures, of one size as pytorch-fid wants them."""
    folder.mkdir()
    encode = {"png": tf.io.encode_png, "jpg": tf.io.encode_jpeg}[suffix]
    rng = np.random.default_rng(seed)
    for i in range(PICTURES):
        coarse = rng.uniform(0, 255, (1, rng.integers(3, 9), rng.integers(3, 9), 3))
        picture = tf.image.resize(coarse, (rows, columns), "bicubic")[0]
        picture = tf.saturate_cast(picture + rng.normal(0, 9, picture.shape), tf.uint8)
        (folder / f"{i:02}.{suffix}").write_bytes(encode(picture).numpy())
    return folder


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """Smaller and larger pictures than 299, PNG and JPEG, and what pytorch-fid makes of them."""
    pytest.importorskip("pytorch_fid", exc_type=ImportError)
    folder = tmp_path_factory.mktemp("fid")
    sets = [
        write(folder / "a", 0, 120, 97, "png"),
        write(folder / "b", 1, 411, 500, "jpg"),
    ]
    script = torch_rule.FOLDER / "fid.py"
    subprocess.run([sys.executable, str(script), str(folder), *map(str, sets)], check=True)
    return folder


@pytest.fixture(scope="module")
def network(theirs):
    return generated.features(weights=theirs / "weights.safetensors")


@pytest.mark.parametrize("layout", ["first", "second"])
def test_neither_layout_of_pytorchs_own_file_is_loaded(theirs, layout):
    with pytest.raises(ValueError, match="is a pickle, .* make a .safetensors file of it"):
        generated.features(weights=theirs / f"{layout}.pth")


@pytest.mark.parametrize("letter", "ab")
def test_features(theirs, network, letter, record_gap):
    pictures = data.open(f"folder:{theirs / letter}", labelled=False)
    batches = pictures.whole_picture_batches(299, 10)
    ours = np.concatenate([network(batch) for batch in batches])
    with np.load(theirs / "theirs.npz") as arrays:
        gap = torch_rule.gap(ours, arrays[f"features_{letter}"])
    record_gap("pytorch-fid, features", f"set {letter}", gap)
    assert gap < 2e-5


def test_classes_too(theirs):
    """The classifier, which pytorch-fid carries along and does not run."""
    model = keras_inception.InceptionV3(weights=theirs / "weights.safetensors", variant="fid")
    name, shape = "fc.weight", (1008, 2048)
    expected = torch_rule.value(name, shape, [name]).T
    np.testing.assert_array_equal(model.get_layer("predictions").kernel, expected)


def test_distance(theirs, record_gap):
    with np.load(theirs / "theirs.npz") as arrays:
        expected = float(arrays["fid"])
    how = {"weights": theirs / "weights.safetensors", "progress": False}
    a, b = (f"folder:{theirs / letter}" for letter in "ab")
    gaps = {
        "distance": abs(fid(a, b, **how) / expected - 1),
        "their statistics": abs(fid(a, theirs / "statistics_b.npz", **how) / expected - 1),
    }
    for name, gap in gaps.items():
        record_gap("pytorch-fid, distance", name, gap)
    assert max(gaps.values()) < 1e-4
