"""The optimizers of TensorFlow 1 that trained the family, with gradients clipped as it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import keras
import tensorflow as tf

if TYPE_CHECKING:
    from keras_inception.training.recipe import Recipe

Rate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule


class _ClipsTheSum:
    """Clips gradients after they are summed over the replicas. To be inherited from first.

    Keras clips each replica's own gradients before the sum. The bound then depends on the number of
    replicas, so two replicas do not compute what one does.
    """

    def _clip_gradients(self, grads):
        return grads

    def _all_reduce_sum_gradients(self, grads_and_vars):
        reduced = super()._all_reduce_sum_gradients(grads_and_vars)
        gradients = super()._clip_gradients([gradient for gradient, _ in reduced])
        return list(zip(gradients, [variable for _, variable in reduced], strict=True))


class _SlotOptimizer(_ClipsTheSum, keras.optimizers.Optimizer):
    """An optimizer whose step is one kernel of TensorFlow with slots beside each variable."""

    slots: ClassVar[Mapping[str, str]] = {}  # name: initializer

    def build(self, variables: list[keras.Variable]) -> None:
        """Makes the slots of each of `variables`, named as in TensorFlow 1."""
        if self.built:
            return
        super().build(variables)
        # By initializer: a value assigned inside `build` is lost when `fit` calls it.
        self._slots = {
            name: [
                self.add_variable_from_reference(variable, name=name, initializer=initializer)
                for variable in variables
            ]
            for name, initializer in self.slots.items()
        }

    def _slot(self, name, variable):
        return self._slots[name][self._get_variable_index(variable)].handle


def _check_fraction(**values):
    for label, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{label} must be in [0, 1), got {value!r}.")


@keras.saving.register_keras_serializable(package="keras_inception")
class RMSprop(_SlotOptimizer):
    """`tf.compat.v1.train.RMSPropOptimizer` as a Keras optimizer.

    For a gradient `g` and a variable `w`, each step does

        mean_square <- rho * mean_square + (1 - rho) * g ** 2     (starts at one)
        step        <- momentum * step + learning_rate * g / sqrt(mean_square + epsilon)
        w           <- w - step

    `keras.optimizers.RMSprop` starts `mean_square` at zero instead, and other implementations add
    epsilon outside the root. With the papers' epsilon of 1.0, both end far from these weights. The
    update is TensorFlow's own kernel: one operation per variable, equal to TensorFlow 1 to the last
    bit.

    Args:
        learning_rate: a number or a `keras.optimizers.schedules.LearningRateSchedule`.
        rho: decay of the mean square, TensorFlow 1's `decay`, in [0, 1).
        momentum: decay of the step, in [0, 1).
        epsilon: number that is added to the mean square inside the root, above 0.
        name: name of the optimizer.
        **kwargs: arguments of every Keras optimizer, for example `global_clipnorm`. It bounds the
            gradients after they are summed over the replicas.

    Raises:
        ValueError: if `rho`, `momentum` or `epsilon` is out of its range.
    """

    slots = {"rms": "ones", "momentum": "zeros"}

    def __init__(
        self,
        learning_rate: Rate = 0.045,  # 1512.00567 section 8, as are rho and epsilon
        rho: float = 0.9,
        momentum: float = 0.9,  # TF-Slim train_image_classifier.py, `rmsprop_momentum`
        epsilon: float = 1.0,
        name: str = "rmsprop",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        _check_fraction(rho=rho, momentum=momentum)
        if not epsilon > 0:
            raise ValueError(f"epsilon must be above 0, got {epsilon!r}.")
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Moves `variable` and its slots by one step."""

        def number(value):
            return tf.cast(value, variable.dtype)

        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=self._slot("rms", variable),
            mom=self._slot("momentum", variable),
            lr=number(learning_rate),
            rho=number(self.rho),
            momentum=number(self.momentum),
            epsilon=number(self.epsilon),
            grad=number(tf.convert_to_tensor(gradient)),
            use_locking=False,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this optimizer again."""
        own = {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="keras_inception")
class Momentum(_SlotOptimizer):
    """`tf.compat.v1.train.MomentumOptimizer` as a Keras optimizer: gradient descent with momentum.

        sum <- momentum * sum + g
        w   <- w - learning_rate * sum

    `keras.optimizers.SGD` sums `learning_rate * g` instead. A rate that has decayed then takes
    about `1 / (1 - momentum)` steps to have its full effect. Here it acts at once.

    Args:
        learning_rate: a number or a `keras.optimizers.schedules.LearningRateSchedule`.
        momentum: decay of the sum, in [0, 1).
        name: name of the optimizer.
        **kwargs: arguments of every Keras optimizer, as for `RMSprop`.

    Raises:
        ValueError: if `momentum` is out of its range.
    """

    slots = {"momentum": "zeros"}

    def __init__(
        self,
        learning_rate: Rate = 0.045,
        momentum: float = 0.9,
        name: str = "momentum",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        _check_fraction(momentum=momentum)
        self.momentum = momentum

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Moves `variable` and its slot by one step."""
        tf.raw_ops.ResourceApplyMomentum(
            var=variable.handle,
            accum=self._slot("momentum", variable),
            lr=tf.cast(learning_rate, variable.dtype),
            grad=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
            momentum=tf.cast(self.momentum, variable.dtype),
            use_locking=False,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this optimizer again."""
        return {**super().get_config(), "momentum": self.momentum}


@keras.saving.register_keras_serializable(package="keras_inception")
class Adam(_ClipsTheSum, keras.optimizers.Adam):
    """`keras.optimizers.Adam`, with gradients clipped after they are summed over the replicas."""


def from_recipe(recipe: Recipe, learning_rate: Rate) -> keras.optimizers.Optimizer:
    """Makes the optimizer of a recipe with the given rate, a number or a schedule."""
    common: dict[str, Any] = {"learning_rate": learning_rate, "global_clipnorm": recipe.clip_norm}
    if recipe.optimizer == "sgd":
        return Momentum(momentum=recipe.momentum, **common)
    if recipe.optimizer == "adam":
        return Adam(beta_1=recipe.momentum, beta_2=recipe.rho, epsilon=recipe.epsilon, **common)
    numbers: dict[str, Any] = {"rho": recipe.rho, "epsilon": recipe.epsilon}
    return RMSprop(momentum=recipe.momentum, **numbers, **common)
