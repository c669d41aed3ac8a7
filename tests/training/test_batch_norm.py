"""The fused batch normalization against Keras's, and the copies that have it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_inception
from keras_inception.training.batch_norm import FusedBatchNormalization, with_fused_batch_norm

SHAPE = (8, 7, 7, 16)


def layers(scale=True, dtype="float32", **arguments):
    """Keras's layer and ours with the same weights."""
    rng = np.random.default_rng(1)
    made = []
    for kind in (keras.layers.BatchNormalization, FusedBatchNormalization):
        made.append(kind(momentum=0.9, epsilon=1e-3, scale=scale, dtype=dtype, **arguments))
        made[-1].build(SHAPE)
    values = [rng.uniform(0.5, 1.5, w.shape) for w in made[0].weights]
    for layer in made:
        layer.set_weights(values)
    return made


def pass_through(layer, dtype="float32"):
    """Outputs, gradients of the inputs and parameters, moving statistics."""
    rng = np.random.default_rng(0)
    x = tf.cast(rng.normal(3, 2, SHAPE), dtype)
    slope = tf.cast(rng.normal(0, 1, SHAPE), dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        loss = tf.reduce_sum(tf.cast(y * slope, tf.float32))
    wanted = [x, *(v.value for v in layer.trainable_variables)]
    return y, tape.gradient(loss, wanted), [v.numpy() for v in layer.non_trainable_variables]


def gap(got, want):
    got, want = np.asarray(got, "float64"), np.asarray(want, "float64")
    return np.abs(got - want).max() / np.abs(want).max()


@pytest.mark.parametrize("scale", [True, False])
def test_outputs_gradients_and_statistics_are_keras_ones(scale):
    plain, fused = layers(scale)
    (y, gradients, moving), (y2, gradients2, moving2) = map(pass_through, (plain, fused))
    assert gap(y2, y) < 1e-5
    assert len(gradients) == (3 if scale else 2)
    for ours, theirs in zip(gradients2, gradients, strict=True):
        assert gap(ours, theirs) < 1e-5
    assert gap(moving2[0], moving[0]) < 1e-5
    # The kernel corrects the variance for the n values it is measured on.
    n = np.prod(SHAPE[:3])
    before = layers(scale)[0].moving_variance.numpy()
    batch = (moving[1] - 0.9 * before) / 0.1
    assert gap(moving2[1], 0.9 * before + 0.1 * batch * n / (n - 1)) < 1e-5
    assert gap(moving2[1], moving[1]) > 1e-5


def test_bfloat16_stays_within_its_rounding():
    plain, fused = layers(dtype="mixed_bfloat16")
    (y, gradients, _), (y2, gradients2, _) = (pass_through(k, "bfloat16") for k in (plain, fused))
    assert y2.dtype == tf.bfloat16
    assert gap(tf.cast(y2, tf.float32), tf.cast(y, tf.float32)) < 2**-7
    for ours, theirs in zip(gradients2, gradients, strict=True):
        assert gap(tf.cast(ours, tf.float32), tf.cast(theirs, tf.float32)) < 2**-6


def test_inference_and_frozen_layers_are_keras_own():
    plain, fused = layers()
    x = tf.constant(np.random.default_rng(0).normal(size=SHAPE), tf.float32)
    assert gap(fused(x, training=False), plain(x, training=False)) < 1e-6
    fused.trainable = False
    before = fused.moving_mean.numpy()
    assert gap(fused(x, training=True), plain(x, training=False)) < 1e-6
    assert (fused.moving_mean.numpy() == before).all()


def test_vectors_and_other_axes_are_keras_own():
    for shape, axis in (((8, 5), -1), ((4, 5, 3, 3), 1)):
        plain = keras.layers.BatchNormalization(axis=axis)
        fused = FusedBatchNormalization(axis=axis)
        x = tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)
        assert gap(fused(x, training=True), plain(x, training=True)) < 1e-6


def test_copy_has_the_weights_and_leaves_the_model():
    model = keras_inception.InceptionV1(
        weights=None, input_shape=(64, 64, 3), width_multiplier=0.125, classes=5
    )
    copy = with_fused_batch_norm(model)
    x = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    assert gap(copy(x), model(x)) < 1e-6
    kinds = [type(layer) for layer in copy.layers]
    assert kinds.count(FusedBatchNormalization) == 57
    assert keras.layers.BatchNormalization not in kinds
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    copy.get_layer("predictions").kernel.assign_add(tf.eye(1024 // 8, 5))
    assert gap(copy(x), model(x)) > 1e-3
