"""Pictures that a class likes best: the logit rises, and a seed gives the same picture again."""

import functools

import keras
import numpy as np
import pytest

from keras_inception import renamed
from keras_inception.analysis.visualize import ClassAscent, class_image
from keras_inception.analysis.visualize.activation_maximization import canvas_sizes, start_picture
from keras_inception.analysis.visualize.pictures import network_input, to_pixels

FEW = {"steps": 4, "scales": 2}


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
        made = class_image(classifier(), 1, ascent=ClassAscent(smoothing=smoothing), **FEW)
        made = made.astype("float32")
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
    images = keras.Input((32, 32, 3))
    grid = keras.Model(images, keras.layers.Conv2D(4, 3)(images))
    with pytest.raises(ValueError, match="no classifier"):
        class_image(grid, 0)
    with pytest.raises(ValueError, match="steps must be a whole number of at least 1, got 0"):
        class_image(classifier(), 0, steps=0)
    with pytest.raises(ValueError, match="rate must be a number of at least 0, got -1"):
        ClassAscent(rate=-1)


def test_the_old_arguments_of_a_step(monkeypatch):
    monkeypatch.setattr(renamed, "_said", set())
    settings = {"rate": 0.1, "smoothing": 0.2, "jitter": 0.0}
    expected = class_image(classifier(), 1, ascent=ClassAscent(**settings), **FEW)
    with pytest.warns(FutureWarning, match=r"class_image\(rate=..., .* is now .*ClassAscent"):
        made = class_image(classifier(), 1, **settings, **FEW)
    np.testing.assert_array_equal(made, expected)
    assert (class_image(classifier(), 1, **FEW) != expected).any()
