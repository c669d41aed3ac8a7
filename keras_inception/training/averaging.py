"""The moving average of the parameters, with which the papers evaluated their networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="keras_inception")
class ExponentialMovingAverage(keras.layers.Layer):
    """`tf.train.ExponentialMovingAverage` as a Keras object.

    Each variable has an average, which starts at the variable's first value. The update after step
    `n` (counted from 1) does

        average <- average - (1 - d) * (average - variable),   d = min(decay, (1 + n) / (10 + n))

    Keras's optimizers can average too (`use_ema`). But they have no warm-up `(1 + n) / (10 + n)`,
    they start from the weights after the first step, and they leave out the batch-norm statistics,
    which belong to the parameters that they were measured with.

    The object holds only the averages, in the order of the variables that `start` was given. Each
    method is handed these variables again. Under a `tf.distribute` strategy, call `start` within
    the strategy's scope.

    Args:
        decay: share of the old average that an update keeps, in [0, 1).
        warm_up: whether the first updates keep less (TensorFlow's `num_updates`).
        name: name of the object.

    Attributes:
        averages: a Keras variable for each variable that `start` was given.

    Raises:
        ValueError: if `decay` is out of its range, or if a method gets another number of variables
            than `start` did.
    """

    def __init__(self, decay: float = 0.9999, warm_up: bool = True, name: str = "average") -> None:
        super().__init__(name=name, trainable=False)
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay!r}.")
        self.decay = decay
        self.warm_up = warm_up

    def start(self, variables: Sequence[keras.Variable]) -> None:
        """Makes an average of each of `variables`, starting at its present value."""
        self.averages = [
            self.add_weight(
                shape=variable.shape,
                # By initializer: a value assigned in a graph that builds would be lost.
                initializer=lambda shape, dtype, variable=variable: tf.cast(variable.value, dtype),
                trainable=False,
                autocast=False,
                name=variable.path.replace("/", "_"),
            )
            for variable in variables
        ]
        self.built = True

    def update(self, variables: Sequence[keras.Variable], step: int | tf.Tensor) -> None:
        """Moves the averages towards `variables` after step number `step`, counted from 1."""
        step = tf.cast(step, "float32")
        decay = tf.constant(self.decay, "float32")
        if self.warm_up:
            decay = tf.minimum(decay, (1.0 + step) / (10.0 + step))
        for average, variable in self._pairs(variables):
            average.value.assign_sub((1.0 - decay) * (average.value - variable.value))

    def swap(self, variables: Sequence[keras.Variable]) -> None:
        """Exchanges the variables' values with their averages. A second call changes them back."""
        for average, variable in self._pairs(variables):
            value = variable.numpy()
            variable.assign(average.numpy())
            average.assign(value)

    def _pairs(
        self, variables: Sequence[keras.Variable]
    ) -> Iterator[tuple[keras.Variable, keras.Variable]]:
        if not self.built or len(variables) != len(self.averages):
            held = len(self.averages) if self.built else "no"
            raise ValueError(
                f"{self.name} holds {held} averages, but was given {len(variables)} variables."
            )
        return zip(self.averages, variables, strict=True)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this average again."""
        return {"decay": self.decay, "warm_up": self.warm_up, "name": self.name}
