"""The training losses of the Inception papers."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_inception")
class SmoothedCrossentropy(keras.losses.Loss):
    """Softmax cross-entropy against integer labels with label smoothing (1512.00567 section 7).

    The target of an example is `1 - label_smoothing` at its label, plus
    `label_smoothing / classes` at every class, the label included.

    Args:
        label_smoothing: the paper's epsilon, in [0, 1); its value there is 0.1.
        reduction: as in every Keras loss.
        name: name of the loss.

    Call it with labels `(batch,)` and softmax outputs `(batch, classes)`. In a compiled training
    step Keras goes back to the logits that the softmax was made of, so that small probabilities
    lose nothing.

    Raises:
        ValueError: where `label_smoothing` is out of its range.
    """

    def __init__(
        self,
        label_smoothing=0.0,
        reduction="sum_over_batch_size",
        name="smoothed_crossentropy",
    ):
        super().__init__(reduction=reduction, name=name)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing!r}.")
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        """The loss of each example, `(batch,)`."""
        classes = y_pred.shape[-1]
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        targets = ops.one_hot(labels, classes, dtype=y_pred.dtype)
        targets = targets * (1 - self.label_smoothing) + self.label_smoothing / classes
        return ops.categorical_crossentropy(targets, y_pred, from_logits=False)

    def get_config(self):
        """The arguments that make this loss again."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
