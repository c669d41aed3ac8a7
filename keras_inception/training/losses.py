"""The training losses of the Inception papers."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable(package="keras_inception")
class SmoothedCrossentropy(keras.losses.Loss):
    """Softmax cross-entropy against integer labels with label smoothing (1512.00567 section 7).

    The target of an example is `1 - label_smoothing` at its label, plus
    `label_smoothing / classes` at every class, including the label's.

    Call it with labels `(batch,)` and softmax outputs `(batch, classes)`. In a compiled training
    step, Keras goes back to the logits from which the softmax was computed, so small probabilities
    lose no accuracy.

    Args:
        label_smoothing: the paper's epsilon, in [0, 1). The paper uses 0.1.
        reduction: how the losses of a batch are combined, as in every Keras loss.
        name: name of the loss.

    Raises:
        ValueError: if `label_smoothing` is out of its range.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "smoothed_crossentropy",
    ) -> None:
        super().__init__(reduction=reduction, name=name)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing!r}.")
        self.label_smoothing = label_smoothing

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the loss of each example, `(batch,)`."""
        classes = y_pred.shape[-1]
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        targets = ops.one_hot(labels, classes, dtype=y_pred.dtype)
        targets = targets * (1 - self.label_smoothing) + self.label_smoothing / classes
        return ops.categorical_crossentropy(targets, y_pred, from_logits=False)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this loss again."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
