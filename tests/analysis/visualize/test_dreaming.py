"""DeepDream: the score rises, tiles agree with the whole, a seed gives the same picture again."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception import renamed
from keras_inception.analysis.visualize import DreamAscent, deep_dream
from keras_inception.analysis.visualize.dreaming import gradient_function, tiled_gradient
from keras_inception.analysis.visualize.network import Network
from keras_inception.analysis.visualize.pictures import network_input


@functools.cache
def trunk(side=None):
    """Four grids named as in the package, small enough that a graph of it is made in no time."""
    keras.utils.set_random_seed(0)
    x = images = keras.Input((side, side, 3))
    layers = {"conv2d_1a_7x7": 7, "conv2d_2c_3x3": 3, "mixed_3b": 3, "mixed_4b": 3}
    for name, kernel in layers.items():
        strides = 1 if name == "conv2d_2c_3x3" else 2
        conv = keras.layers.Conv2D(8, kernel, strides, "same", activation="relu", name=name)
        x = conv(x)
    return keras.Model(images, x, name="trunk")


def picture(height, width):
    """Smooth, as photographs are."""
    random = np.random.default_rng(0).uniform(0, 255, (height // 8, width // 8, 3))
    return tf.image.resize(random, (height, width)).numpy().astype("uint8")


def score(pixels, weights):
    network = Network(trunk())
    gradient = gradient_function(network, list(map(network.grid, weights)), [*weights.values()])
    return float(gradient(network_input(pixels.astype("float32")))[0])


def dream(image, end_points, **options):
    model = trunk()
    return deep_dream(model, image, end_points, **{"octaves": 3, "steps": 3, **options})


@pytest.mark.parametrize("weights", [{"mixed_3b": 1.0}, {"mixed_3b": 1.0, "mixed_4b": 0.5}])
def test_deep_dream_raises_its_score(weights):
    image = picture(72, 104)
    made = dream(image, weights)
    assert (made.dtype, made.shape) == (np.uint8, image.shape)
    assert score(made, weights) > 1.2 * score(image, weights)


def test_a_negative_weight_calms():
    image = picture(72, 104)
    assert score(dream(image, {"mixed_3b": -1}), {"mixed_3b": 1.0}) < score(
        image, {"mixed_3b": 1.0}
    )


def test_deep_dream_is_its_seed_s():
    image = picture(72, 104)
    first, again = (dream(image, "mixed_3b", seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (dream(image, "mixed_3b", seed=4) != first).any()


def test_one_tile_is_no_tiles():
    network = Network(trunk())
    gradient = gradient_function(network, [network.grid("mixed_3b")], [1.0])
    images = network_input(picture(72, 104).astype("float32"))
    whole = gradient(images)[1].numpy()
    whole /= np.sqrt(np.square(whole).mean())
    for tile in (104, 512):
        one = tiled_gradient(gradient, images, (0, 0), tile).numpy()
        np.testing.assert_allclose(one, whole, rtol=1e-5, atol=1e-6)
    image = picture(72, 104)
    np.testing.assert_array_equal(
        dream(image, "mixed_3b", tile=104), dream(image, "mixed_3b", tile=4000)
    )


def test_tiles_are_small_and_agree_inside():
    """Away from the seams a tile's gradient is the whole picture's, where the grid is fine."""
    network = Network(trunk())
    seen = []
    gradient = gradient_function(network, [network.grid("conv2d_1a_7x7")], [1.0])

    def noting(images):
        seen.append(images.shape[1:3])
        return gradient(images)

    images = network_input(picture(96, 160).astype("float32"))
    tiles = tiled_gradient(noting, images, (0, 0), 80).numpy()
    assert [tuple(size) for size in seen] == [(48, 80)] * 4
    whole = tiled_gradient(gradient, images, (0, 0), 160).numpy()
    inside = np.s_[:, 12:36, 12:68]  # of the first tile
    ratio = (tiles[inside] * whole[inside]).sum() / np.square(whole[inside]).sum()
    np.testing.assert_allclose(tiles[inside], ratio * whole[inside], atol=1e-4)


def test_a_network_of_one_size_dreams_at_any():
    image = picture(72, 104)
    np.testing.assert_array_equal(
        deep_dream(trunk(64), image, "mixed_3b", octaves=2, steps=2),
        deep_dream(trunk(64), image, ["mixed_3b"], octaves=2, steps=2, tile=4096),
    )


def unpadded():
    """Two convolutions without padding, which together need 9 pixels."""
    images = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 5, 2, activation="relu")(images)
    return keras.Model(images, keras.layers.Conv2D(8, 3, name="last")(x), name="unpadded")


def test_octaves_too_small_are_left_out():
    image = picture(40, 40)
    assert deep_dream(unpadded(), image, "last", octaves=9, steps=1).shape == image.shape


def test_the_old_arguments_of_a_step(monkeypatch):
    monkeypatch.setattr(renamed, "_said", set())
    image, settings = picture(40, 40), {"rate": 0.1, "jitter": 4, "octave_scale": 2}
    expected = dream(image, "mixed_3b", ascent=DreamAscent(**settings))
    with pytest.warns(FutureWarning, match=r"deep_dream\(rate=..., .* is now .*DreamAscent"):
        made = dream(image, "mixed_3b", **settings)
    np.testing.assert_array_equal(made, expected)
    assert (dream(image, "mixed_3b") != expected).any()


def test_bad_dreams():
    image = picture(72, 104)
    with pytest.raises(ValueError, match="no end point 'mixed_9z'; its end points are conv2d_1a"):
        dream(image, "mixed_9z")
    with pytest.raises(ValueError, match="end_points is empty"):
        dream(image, {})
    with pytest.raises(ValueError, match="the weight of mixed_3b must be a number other than 0"):
        dream(image, {"mixed_3b": 0})
    with pytest.raises(ValueError, match=r"\(height, width, 3\), got uint8 \(72, 104, 1\)"):
        dream(image[..., :1], "mixed_3b")
    with pytest.raises(ValueError, match="not finite numbers"):
        dream(np.full((72, 104, 3), np.nan), "mixed_3b")
    with pytest.raises(ValueError, match="octaves must be a whole number of at least 1, got 0"):
        dream(image, "mixed_3b", octaves=0)
    with pytest.raises(ValueError, match="octave_scale must be a number of at least 1.01, got 1"):
        DreamAscent(octave_scale=1)
    with pytest.raises(ValueError, match="unpadded cannot take pictures of 8 x 104"):
        deep_dream(unpadded(), image[:8], "last")
    with pytest.raises(ValueError, match="unpadded cannot take pictures of 8 x 8"):
        deep_dream(unpadded(), image[:64, :64], "last", octaves=1, tile=9)
