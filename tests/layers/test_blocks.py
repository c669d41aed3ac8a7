"""What the blocks compute, against plain numpy or TensorFlow."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception import layers, renamed

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("size", [1, 5])
def test_local_response_normalization_is_tensorflows(size):
    x = RNG.normal(size=(2, 3, 4, 16)).astype("float32") * 30
    ours = layers.LocalResponseNormalization(size=size, alpha=0.02, beta=0.6, bias=2.0)(x)
    theirs = tf.nn.local_response_normalization(
        x, depth_radius=size // 2, bias=2.0, alpha=0.02 / size, beta=0.6
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_local_response_normalization_refuses_even_size():
    with pytest.raises(ValueError, match="size must be odd"):
        layers.LocalResponseNormalization(size=4)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("mode", ["max", "avg"])
@pytest.mark.parametrize(("size", "dilation"), [(3, 1), (3, 2), (2, 1), (3, 4)])
def test_dilated_pooling_is_a_pool_on_every_nth_pixel(mode, padding, size, dilation):
    x = RNG.normal(size=(2, 11, 12, 5)).astype("float32")
    pool = layers.DilatedPooling2D(mode, size, dilation_rate=dilation, padding=padding)
    ours = pool(x).numpy()
    assert pool.compute_output_shape(x.shape) == ours.shape
    for i in range(dilation):
        for j in range(dilation):
            theirs = tf.nn.pool(
                x[:, i::dilation, j::dilation], [size, size], mode.upper(), padding=padding.upper()
            )
            np.testing.assert_allclose(ours[:, i::dilation, j::dilation], theirs, atol=1e-6)


def test_dilated_average_ignores_the_padding():
    ones = np.ones((1, 9, 9, 2), "float32")
    pool = layers.DilatedPooling2D("avg", 3, dilation_rate=4)
    np.testing.assert_allclose(pool(ones), ones, atol=1e-6)


def test_bad_pooling():
    with pytest.raises(ValueError, match="mode must be one of"):
        layers.DilatedPooling2D("min", 3)
    with pytest.raises(ValueError, match="padding must be"):
        layers.DilatedPooling2D("max", 3, padding="full")


def test_width_multiplier_rounds_to_eight_and_ends():
    images = keras.Input((35, 35, 32))
    with layers.width_multiplier(0.3):
        assert layers.conv_bn_relu(images, 64, 1, name="a").shape[-1] == 16  # 19.2
        assert layers.conv_bn_relu(images, 8, 1, name="b").shape[-1] == 8  # 2.4
        with layers.width_multiplier(2.0):
            assert layers.conv_bn_relu(images, 20, 1, name="c").shape[-1] == 40
    assert layers.conv_bn_relu(images, 1154, 1, name="d").shape[-1] == 1154
    with pytest.raises(ValueError, match="must be positive"), layers.width_multiplier(0):
        raise AssertionError("the body must not run")
    with pytest.raises(ZeroDivisionError), layers.width_multiplier(0.5):
        _ = 1 / 0
    assert layers.conv_bn_relu(images, 64, 1, name="e").shape[-1] == 64


def test_average_pool_leaves_out_the_padding():
    step = layers.avg_pool(3)
    ones = keras.Input((5, 5, 1))
    model = keras.Model(ones, step(ones, name="p"))
    np.testing.assert_allclose(model(np.ones((1, 5, 5, 1))), np.ones((1, 5, 5, 1)))


def test_residual_adds_the_scaled_branch():
    x = keras.Input((4, 4, 8))
    model = keras.Model(
        x,
        layers.residual(
            x, "block", [layers.conv(8, 1)], [layers.conv(8, 3)], scale=0.3, activation=None
        ),
    )
    inner = keras.Model(x, model.get_layer("block_linear").output)
    values = RNG.normal(size=(1, 4, 4, 8)).astype("float32")
    expected = values + 0.3 * inner(values).numpy()
    np.testing.assert_allclose(model(values), expected, atol=1e-6)
    assert [layer.name for layer in model.layers][-1] == "block"


def test_heads_on_unknown_size():
    grid = keras.Input((None, None, 512))
    with pytest.raises(ValueError, match="known height and width"):
        layers.googlenet_auxiliary_head(grid, 10)
    with pytest.raises(ValueError, match="no classifier_activation"):
        layers.embedding_head(keras.Input((3, 3, 8)), 4, 0.0, activation="relu")


def test_auxiliary_head_on_small_and_large_grids():
    for side in (2, 5, 17, 30):
        grid = keras.Input((side, side, 768))
        assert layers.auxiliary_head(grid, 10, name=f"aux{side}").shape == (None, 10)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            lambda x: layers.reduced_module(x, 64, 96, 128, 16, 32, 24, name="m", size=3),
            lambda x: layers.reduced_module(x, 64, (96, 128), (16, 32), 24, name="m", size=3),
        ),
        (
            lambda x: layers.reduced_module(
                x, f1=64, f3_reduce=96, f3=128, f5_reduce=16, f5=32, pool_proj=24, name="m"
            ),
            lambda x: layers.reduced_module(x, 64, (96, 128), (16, 32), 24, "m"),
        ),
        (
            lambda x: layers.bn_inception_module(x, 8, 16, 24, 32, 40, 48, "m", layers.max_pool),
            lambda x: layers.bn_inception_module(
                x, 8, (16, 24), (32, 40), 48, "m", layers.max_pool
            ),
        ),
        (
            lambda x: layers.bn_inception_reduction(x, 16, 24, 32, d3=40, name="m"),
            lambda x: layers.bn_inception_reduction(x, (16, 24), (32, 40), name="m"),
        ),
        (
            lambda x: layers.grid_reduction(x, 16, 24, 32, 40, "m"),
            lambda x: layers.grid_reduction(x, (16, 24), (32, 40), "m"),
        ),
    ],
)
def test_widths_that_stood_apart_are_pairs_now(old, new, monkeypatch):
    monkeypatch.setattr(renamed, "_said", set())
    x = keras.Input((16, 16, 8))
    with pytest.warns(FutureWarning, match=r"\(f3_reduce, f3, .* is now f3=\(f3_reduce, f3\), "):
        before = keras.Model(x, old(x))
    after = keras.Model(x, new(x))
    assert [w.path for w in before.weights] == [w.path for w in after.weights]
    assert [w.shape for w in before.weights] == [w.shape for w in after.weights]
