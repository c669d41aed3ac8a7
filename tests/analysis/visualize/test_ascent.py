"""Pictures by gradient ascent: they raise what they are to, and a seed gives the same again."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_inception
from keras_inception.analysis.visualize import class_image, deep_dream
from keras_inception.analysis.visualize.class_image import canvas_sizes, start_picture
from keras_inception.analysis.visualize.deep_dream import gradient_function, tiled_gradient
from keras_inception.analysis.visualize.network import Network
from keras_inception.analysis.visualize.pictures import network_input, to_pixels

FEW = {"steps": 4, "scales": 2}


@functools.cache
def narrow(side=64, include_top=True):
    keras.utils.set_random_seed(0)
    return keras_inception.InceptionV1(
        weights=None,
        width_multiplier=0.25,
        classes=5,
        input_shape=(side, side, 3),
        include_top=include_top,
    )


@functools.cache
def classifier(side=32):
    """Small, so that a graph of it is made in no time."""
    keras.utils.set_random_seed(0)
    images = keras.Input((side, side, 3))
    x = keras.layers.Conv2D(8, 5, 2, activation="relu")(images)
    x = keras.layers.Conv2D(16, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(5, activation="softmax", name="predictions")(x)
    return keras.Model(images, x, name="classifier")


def picture(height, width):
    """Smooth, as photographs are."""
    random = np.random.default_rng(0).uniform(0, 255, (height // 8, width // 8, 3))
    return tf.image.resize(random, (height, width)).numpy().astype("uint8")


def logit(model, pixels, class_index):
    before = keras.Model(model.input, model.get_layer("predictions").input)
    x = before(network_input(pixels.astype("float32"))).numpy()[0]
    weights, bias = (w.numpy() for w in model.get_layer("predictions").weights)
    return (x @ weights + bias)[class_index]


@pytest.mark.parametrize("class_index", [0, 4])
def test_class_image_raises_the_logit(class_index):
    made = class_image(classifier(), class_index, **FEW)
    assert (made.dtype, made.shape) == (np.uint8, (32, 32, 3))
    noise = to_pixels(start_picture(np.random.default_rng(0), (32, 32), 3))[0]
    assert logit(classifier(), made, class_index) > logit(classifier(), noise, class_index) + 0.1


def test_class_image_is_its_seed_s():
    first, again = (class_image(classifier(), 1, seed=3, **FEW) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (class_image(classifier(), 1, seed=4, **FEW) != first).any()


def test_smoothing_smoothes():
    def rough(smoothing):
        made = class_image(classifier(), 1, smoothing=smoothing, **FEW).astype("float32")
        return np.square(np.diff(made, axis=0)).mean() + np.square(np.diff(made, axis=1)).mean()

    assert rough(1.0) < 0.8 * rough(0.0)


def test_canvas_sizes():
    assert canvas_sizes((64, 96), 3) == [(25, 37), (40, 60), (64, 96)]


def test_size_of_a_class_image():
    assert class_image(classifier(None), 1, size=48, steps=1, scales=1).shape == (48, 48, 3)
    assert class_image(classifier(), 1, size=48, steps=1, scales=1).shape == (48, 48, 3)


def test_bad_class_images():
    with pytest.raises(ValueError, match="class 5: the classes of classifier .* 0 to 4"):
        class_image(classifier(), 5)
    with pytest.raises(ValueError, match="class_index is needed: 0 to 4"):
        class_image(classifier(), None)
    with pytest.raises(ValueError, match="no classifier"):
        class_image(narrow(None, include_top=False), 0)
    with pytest.raises(ValueError, match="steps must be a whole number of at least 1, got 0"):
        class_image(classifier(), 0, steps=0)
    with pytest.raises(ValueError, match="rate must be a number of at least 0, got -1"):
        class_image(classifier(), 0, rate=-1)


def score(pixels, weights):
    network = Network(narrow(None, include_top=False))
    gradient = gradient_function(network, list(map(network.grid, weights)), [*weights.values()])
    return float(gradient(network_input(pixels.astype("float32")))[0])


def dream(image, end_points, **options):
    model = narrow(None, include_top=False)
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
    network = Network(narrow(None, include_top=False))
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
    network = Network(narrow(None, include_top=False))
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
        deep_dream(narrow(), image, "mixed_3b", octaves=2, steps=2),
        deep_dream(narrow(), image, ["mixed_3b"], octaves=2, steps=2, tile=4096),
    )


def test_octaves_too_small_are_left_out():
    image = picture(40, 40)
    last = classifier(None).layers[2].name  # needs 9 pixels
    assert deep_dream(classifier(None), image, last, octaves=9, steps=1).shape == image.shape


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
    with pytest.raises(ValueError, match="no finite numbers"):
        dream(np.full((72, 104, 3), np.nan), "mixed_3b")
    with pytest.raises(ValueError, match="octaves must be a whole number of at least 1, got 0"):
        dream(image, "mixed_3b", octaves=0)
    with pytest.raises(ValueError, match="octave_scale must be a number of at least 1.01, got 1"):
        dream(image, "mixed_3b", octave_scale=1)
    v3 = keras_inception.InceptionV3(weights=None, width_multiplier=0.25, include_top=False)
    with pytest.raises(ValueError, match="inception_v3 cannot take pictures of 16 x 104"):
        deep_dream(v3, image[:16], "mixed_5b")
    with pytest.raises(ValueError, match="inception_v3 cannot take pictures of 18 x 18"):
        deep_dream(v3, image[:, :72], "mixed_5b", octaves=1, tile=20)
