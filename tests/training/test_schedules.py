"""Staircases in epochs."""

import numpy as np
import pytest

from keras_inception.training.schedules import exponential_decay, steps_per_epoch


@pytest.mark.parametrize(
    ("examples", "batch_size", "steps"), [(3200, 64, 50), (3263, 64, 50), (3264, 64, 51), (5, 8, 1)]
)
def test_steps_per_epoch(examples, batch_size, steps):
    assert steps_per_epoch(examples, batch_size) == steps


def test_rates_of_inception_v4():
    """0.045 times 0.94 every second epoch (1602.07261 section 5), at epochs 0, 1, 2, 10, 100."""
    examples, batch_size = 1_281_167, 32 * 20
    schedule = exponential_decay(0.045, 0.94, 2, examples, batch_size)
    steps = [epoch * examples // batch_size + 1 for epoch in (0, 1, 2, 10, 100)]
    rates = [float(schedule(step)) for step in steps]
    assert rates == pytest.approx([0.045 * 0.94**stair for stair in (0, 0, 1, 5, 50)], rel=1e-5)


def test_steps_on_a_stair_are_rounded_down():
    schedule = exponential_decay(1.0, 0.5, 0.25, examples=1010, batch_size=100)  # 2.525 steps
    np.testing.assert_allclose([float(schedule(s)) for s in range(5)], [1, 1, 0.5, 0.5, 0.25])


def test_a_stair_shorter_than_a_step_is_one_step():
    schedule = exponential_decay(1.0, 0.5, 0.1, examples=10, batch_size=10)
    np.testing.assert_allclose([float(schedule(s)) for s in range(3)], [1, 0.5, 0.25])
