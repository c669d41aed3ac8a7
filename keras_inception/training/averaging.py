"""The moving average of the parameters, on which the papers' networks were evaluated."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="keras_inception")
class ExponentialMovingAverage(keras.layers.Layer):
    """`tf.train.ExponentialMovingAverage` as a Keras object.

    For each variable there is an average that starts at the variable's first value. The update
    after step `n` (counted from 1) does

        average <- average - (1 - d) * (average - variable),   d = min(decay, (1 + n) / (10 + n))

    `keras.optimizers` average too (`use_ema`), but without the warm-up `(1 + n) / (10 + n)`, from
    the weights after the first step on, and leave out the statistics of batch normalization, which
    belong to the parameters that they were measured with.

    It holds the averages alone, in the order of the variables that it was started with: these are
    handed to each method. Under a `tf.distribute` strategy, start it within the strategy's scope.

    Args:
        decay: share of the old average that an update keeps, in [0, 1).
        warm_up: whether the first updates keep less, TensorFlow's `num_updates`.
        name: name of the object.

    Raises:
        ValueError: where `decay` is out of its range, or other variables come than it was started
            with.
    """

    def __init__(self, decay=0.9999, warm_up=True, name="average"):
        super().__init__(name=name, trainable=False)
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay!r}.")
        self.decay = decay
        self.warm_up = warm_up

    def start(self, variables):
        """Makes an average of each of `variables`, which starts at its present value."""
        self.averages = [
            self.add_weight(
                shape=variable.shape,
                # By initializer: what is assigned in a graph that builds is lost.
                initializer=lambda shape, dtype, variable=variable: tf.cast(variable.value, dtype),
                trainable=False,
                autocast=False,
                name=variable.path.replace("/", "_"),
            )
            for variable in variables
        ]
        self.built = True

    def update(self, variables, step):
        """Moves the averages towards `variables` after step number `step`, counted from 1."""
        step = tf.cast(step, "float32")
        decay = tf.constant(self.decay, "float32")
        if self.warm_up:
            decay = tf.minimum(decay, (1.0 + step) / (10.0 + step))
        for average, variable in self._pairs(variables):
            average.value.assign_sub((1.0 - decay) * (average.value - variable.value))

    def swap(self, variables):
        """Exchanges the variables' values with their averages; twice changes nothing."""
        for average, variable in self._pairs(variables):
            value = variable.numpy()
            variable.assign(average.numpy())
            average.assign(value)

    def _pairs(self, variables):
        if not self.built or len(variables) != len(self.averages):
            held = len(self.averages) if self.built else "no"
            raise ValueError(f"{self.name} holds {held} averages, not those of {len(variables)}.")
        return zip(self.averages, variables, strict=True)

    def get_config(self):
        """The arguments that make this average again."""
        return {"decay": self.decay, "warm_up": self.warm_up, "name": self.name}
