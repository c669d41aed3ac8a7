"""RMSProp with the arithmetic of TensorFlow 1, which trained every network from Inception-v2 on."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="keras_inception")
class RMSprop(keras.optimizers.Optimizer):
    """`tf.compat.v1.train.RMSPropOptimizer` as a Keras optimizer.

    For a gradient `g` and a variable `w`, each step does

        mean_square <- rho * mean_square + (1 - rho) * g ** 2     (starts at one)
        step        <- momentum * step + learning_rate * g / sqrt(mean_square + epsilon)
        w           <- w - step

    `keras.optimizers.RMSprop` starts `mean_square` at zero instead, and others add epsilon outside
    the root; with the papers' epsilon of 1.0 neither ends near the same weights. The update is
    TensorFlow's own kernel: one operation a variable, equal to TensorFlow 1 to the last bit.

    Args:
        learning_rate: a number or a `keras.optimizers.schedules.LearningRateSchedule`.
        rho: decay of the mean square, TensorFlow 1's `decay`, in [0, 1).
        momentum: decay of the step, in [0, 1).
        epsilon: what is added to the mean square inside the root, above 0.
        name: name of the optimizer.
        **kwargs: those of every Keras optimizer, such as `global_clipnorm`.

    Raises:
        ValueError: where `rho`, `momentum` or `epsilon` is out of its range.
    """

    def __init__(
        self,
        learning_rate=0.045,  # 1512.00567 section 8, as are rho and epsilon
        rho=0.9,
        momentum=0.9,  # TF-Slim train_image_classifier.py, `rmsprop_momentum`
        epsilon=1.0,
        name="rmsprop",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        for label, value in (("rho", rho), ("momentum", momentum)):
            if not 0 <= value < 1:
                raise ValueError(f"{label} must be in [0, 1), got {value!r}.")
        if not epsilon > 0:
            raise ValueError(f"epsilon must be above 0, got {epsilon!r}.")
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, variables):
        """Makes the two slots of each of `variables`, as TensorFlow 1 names them."""
        if self.built:
            return
        super().build(variables)
        # By initializer: what is assigned inside `build` is lost when `fit` calls it.
        self._mean_squares = [
            self.add_variable_from_reference(variable, name="rms", initializer="ones")
            for variable in variables
        ]
        self._steps = [
            self.add_variable_from_reference(variable, name="momentum") for variable in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        """Moves `variable` and its slots by one step."""
        index = self._get_variable_index(variable)

        def number(value):
            return tf.cast(value, variable.dtype)

        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=self._mean_squares[index].handle,
            mom=self._steps[index].handle,
            lr=number(learning_rate),
            rho=number(self.rho),
            momentum=number(self.momentum),
            epsilon=number(self.epsilon),
            grad=number(tf.convert_to_tensor(gradient)),
            use_locking=False,
        )

    def get_config(self):
        """The arguments that make this optimizer again."""
        own = {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon}
        return {**super().get_config(), **own}
