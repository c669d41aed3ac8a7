"""Grad-CAM: the closed form of a small network, the layer it finds in every one, bad input."""

import keras
import numpy as np
import pytest

import keras_inception
from keras_inception.analysis.visualize import grad_cam, overlay
from keras_inception.analysis.visualize.head import class_output, last_grid
from keras_inception.analysis.visualize.network import Network

NETWORKS = [
    (info.id, info.variant, info.minimum_size)
    for info in keras_inception.list_models()
    if info.variant != "facenet"
]


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


@pytest.mark.parametrize(("model_id", "variant", "side"), NETWORKS)
def test_finds_the_layer_of_every_network(model_id, variant, side):
    arguments = {} if variant is None else {"variant": variant}
    model = keras_inception.create_model(
        model_id,
        weights=None,
        width_multiplier=0.25,
        classes=5,
        input_shape=(side, side, 3),
        **arguments,
    )
    expected = list(model.architecture.end_points)[-1]
    network = Network(model)
    assert last_grid(network, class_output(network)).step.name == expected
    if model_id in ("googlenet", "inception_v3", "xception"):
        assert grad_cam(model, picture(side, side), 3).shape == (side, side)
    if model.architecture.auxiliary:
        network = Network(keras_inception.with_auxiliary_heads(model))
        assert class_output(network).step.name == "predictions"
        assert last_grid(network, class_output(network)).step.name == expected


def small(**arguments):
    arguments = {"input_shape": (64, 64, 3), "classes": 5, **arguments}
    return keras_inception.InceptionV1(weights=None, width_multiplier=0.25, **arguments)


def found(model):
    network = Network(model)
    return last_grid(network, class_output(network)).step.name


def test_other_outputs_and_dilation():
    assert found(small(output_stride=8)) == "mixed_5c"
    facenet = keras_inception.InceptionResNetV1(
        variant="facenet", weights=None, width_multiplier=0.25, input_shape=(75, 75, 3)
    )
    assert found(facenet) == "block8"


def test_heads_of_ones_own():
    base = small(include_top=False)
    keep = keras.layers.GlobalAveragePooling2D(keepdims=True)(base.output)
    one = keras.layers.Flatten()(keras.layers.Conv2D(3, 1)(keep))
    assert found(keras.Model(base.input, keras.layers.Softmax()(one))) == "mixed_5c"
    two = keras.layers.Flatten()(keras.layers.AveragePooling2D(2)(base.output))
    assert found(keras.Model(base.input, keras.layers.Dense(3)(two))) == "mixed_5c"
    hidden = keras.layers.Dense(8, activation="relu")(keras.layers.Flatten()(base.output))
    assert found(keras.Model(base.input, keras.layers.Dense(3)(hidden))) == "mixed_5c"


def test_a_model_in_a_model():
    base = small(include_top=False)
    images = keras.Input((64, 64, 3))
    x = keras.layers.GlobalAveragePooling2D()(base(images))
    model = keras.Model(images, keras.layers.Dense(3, activation="softmax")(x))
    assert found(model) == "inception_v1/mixed_5c"
    flat = keras.Model(
        base.input, model.layers[-1](keras.layers.GlobalAveragePooling2D()(base.output))
    )
    np.testing.assert_allclose(
        grad_cam(model, picture(64, 64), 1), grad_cam(flat, picture(64, 64), 1), atol=1e-5
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
    with pytest.raises(ValueError, match="no finite numbers"):
        grad_cam(model, np.full((8, 8, 3), np.nan))
    with pytest.raises(ValueError, match=r"pixels must be in \[0, 255\], got \[-1, 0.9"):
        grad_cam(model, picture() / 127.5 - 1)
    for pooling in (None, "avg", "max"):
        with pytest.raises(ValueError, match="no classifier, it gives .*include_top=True"):
            grad_cam(small(include_top=False, pooling=pooling), picture(64, 64))
    dynamic = small(input_shape=(None, None, 3))
    v3 = keras_inception.InceptionV3(
        weights=None, width_multiplier=0.25, input_shape=(None, None, 3)
    )
    assert grad_cam(dynamic, picture(40, 50)).shape == (40, 50)
    with pytest.raises(ValueError, match="inception_v3 cannot take pictures of 20 x 90"):
        grad_cam(v3, picture(20, 90))
    with pytest.raises(ValueError, match="functional"):
        grad_cam(keras.layers.Dense(3), picture())


def test_a_dense_layer_on_the_grid_takes_one_size():
    base = small(include_top=False)
    x = keras.layers.Dense(3)(keras.layers.Flatten(name="flat")(base.output))
    model = keras.Model(base.input, x, name="flat_head")
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
