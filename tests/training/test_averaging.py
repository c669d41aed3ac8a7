"""ExponentialMovingAverage against `tf.compat.v1.train.ExponentialMovingAverage`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception.training.averaging import ExponentialMovingAverage

STEPS = 100


def walk(seed=0):
    """Values of two variables: the first ones, then those after each step."""
    rng = np.random.default_rng(seed)
    moves = [rng.normal(0, 1, (STEPS + 1, *shape)) for shape in ((3, 4), (5,))]
    return [np.cumsum(m, axis=0).astype("float32") for m in moves]


def tensorflow_1(decay, warm_up):
    """The averages that TensorFlow 1 makes of the same values."""
    values = walk()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = [tf.compat.v1.Variable(v[0]) for v in values]
        fed = [tf.compat.v1.placeholder(tf.float32, v.shape[1:]) for v in values]
        step = tf.compat.v1.placeholder(tf.int32, ())
        average = tf.compat.v1.train.ExponentialMovingAverage(decay, step if warm_up else None)
        assign = tf.group(*[v.assign(f) for v, f in zip(variables, fed, strict=True)])
        with tf.control_dependencies([assign]):
            update = average.apply(variables)
        session.run(tf.compat.v1.global_variables_initializer())
        for i in range(1, STEPS + 1):
            feed = {f: v[i] for f, v in zip(fed, values, strict=True)}
            session.run(update, {**feed, step: i})
        return session.run([average.average(v) for v in variables])


def ours(average, first=0, last=STEPS):
    values = walk()
    variables = [keras.Variable(v[first], name=f"v{i}") for i, v in enumerate(values)]
    if not average.built:
        average.start(variables)
    update = tf.function(lambda step: average.update(variables, step))
    for i in range(first + 1, last + 1):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value[i])
        update(tf.constant(i))
    return variables


@pytest.mark.parametrize(("decay", "warm_up"), [(0.9999, True), (0.99, True), (0.9, False)])
def test_equals_tensorflow_1(decay, warm_up):
    average = ExponentialMovingAverage(decay, warm_up)
    ours(average)
    for got, want in zip(average.averages, tensorflow_1(decay, warm_up), strict=True):
        assert np.abs(got.numpy() - want).max() / np.abs(want).max() < 1e-6


def test_keras_average_differs():
    """Without this the test above could not tell the warm-up."""
    average = ExponentialMovingAverage(0.9999, warm_up=False)
    ours(average)
    want = tensorflow_1(0.9999, warm_up=True)[0]
    assert np.abs(average.averages[0].numpy() - want).max() > 1


def test_goes_on_after_save_and_load(tmp_path):
    """Half the steps, a new object with the configuration and weights, the other half."""
    first = ExponentialMovingAverage(0.99)
    ours(first, last=STEPS // 2)
    second = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(first))
    assert (second.decay, second.warm_up, second.name) == (0.99, True, "average")
    second.start(first.averages)
    np.savez(tmp_path / "average.npz", *[a.numpy() for a in first.averages])
    with np.load(tmp_path / "average.npz") as file:
        second.set_weights([file[name] for name in file.files])
    ours(second, first=STEPS // 2)
    for got, want in zip(second.averages, tensorflow_1(0.99, True), strict=True):
        assert np.abs(got.numpy() - want).max() / np.abs(want).max() < 1e-6


def test_swap_and_back():
    average = ExponentialMovingAverage(0.5)
    variables = ours(average, last=3)
    values = [v.numpy() for v in variables]
    means = [a.numpy() for a in average.averages]
    average.swap(variables)
    assert all((v.numpy() == m).all() for v, m in zip(variables, means, strict=True))
    average.swap(variables)
    assert all((v.numpy() == x).all() for v, x in zip(variables, values, strict=True))
    assert all((a.numpy() == m).all() for a, m in zip(average.averages, means, strict=True))


def test_holds_nothing_that_is_trained():
    average = ExponentialMovingAverage(0.5)
    ours(average, last=1)
    assert average.trainable_weights == []
    assert len(average.weights) == 2


@pytest.mark.parametrize("decay", [1.0, -0.1, 2])
def test_decay_out_of_range(decay):
    with pytest.raises(ValueError, match=r"decay must be in \[0, 1\)"):
        ExponentialMovingAverage(decay)


def test_other_variables():
    average = ExponentialMovingAverage(0.5)
    with pytest.raises(ValueError, match="average holds no averages, but was given 0 variables"):
        average.update([], 1)
    variables = ours(average, last=1)
    with pytest.raises(ValueError, match="average holds 2 averages, but was given 1 variables"):
        average.swap(variables[:1])
