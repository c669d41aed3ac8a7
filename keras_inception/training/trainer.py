"""The Keras model that is trained: its losses, training step and validation step.

The step is the same on every kind of device. Keras's `fit` runs it as `Trainer.train_step`, the
asynchronous coordinator as `Trainer.optimize`.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_inception.training.averaging import ExponentialMovingAverage
from keras_inception.training.losses import SmoothedCrossentropy

MAIN = "predictions"  # name of the output that is validated


class Trainer(keras.Model):
    """A network with its auxiliary classifiers, trained as the papers' networks were.

    Make it from the inputs and outputs of a functional model, like any `keras.Model`. Then call
    `set_up`, and `compile` with nothing but an optimizer. Do all of this within the scope of the
    strategy that it runs under.

    Attributes:
        average: the `ExponentialMovingAverage`, or `None` without one.
    """

    def set_up(
        self,
        *,
        auxiliary_weight: float = 0.0,
        label_smoothing: float = 0.0,
        weight_decay: float = 0.0,
        average_decay: float | None = None,
        gradient_accumulation: int = 1,
    ) -> None:
        """Sets the given values of the recipe, by name."""
        main = self.output[MAIN] if isinstance(self.output, dict) else self.output
        network = keras.Model(self.input, main)
        # Keras would count the variables of a model in an attribute a second time.
        self._network = lambda: network
        self._crossentropy = SmoothedCrossentropy(label_smoothing)
        self._auxiliary_weight = auxiliary_weight
        self._weight_decay = weight_decay
        self._parts = gradient_accumulation
        names = ["top1_accuracy", "top5_accuracy", "gradient_norm"]
        self._means = {name: keras.metrics.Mean(name=name) for name in names}
        self.average = None
        if average_decay is not None:
            self.average = ExponentialMovingAverage(average_decay)
            self.average.start(self.averaged)

    @property
    def network(self) -> keras.Model:
        """The network without auxiliary classifiers. It shares the layers."""
        return self._network()

    @property
    def averaged(self) -> list[keras.Variable]:
        """The variables that the average follows: parameters and batch-norm statistics."""
        return self.network.weights

    def swap_average(self) -> None:
        """Exchanges the network's weights with their averages, if there are any."""
        if self.average is not None:
            self.average.swap(self.averaged)

    def compute_loss(
        self,
        x: tf.Tensor | None = None,
        y: tf.Tensor | None = None,
        y_pred: tf.Tensor | dict[str, tf.Tensor] | None = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = True,
    ) -> tf.Tensor:
        """Returns the mean loss of a replica's batch, divided by the number of replicas.

        In training, it includes the auxiliary losses and TF-Slim's weight decay
        (`inception_utils.py`: kernels of convolutions and dense layers, no biases, no depthwise
        kernels). The decay is part of the loss, so it passes through clipping and RMSProp as it did
        there. Regularizers on the layers would do the same, but they would stay in the saved model.
        """
        outputs = y_pred if isinstance(y_pred, dict) else {MAIN: y_pred}
        loss = self._crossentropy(y, outputs[MAIN])
        if not training:
            return loss
        for name, output in outputs.items():
            if name != MAIN:
                loss += self._auxiliary_weight * self._crossentropy(y, output)
        if self._weight_decay:
            norms = tf.add_n([tf.nn.l2_loss(kernel) for kernel in self._decayed_kernels()])
            loss += self._weight_decay * norms / _replicas()
        return loss

    def _decayed_kernels(self):
        kernels = []
        for layer in self.layers:
            if not layer.trainable:
                continue
            if isinstance(layer, keras.layers.SeparableConv2D):  # not a subclass of Conv2D
                kernels.append(layer.pointwise_kernel.value)
            elif isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
                kernels.append(layer.kernel.value)
        return kernels

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Runs `optimize` as the step of `fit`, and returns the means since the epoch began."""
        images, labels = data
        return self._recorded(self.optimize(images, labels), labels)

    def optimize(self, images: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Takes one optimizer step on a replica's share of a batch.

        Args:
            images: float32 (batch, size, size, 3) in [-1, 1]. `batch` must be a multiple of
                `gradient_accumulation`.
            labels: int64 (batch,).

        Returns:
            Scalars for this share: `loss`, `top1_accuracy`, `top5_accuracy`, and `gradient_norm`
            (before clipping and before the replicas' gradients are summed).
        """
        gradients: Any = None
        values = []
        for part in range(self._parts):
            # To save memory, a part waits for the gradients of the part before it.
            with tf.control_dependencies(gradients or []):
                x = tf.split(tf.identity(images), self._parts)[part]
            more, of_part = self._gradients(x, tf.split(labels, self._parts)[part])
            gradients = more if part == 0 else [a + b for a, b in zip(gradients, more, strict=True)]
            values.append(of_part)
        if self._parts > 1:
            gradients = [gradient / self._parts for gradient in gradients]
        norm = tf.linalg.global_norm(gradients)
        scale = getattr(self.optimizer, "dynamic_scale", None)  # if a LossScaleOptimizer
        if scale is not None:
            norm /= scale.value
            gradients = _finite_everywhere_or_nowhere(gradients)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self._share_statistics()
        if self.average is not None:
            self.average.update(self.averaged, self.optimizer.iterations.value)
        means = {name: tf.add_n([v[name] for v in values]) / self._parts for name in values[0]}
        return {**means, "gradient_norm": norm * _replicas()}

    def _gradients(self, images, labels):
        with tf.GradientTape() as tape:
            outputs = self(images, training=True)
            loss = self.compute_loss(images, labels, outputs)
            scaled = self.optimizer.scale_loss(loss)
        values = _figures(loss, labels, outputs[MAIN] if isinstance(outputs, dict) else outputs)
        return tape.gradient(scaled, [v.value for v in self.trainable_variables]), values

    def test_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns the means of the network's loss and accuracies since the validation began."""
        images, labels = data
        return self._recorded(self.figures(labels, self.network(images, training=False)), labels)

    def figures(self, labels: tf.Tensor, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Computes `loss`, `top1_accuracy` and `top5_accuracy` of outputs (batch, classes)."""
        return _figures(self.compute_loss(None, labels, outputs, training=False), labels, outputs)

    def _recorded(self, figures, labels):
        metrics = {"loss": self._loss_tracker, **self._means}
        results = {}
        for name, value in figures.items():
            count = tf.shape(labels)[0]
            if name == "gradient_norm":  # a step that loss scaling skips has none
                count = tf.where(tf.math.is_finite(value), count, 0)
                value = tf.where(tf.math.is_finite(value), value, 0.0)
            metrics[name].update_state(value, sample_weight=count)
            results[name] = metrics[name].result()
        if _is_multi_worker(self.distribute_strategy):
            # Keras averages these over an axis that it expects to exist (keras issue 20585).
            return {name: tf.reshape(value, [1]) for name, value in results.items()}
        return results

    def _get_metrics_result_or_logs(self, logs):
        return logs  # those of the step: `test_step` has fewer than there are metrics

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Does nothing: all is built. Keras's own fails with several workers (issue 20585)."""

    def _share_statistics(self):
        """Replaces the replicas' moving statistics of batch normalization by their mean.

        Each replica has updated its own from its own batch.
        """
        moving = [
            variable
            for layer in self.layers
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
            for variable in (layer.moving_mean.value, layer.moving_variance.value)
        ]
        if _replicas() > 1 and moving:
            values = [tf.identity(variable) for variable in moving]
            context = tf.distribute.get_replica_context()
            means = context.all_reduce(tf.distribute.ReduceOp.MEAN, values)
            for variable, mean in zip(moving, means, strict=True):
                variable.assign(mean)


def _figures(loss, labels, outputs):
    """Computes loss and accuracies of a share of a batch. They are zero if it is empty."""
    outputs = tf.cast(outputs, "float32")
    hits = {
        "top1_accuracy": keras.metrics.sparse_categorical_accuracy(labels, outputs),
        "top5_accuracy": keras.metrics.sparse_top_k_categorical_accuracy(
            labels, outputs, min(5, outputs.shape[-1])
        ),
    }
    count = tf.cast(tf.shape(labels)[0], "float32")
    # Keras's mean over no examples is NaN or an empty tensor.
    loss = tf.where(count > 0, tf.reduce_sum(loss) * _replicas(), 0.0)
    means = {name: tf.math.divide_no_nan(tf.reduce_sum(hit), count) for name, hit in hits.items()}
    return {"loss": loss, **means}


def _replicas():
    return tf.distribute.get_strategy().num_replicas_in_sync


def _is_multi_worker(strategy):
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def _finite_everywhere_or_nowhere(gradients):
    """Returns the gradients, or NaN on every replica if any replica has an overflow.

    Loss scaling in half precision skips such a step, and all replicas must skip it together.
    """
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients])
    context = tf.distribute.get_replica_context()
    count = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(finite, tf.float32))
    factor = tf.where(count > _replicas() - 0.5, 1.0, float("nan"))
    return [gradient * tf.cast(factor, gradient.dtype) for gradient in gradients]
