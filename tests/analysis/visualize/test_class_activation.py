"""Grad-CAM: the closed form of a small network, two networks of the package, bad input."""

import keras
import numpy as np
import pytest

import keras_inception
from keras_inception.analysis.visualize import grad_cam, overlay


def picture(height=8, width=8, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), "uint8")


def by_hand(activation="softmax", head="dense"):
    """A linear 1x1 convolution to 4 channels, their mean, 3 classes."""
    images = keras.Input((8, 8, 3))
    grid = keras.layers.Conv2D(4, 1, name="grid")(images)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(grid)
    if head == "dense":
        x = keras.layers.Dense(3, activation=activation, name="predictions")(x)
    else:
        x = keras.layers.Softmax()(keras.layers.Dense(3, name="predictions")(x))
    model = keras.Model(images, x)
    random = np.random.default_rng(1)
    model.set_weights([random.standard_normal(w.shape) for w in model.get_weights()])
    return model


def closed_form(model, image, class_index):
    """relu(sum of w[k] times A[k]): the logit's gradient is w / 64 in every pixel."""
    x = image / np.float32(127.5) - 1
    kernel, bias = (w.numpy() for w in model.get_layer("grid").weights)
    grid = x @ kernel[0, 0] + bias
    heat = np.maximum(grid @ model.get_layer("predictions").kernel.numpy()[:, class_index], 0)
    return heat / heat.max()


@pytest.mark.parametrize(
    ("activation", "head"), [("softmax", "dense"), (None, "dense"), ("sigmoid", "dense"), ("", "")]
)
def test_closed_form(activation, head):
    model = by_hand(activation, head)
    for class_index in range(3):
        heat = grad_cam(model, picture(), class_index)
        assert heat.shape == (8, 8)
        np.testing.assert_allclose(heat, closed_form(model, picture(), class_index), atol=1e-5)


def test_a_network_that_is_sure():
    """A softmax of 1.0 has no gradient; the logit has."""
    model = by_hand()
    model.get_layer("predictions").bias.assign([200.0, 0.0, 0.0])
    assert model(picture()[None] / 127.5 - 1).numpy()[0, 0] == 1.0
    np.testing.assert_allclose(
        grad_cam(model, picture(), 0), closed_form(model, picture(), 0), atol=1e-5
    )


def test_the_likeliest_class_and_frozen_weights():
    model = by_hand()
    best = int(model(picture()[None] / 127.5 - 1).numpy().argmax())
    model.trainable = False
    np.testing.assert_array_equal(grad_cam(model, picture()), grad_cam(model, picture(), best))


def test_size_of_the_picture():
    heat = grad_cam(by_hand(), picture(20, 33), 2)
    assert heat.shape == (20, 33)
    assert 0 <= heat.min() < heat.max() == 1
    finer = grad_cam(by_hand(), picture(20, 33), 2, size=20)
    np.testing.assert_allclose(finer, closed_form(by_hand(), picture(20, 33), 2), atol=1e-5)


@pytest.mark.parametrize(("model_id", "side"), [("googlenet", 32), ("xception", 71)])
def test_networks_of_the_package(model_id, side):
    model = keras_inception.create_model(
        model_id, weights=None, width_multiplier=0.1, classes=5, input_shape=(side, side, 3)
    )
    assert grad_cam(model, picture(side, side), 3).shape == (side, side)


def trunk():
    """Two convolutions that leave a quarter of each side, without a classifier."""
    images = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, 2, activation="relu")(images)
    x = keras.layers.Conv2D(8, 3, 2, activation="relu", name="late")(x)
    return keras.Model(images, x, name="trunk")


def test_a_model_in_a_model():
    base = trunk()
    images = keras.Input((32, 32, 3))
    pool, dense = keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)
    nested = keras.Model(images, dense(pool(base(images))))
    flat = keras.Model(base.input, dense(pool(base.output)))
    np.testing.assert_allclose(
        grad_cam(nested, picture(32, 32), 1), grad_cam(flat, picture(32, 32), 1), atol=1e-5
    )


def test_bad_input():
    model = by_hand()
    with pytest.raises(ValueError, match="class 3: the classes of .* numbers 0 to 2"):
        grad_cam(model, picture(), 3)
    with pytest.raises(ValueError, match="class True: the classes"):
        grad_cam(model, picture(), True)
    with pytest.raises(ValueError, match="no end point 'mixed_9z'; its end points are grid"):
        grad_cam(model, picture(), 0, "mixed_9z")
    with pytest.raises(ValueError, match=r"\(height, width, 3\), got uint8 \(8, 8, 1\)"):
        grad_cam(model, picture(channels=1))
    with pytest.raises(ValueError, match="not finite numbers"):
        grad_cam(model, np.full((8, 8, 3), np.nan))
    with pytest.raises(ValueError, match=r"pixels must be in \[0, 255\], got \[-1, 0.9"):
        grad_cam(model, picture() / 127.5 - 1)
    with pytest.raises(ValueError, match="functional"):
        grad_cam(keras.layers.Dense(3), picture())


def test_any_size_that_the_network_takes():
    base = trunk()
    x = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(base.output))
    model = keras.Model(base.input, x, name="any_size")
    assert grad_cam(model, picture(20, 25)).shape == (20, 25)
    with pytest.raises(ValueError, match="any_size cannot take pictures of 4 x 90"):
        grad_cam(model, picture(4, 90))


def test_a_dense_layer_on_the_grid_takes_one_size():
    images = keras.Input((32, 32, 3))
    x = keras.layers.Flatten(name="flat")(trunk()(images))
    model = keras.Model(images, keras.layers.Dense(3)(x), name="flat_head")
    assert grad_cam(model, picture(40, 50), 1).shape == (40, 50)
    with pytest.raises(ValueError, match=r"flat_head has a dense layer on its grid \(flat\)"):
        grad_cam(model, picture(40, 50), 1, size=96)


def test_overlay():
    image, heat = picture(4, 6), np.linspace(0, 1, 24).reshape(4, 6)
    np.testing.assert_array_equal(overlay(image, heat, 0), image)
    mixed = overlay(image, heat, 1)
    assert (mixed.dtype, mixed.shape) == (np.uint8, (4, 6, 3))
    assert (np.diff(mixed.astype(int).sum(axis=-1).ravel()) > 0).all()  # hotter is lighter
    with pytest.raises(ValueError, match="does not fit"):
        overlay(image, heat[:3])
    with pytest.raises(ValueError, match="strength"):
        overlay(image, heat, 2)
