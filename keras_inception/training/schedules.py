"""Learning rates as the papers give them, in epochs, turned into optimizer steps."""

import keras


def steps_per_epoch(examples, batch_size):
    """Optimizer steps in an epoch of `examples` at the global `batch_size`, at least one.

    A batch that the examples do not fill is left to the next epoch, since training batches come
    from an endless stream.
    """
    return max(1, examples // batch_size)


def exponential_decay(learning_rate, decay_rate, decay_epochs, examples, batch_size):
    """The learning rate times `decay_rate` after every `decay_epochs`, as a staircase.

    The number of steps on a stair is rounded down as in TF-Slim's `train_image_classifier.py`.

    Args:
        learning_rate: the rate of the first stair.
        decay_rate: factor from one stair to the next, in (0, 1].
        decay_epochs: length of a stair in epochs, not necessarily whole.
        examples: number of training examples in an epoch.
        batch_size: global batch size.

    Returns:
        A `keras.optimizers.schedules.ExponentialDecay` over optimizer steps.
    """
    return keras.optimizers.schedules.ExponentialDecay(
        initial_learning_rate=learning_rate,
        decay_steps=max(1, int(examples / batch_size * decay_epochs)),
        decay_rate=decay_rate,
        staircase=True,
    )
