"""Features of a data set's pictures."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception import data, renamed
from keras_inception.analysis.visualize import features, write_picture

CLASSES = ("dark", "light")


@pytest.fixture(scope="module")
def dataset():
    """Ten even pictures, darker ones before lighter ones."""
    pictures = np.stack([np.full((12, 12, 3), 25 * i, "uint8") for i in range(10)])
    return data.from_tf(tf.data.Dataset.from_tensor_slices((pictures, np.arange(10) // 5)), CLASSES)


def network():
    """Its first grid is the picture itself, its last one the negative."""
    images = keras.Input((8, 8, 3))
    conv = keras.layers.DepthwiseConv2D
    one = conv(1, depthwise_initializer="ones", name="one")(images)
    minus = keras.initializers.Constant(-1.0)
    x = conv(1, depthwise_initializer=minus, name="minus")(one)
    return keras.Model(images, keras.layers.GlobalAveragePooling2D()(x), name="small")


def test_the_mean_of_a_grid(dataset):
    found = features(network(), dataset, "one")
    shades = np.arange(10) * 25
    np.testing.assert_allclose(found.vectors, shades[:, None].repeat(3, 1) / 127.5 - 1, atol=1e-5)
    np.testing.assert_array_equal(found.pictures, shades[:, None, None, None] * np.ones((8, 8, 3)))
    assert found.labels.tolist() == [0] * 5 + [1] * 5
    assert found.class_names == CLASSES
    vectors, labels, pictures, class_names = found  # as a tuple, in this order
    assert (vectors is found.vectors, labels is found.labels) == (True, True)
    assert (pictures is found.pictures, class_names is found.class_names) == (True, True)
    last = features(network(), dataset)
    np.testing.assert_allclose(last.vectors, -found.vectors, atol=1e-5)


def test_a_limit_is_spread_over_the_data_set(dataset):
    assert features(network(), dataset, limit=5).pictures[:, 0, 0, 0].tolist() == [
        0, 50, 100, 150, 200,
    ]  # fmt: skip
    some = features(network(), dataset.without([0, 1, 4]), limit=3)
    assert some.pictures[:, 0, 0, 0].tolist() == [50, 125, 175]
    with pytest.raises(ValueError, match="limit must be a whole number of at least 3, got 2"):
        features(network(), dataset, limit=2)


def test_the_name_of_a_data_set(tmp_path, monkeypatch):
    monkeypatch.setattr(renamed, "_said", set())
    for i in range(3):
        for split in ("test", "other"):
            write_picture(np.full((12, 12, 3), i, "uint8"), tmp_path / split / "a" / f"{i}.png")
    found = features(network(), f"folder:{tmp_path}")
    assert found.pictures[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert found.class_names == ("a",)
    with pytest.warns(FutureWarning, match=r"features\(split=...\) is now features\(model, data"):
        old = features(network(), f"folder:{tmp_path}", split="other")
    np.testing.assert_array_equal(old.vectors, found.vectors)


def test_bad_models(dataset):
    with pytest.raises(ValueError, match="small has no end point 'mixed_9z'"):
        features(network(), dataset, "mixed_9z")
    images = keras.Input((8, 16, 3))
    wide = keras.Model(images, keras.layers.Conv2D(3, 1)(images), name="wide")
    with pytest.raises(ValueError, match="wide must take square RGB pictures, but its input is"):
        features(wide, dataset)
