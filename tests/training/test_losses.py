"""Label smoothing against the formula, as a function and inside `fit`."""

import keras
import numpy as np
import pytest

from keras_inception.training.losses import SmoothedCrossentropy


def expected(labels, logits, smoothing):
    """The mean loss in float64, from logits."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_softmax = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    classes = logits.shape[-1]
    targets = np.eye(classes)[labels] * (1 - smoothing) + smoothing / classes
    return -(targets * log_softmax).sum(-1).mean()


def examples(scale):
    """Labels `(16,)` and logits `(16, 10)` of the given size."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 10, 16), rng.normal(0, scale, (16, 10))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("shape", [(16,), (16, 1)])
def test_equals_the_formula(smoothing, shape):
    labels, logits = examples(2)
    softmax = keras.ops.softmax(keras.ops.convert_to_tensor(logits, "float32"))
    loss = SmoothedCrossentropy(smoothing)(labels.reshape(shape), softmax)
    assert float(loss) == pytest.approx(expected(labels, logits, smoothing), rel=1e-5)


def test_equals_keras_without_smoothing():
    labels, logits = examples(2)
    softmax = keras.ops.softmax(keras.ops.convert_to_tensor(logits, "float32"))
    keras_loss = keras.losses.SparseCategoricalCrossentropy()(labels, softmax)
    assert float(SmoothedCrossentropy()(labels, softmax)) == pytest.approx(float(keras_loss))


def test_no_probability_underflows_in_a_compiled_step():
    """Logits of some hundreds: a loss from the probabilities alone would be cut at 1e-7."""
    labels, logits = examples(200)
    model = keras.Sequential([keras.Input((10,)), keras.layers.Softmax()])
    model.compile(loss=SmoothedCrossentropy(0.1))
    loss = model.evaluate(logits.astype("float32"), labels, batch_size=16, verbose=0)
    assert loss == pytest.approx(expected(labels, logits, 0.1), rel=1e-4)


def test_serialises():
    config = keras.saving.serialize_keras_object(SmoothedCrossentropy(0.1))
    loss = keras.saving.deserialize_keras_object(config)
    assert isinstance(loss, SmoothedCrossentropy)
    assert loss.label_smoothing == 0.1


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_refuses_smoothing_out_of_range(smoothing):
    with pytest.raises(ValueError, match="label_smoothing"):
        SmoothedCrossentropy(smoothing)
