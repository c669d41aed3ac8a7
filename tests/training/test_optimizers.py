"""RMSProp against a plain numpy transcription of TensorFlow 1's."""

import keras
import numpy as np
import pytest

from keras_inception.training.optimizers import RMSprop

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


def test_keras_rmsprop_differs():
    """Without this the test above could not tell the accumulator's start."""
    variables = run(keras.optimizers.RMSprop(0.045, rho=0.9, momentum=0.9, epsilon=1.0))
    assert gap(variables, reference([0.045] * STEPS, 0.9, 0.9, 1.0)) > 1e-2


def test_follows_a_schedule():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.94, staircase=True)
    variables = run(RMSprop(schedule))
    rates = [0.1 * 0.94 ** (step // 10) for step in range(STEPS)]
    assert gap(variables, reference(rates, 0.9, 0.9, 1.0)) < 1e-6


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
