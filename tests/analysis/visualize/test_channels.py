"""Kernels and channels as tiles."""

import keras
import numpy as np
import pytest

from keras_inception.analysis.visualize import activations, filters
from keras_inception.analysis.visualize.pictures import tiled


def test_tiles():
    tiles = np.arange(5, dtype="uint8").reshape(5, 1, 1).repeat(2, 1).repeat(3, 2)
    picture = tiled(tiles)
    assert picture.shape == (2 * 3 - 1, 3 * 4 - 1)
    assert picture[0].tolist() == [0, 0, 0, 255, 1, 1, 1, 255, 2, 2, 2]
    assert picture[3].tolist() == [3, 3, 3, 255, 4, 4, 4, 255, 255, 255, 255]
    assert (picture[2] == 255).all()
    assert tiled(tiles, scale=2).shape == (2 * 5 - 1, 3 * 7 - 1)


def test_filters_of_three_channels():
    images = keras.Input((8, 8, 3))
    model = keras.Model(images, keras.layers.Conv2D(2, 1, use_bias=False)(images))
    model.set_weights([np.array([[1, -2], [0, 0.5], [-0.5, 1]], "float32").reshape(1, 1, 3, 2)])
    picture = filters(model, scale=1)
    assert picture.tolist() == [[[255, 128, 64], [255, 255, 255], [0, 159, 191]]]


def test_filters_of_other_channels_are_grey():
    images = keras.Input((8, 8, 2))
    model = keras.Model(images, keras.layers.Conv2D(4, 3)(images))
    assert filters(model, scale=1).shape == (4 * 4 - 1, 2 * 4 - 1)


def test_filters_of_a_separable_convolution():
    """A picture of one bright pixel shows the kernel as the layer applies it."""
    images = keras.Input((13, 13, 3))
    layer = keras.layers.SeparableConv2D(8, 7, padding="same", depth_multiplier=8, use_bias=False)
    model = keras.Model(images, layer(images))
    image = np.zeros((1, 13, 13, 3), "float32")
    image[0, 6, 6, 1] = 1
    answer = layer(image).numpy()[0, 3:10, 3:10][::-1, ::-1]  # (7, 7, filters), of green
    count = answer.shape[-1]
    picture = filters(model, scale=1)
    columns = -(-picture.shape[1] // 8)
    for i in range(count):
        top, left = i // columns * 8, i % columns * 8
        tile = picture[top : top + 7, left : left + 7].astype("float32") - 127.5
        green = tile[..., 1] / np.abs(tile).max()
        peak = np.abs(answer[..., i]).max()
        np.testing.assert_allclose(green * peak / np.abs(green).max(), answer[..., i], atol=0.03)


def test_activations():
    images = keras.Input((4, 4, 3))
    model = keras.Model(images, keras.layers.Conv2D(3, 1, name="grid", use_bias=False)(images))
    model.set_weights([np.diag([1.0, -1.0, 0.0])[None, None]])
    image = np.zeros((4, 4, 3), "uint8")
    image[0, :, :2] = 255
    picture = activations(model, image, "grid", scale=1)
    assert picture.shape == (9, 9)
    assert picture[:4, :4].tolist() == [[255] * 4] + [[0] * 4] * 3
    assert picture[:4, 5:].tolist() == [[0] * 4] + [[255] * 4] * 3
    assert (picture[5:, :4] == 0).all()
    most_active = activations(model, image, "grid", channels=1, scale=1)
    np.testing.assert_array_equal(most_active, picture[:4, 5:])


def test_activations_of_an_end_point():
    images = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(6, 3, 2, name="conv2d_1a_3x3")(images)
    model = keras.Model(images, keras.layers.Conv2D(12, 1, name="mixed_5b")(x), name="small")
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), "uint8")
    picture = activations(model, image, "mixed_5b", channels=9, scale=1)
    assert picture.shape == (3 * 8 - 1, 3 * 8 - 1)  # a grid of 7 x 7
    with pytest.raises(ValueError, match="small has no end point 'mixed_5z'; its end points are"):
        activations(model, image, "mixed_5z")
    with pytest.raises(ValueError, match="channels must be from 1 to the 12 of mixed_5b, got 13"):
        activations(model, image, "mixed_5b", channels=13)
    with pytest.raises(ValueError, match=r"\(height, width, 3\)"):
        activations(model, image[..., 0], "mixed_5b")
    with pytest.raises(ValueError, match="not finite numbers"):
        activations(model, np.full((75, 75, 3), np.inf), "mixed_5b")


def test_no_convolution():
    images = keras.Input((8,))
    with pytest.raises(ValueError, match="dense has no convolution"):
        filters(keras.Model(images, keras.layers.Dense(3)(images), name="dense"))
