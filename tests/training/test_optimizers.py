"""The optimizers against TensorFlow 1's own, and against a plain numpy transcription of RMSProp."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception.training import RECIPES
from keras_inception.training.optimizers import Adam, Momentum, RMSprop, from_recipe

STEPS = 100
SHAPES = [(3, 3, 2, 4), (4,), (5, 3)]


def gradients():
    """The gradients of each step, large and small ones mixed."""
    rng = np.random.default_rng(0)
    return [
        [rng.normal(0, 10.0 ** rng.uniform(-3, 1), shape) for shape in SHAPES] for _ in range(STEPS)
    ]


def start():
    """The variables before the first step."""
    rng = np.random.default_rng(1)
    return [rng.normal(0, 1, shape) for shape in SHAPES]


def reference(rates, rho, momentum, epsilon):
    """TensorFlow 1's RMSProp in float64; `rates` has the learning rate of each step."""
    weights = start()
    mean_squares = [np.ones(shape) for shape in SHAPES]
    moves = [np.zeros(shape) for shape in SHAPES]
    for rate, step in zip(rates, gradients(), strict=True):
        for i, g in enumerate(step):
            mean_squares[i] = rho * mean_squares[i] + (1 - rho) * g**2
            moves[i] = momentum * moves[i] + rate * g / np.sqrt(mean_squares[i] + epsilon)
            weights[i] = weights[i] - moves[i]
    return weights


def run(optimizer, first=0, last=STEPS, weights=None):
    """What `optimizer` makes of the same gradients."""
    variables = [keras.Variable(value) for value in (weights or start())]
    for step in gradients()[first:last]:
        optimizer.apply([keras.ops.convert_to_tensor(g, "float32") for g in step], variables)
    return variables


def gap(variables, expected):
    """Largest difference, relative to the largest magnitude."""
    return max(
        np.abs(keras.ops.convert_to_numpy(got) - want).max() / np.abs(want).max()
        for got, want in zip(variables, expected, strict=True)
    )


@pytest.mark.parametrize(
    ("rho", "momentum", "epsilon"), [(0.9, 0.9, 1.0), (0.95, 0.0, 1e-3), (0.9, 0.5, 0.1)]
)
def test_equals_tensorflow_1(rho, momentum, epsilon):
    variables = run(RMSprop(0.045, rho=rho, momentum=momentum, epsilon=epsilon))
    assert gap(variables, reference([0.045] * STEPS, rho, momentum, epsilon)) < 1e-6


def tensorflow_1(make, rates):
    """What an optimizer of TensorFlow 1 makes of the gradients; `make` gets the rate's tensor."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = [tf.compat.v1.Variable(value, dtype=tf.float32) for value in start()]
        fed = [tf.compat.v1.placeholder(tf.float32, shape) for shape in SHAPES]
        rate = tf.compat.v1.placeholder(tf.float32, ())
        step = make(rate).apply_gradients(zip(fed, variables, strict=True))
        session.run(tf.compat.v1.global_variables_initializer())
        for now, values in zip(rates, gradients(), strict=True):
            session.run(step, {**dict(zip(fed, values, strict=True)), rate: now})
        return session.run(variables)


FALLING = [0.1 * 0.94 ** (step // 10) for step in range(STEPS)]


def test_rmsprop_equals_the_original():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.94, staircase=True)
    original = tensorflow_1(
        lambda rate: tf.compat.v1.train.RMSPropOptimizer(rate, 0.9, 0.9, 1.0), FALLING
    )
    assert gap(run(RMSprop(schedule)), original) < 1e-6


def test_momentum_equals_the_original_and_keras_sgd_does_not():
    def schedule():
        return keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.94, staircase=True)

    original = tensorflow_1(lambda rate: tf.compat.v1.train.MomentumOptimizer(rate, 0.9), FALLING)
    assert gap(run(Momentum(schedule(), momentum=0.9)), original) < 1e-6
    assert gap(run(keras.optimizers.SGD(schedule(), momentum=0.9)), original) > 1e-3


def test_keras_rmsprop_differs():
    """Without this the test above could not tell the accumulator's start."""
    variables = run(keras.optimizers.RMSprop(0.045, rho=0.9, momentum=0.9, epsilon=1.0))
    assert gap(variables, reference([0.045] * STEPS, 0.9, 0.9, 1.0)) > 1e-2


def test_serialises_with_its_numbers():
    optimizer = RMSprop(0.01, rho=0.8, momentum=0.7, epsilon=0.5, global_clipnorm=2.0)
    config = keras.saving.serialize_keras_object(optimizer)
    again = keras.saving.deserialize_keras_object(config)
    assert isinstance(again, RMSprop)
    assert again.get_config() == optimizer.get_config()
    assert again.global_clipnorm == 2.0


def test_goes_on_from_saved_slots():
    """Half the steps, the slots copied to a new optimizer, the other half: the same weights."""
    first = RMSprop(0.045)
    middle = run(first, last=STEPS // 2)
    second = RMSprop.from_config(first.get_config())
    second.build(middle)
    for target, source in zip(second.variables, first.variables, strict=True):
        target.assign(source)
    for step in gradients()[STEPS // 2 :]:
        second.apply([keras.ops.convert_to_tensor(g, "float32") for g in step], middle)
    assert gap(middle, reference([0.045] * STEPS, 0.9, 0.9, 1.0)) < 1e-6


def test_saves_and_loads_inside_a_model(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 5)).astype("float32"), rng.normal(size=(8, 3)).astype("float32")
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    model.compile(RMSprop(0.05), "mse")
    model.fit(x, y, epochs=3, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for network in (model, loaded):
        network.fit(x, y, epochs=3, verbose=0, shuffle=False)
    for got, want in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("bad", [{"rho": 1.0}, {"momentum": -0.1}, {"epsilon": 0.0}])
def test_refuses_numbers_out_of_range(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        RMSprop(0.1, **bad)


@pytest.mark.parametrize(
    ("fields", "kind", "numbers"),
    [
        ({}, RMSprop, {"rho": 0.9, "momentum": 0.9, "epsilon": 1e-6}),
        ({"optimizer": "sgd", "rho": None, "epsilon": None}, Momentum, {"momentum": 0.9}),
        (
            {"optimizer": "adam", "rho": 0.99, "epsilon": 1e-7},
            Adam,
            {"beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-7},
        ),
    ],
)
def test_from_recipe(fields, kind, numbers):
    optimizer = from_recipe(RECIPES["demo"].replace(**fields), 0.5)
    assert type(optimizer) is kind
    config = optimizer.get_config()
    assert {name: config[name] for name in numbers} == numbers
    assert config["global_clipnorm"] == 2.0
    assert config["learning_rate"] == 0.5


@pytest.mark.parametrize("kind", [RMSprop, Momentum, Adam])
def test_clips_by_the_global_norm(kind):
    """The same weights as with gradients that were clipped before."""
    clipped = run(kind(0.01, global_clipnorm=0.5), last=20)
    plain = kind(0.01)
    variables = [keras.Variable(value) for value in start()]
    for step in gradients()[:20]:
        norm = np.sqrt(sum((g**2).sum() for g in step))
        factor = min(1.0, 0.5 / norm)
        plain.apply([keras.ops.convert_to_tensor(g * factor, "float32") for g in step], variables)
    assert gap(clipped, [v.numpy() for v in variables]) < 1e-5


def test_momentum_out_of_range():
    with pytest.raises(ValueError, match=r"momentum must be in \[0, 1\)"):
        Momentum(momentum=1.0)
