"""Learning rates as the papers give them, in epochs, turned into optimizer steps."""

from __future__ import annotations

import keras


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Returns the optimizer steps in an epoch of `examples` pictures, at least one.

    Pictures that do not fill a batch are left to the next epoch: training batches come from an
    endless stream.

    Args:
        examples: number of training pictures.
        batch_size: pictures in a step, on all replicas together.
    """
    return max(1, examples // batch_size)


def exponential_decay(
    learning_rate: float, decay_rate: float, decay_epochs: float, examples: int, batch_size: int
) -> keras.optimizers.schedules.ExponentialDecay:
    """Multiplies the learning rate by `decay_rate` after every `decay_epochs`, as a staircase.

    The number of steps on a stair is rounded down, as in TF-Slim's `train_image_classifier.py`.

    Args:
        learning_rate: rate on the first stair.
        decay_rate: factor from one stair to the next, in (0, 1].
        decay_epochs: length of a stair in epochs. It may be a fraction.
        examples: number of training pictures in an epoch.
        batch_size: pictures in a step, on all replicas together.

    Returns:
        A schedule over optimizer steps.
    """
    return keras.optimizers.schedules.ExponentialDecay(
        initial_learning_rate=learning_rate,
        decay_steps=max(1, int(examples / batch_size * decay_epochs)),
        decay_rate=decay_rate,
        staircase=True,
    )
