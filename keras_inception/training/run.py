"""The state of a run: its network, optimizer and position, and how to restore them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_inception.data import Dataset
from keras_inception.models import registry, surgery
from keras_inception.training import batch_norm, checkpoints, optimizers, schedules
from keras_inception.training.position import Position
from keras_inception.training.recipe import Recipe
from keras_inception.training.trainer import Trainer

_LOGGER = logging.getLogger(__name__)


class Run:
    """The state of one run of a recipe, built under a strategy.

    Args:
        recipe: the recipe.
        classes: number of classes in its data.
        examples: number of training pictures.
        strategy: a `tf.distribute.Strategy`, or `None` on one device.
        workers: number of asynchronous workers, each of which updates the parameters with its own
            share of a batch, or 1 if a whole batch makes one update.

    Attributes:
        recipe, strategy, workers: as the arguments.
        coordinator: the coordinator of asynchronous workers, or `None`.
        update_size: training pictures in an update of the parameters.
        position: the `Position` of the run.
        trainer: the `Trainer`, compiled by `enter`.
    """

    def __init__(
        self,
        recipe: Recipe,
        classes: int,
        examples: int,
        strategy: tf.distribute.Strategy | None = None,
        workers: int = 1,
    ) -> None:
        self.recipe = recipe
        self.strategy = strategy
        self.workers = workers
        self.coordinator: Any = None
        if isinstance(strategy, tf.distribute.ParameterServerStrategy):
            self.coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
        self.update_size = recipe.batch_size // workers
        self._classes = classes
        self._examples = examples
        self._phase: bool | None = None
        self._made = None, None  # a data set and its batches from the first step on
        self.position = Position(schedules.steps_per_epoch(self._examples, self.update_size))
        model = self._create(recipe.precision, recipe.weights)
        surgery.freeze(model, recipe.freeze_until)  # raises now, not after the first phase
        surgery.freeze(model, None)
        if recipe.auxiliary_weight:
            model = surgery.with_auxiliary_heads(model)
        with self._scope():
            model = batch_norm.with_fused_batch_norm(model)
            self.trainer = Trainer(model.input, model.output, name=model.name)
            self.trainer.set_up(
                auxiliary_weight=recipe.auxiliary_weight,
                label_smoothing=recipe.label_smoothing,
                weight_decay=recipe.weight_decay,
                average_decay=recipe.average_decay,
                gradient_accumulation=recipe.gradient_accumulation,
            )

    def _scope(self):
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def _create(self, precision, weights=None):
        """Makes the recipe's network in plain Keras layers."""
        recipe = self.recipe
        with _dtype_policy(precision):
            model = registry.create_model(
                recipe.network,
                weights=weights,
                input_shape=(recipe.size, recipe.size, 3),
                classes=self._classes,
                **recipe.network_arguments,
            )
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = recipe.batch_norm_momentum
        return model

    @property
    def steps(self) -> int:
        """Optimizer steps in the whole run."""
        return self.recipe.epochs * self.position.steps_per_epoch

    def phases(self) -> list[tuple[bool, int]]:
        """Lists the phases as (whether only the classifiers are trained, epoch where it ends)."""
        phases = [(True, self.recipe.head_epochs), (False, self.recipe.epochs)]
        return [(is_head, end) for is_head, end in phases if end > 0]

    def enter(self, is_head: bool) -> None:
        """Freezes what a phase freezes and compiles with its optimizer, unless already in it.

        Args:
            is_head: whether it is the phase in which only the classifiers are trained.
        """
        if self._phase == is_head:
            return
        recipe = self.recipe
        with self._scope():
            if is_head:
                surgery.freeze(self.trainer, until="avg_pool")
            else:
                how: Any = recipe.frozen_batch_norm
                surgery.freeze(self.trainer, recipe.freeze_until, how)
                if recipe.freeze_until and recipe.frozen_batch_norm == "train":
                    _LOGGER.warning(
                        "batch normalization below %s is trained: its statistics will differ from "
                        "those that the frozen kernels were trained with",
                        recipe.freeze_until,
                    )
            optimizer = optimizers.from_recipe(recipe, self._rate(is_head))
            if recipe.precision == "mixed_float16":
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            # On a CPU, XLA makes a step slower, and compiling it takes longer than a small run.
            self.trainer.compile(optimizer=optimizer, jit_compile=False)
            optimizer.build(self.trainer.trainable_variables)
        self._phase = is_head

    def _rate(self, is_head):
        recipe = self.recipe
        if is_head:
            return recipe.head_learning_rate or recipe.learning_rate
        return schedules.exponential_decay(
            recipe.learning_rate,
            recipe.decay_rate,
            recipe.decay_epochs,
            self._examples,
            self.update_size,
        )

    def variables(self) -> dict[str, list[keras.Variable]]:
        """Returns all variables that change during the run, as group -> variables."""
        average = self.trainer.average
        averages = [] if average is None else average.averages
        held = {id(variable) for variable in averages}
        groups = {
            # Some versions of Keras count the averages among the model's weights, others do not.
            "network": [w for w in self.trainer.weights if id(w) not in held],
            "average": averages,
            "random": [v for v in self.trainer.variables if v.path.endswith("generator_state")],
            "optimizer": self.trainer.optimizer.variables,
        }
        if not isinstance(self.strategy, tf.distribute.MultiWorkerMirroredStrategy):
            # Each worker holds a share of the sums, but only one writes.
            groups["metrics"] = [v for m in self.trainer.metrics for v in m.variables]
        return groups

    def restore(self, step: int, groups: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Goes back to a checkpoint, except for the metrics of an epoch that it interrupts.

        Args:
            step: steps that the run had done.
            groups: group -> arrays of the checkpoint.
        """
        self.position.step = step
        self._phase = None
        head_steps = self.recipe.head_epochs * self.position.steps_per_epoch
        # After the head's last step, the next phase begins with an optimizer of its own.
        self.enter(is_head=step < head_steps or step == head_steps == self.steps)
        left_out = {"metrics", *({"optimizer"} if step == head_steps else ())}
        groups_to_set = {g: v for g, v in self.variables().items() if g not in left_out}
        checkpoints.restore(groups, groups_to_set)

    def model(self) -> keras.Model:
        """Returns the network in plain float32 layers, with the averages if there are any."""
        model = self._create("float32")
        self.trainer.swap_average()
        try:
            model.set_weights([weight.numpy() for weight in self.trainer.network.weights])
        finally:
            self.trainer.swap_average()
        return model

    def training_batches(
        self, dataset: Dataset
    ) -> tf.data.Dataset | tf.distribute.DistributedDataset:
        """Makes the batches from the present step on, distributed by the strategy."""
        step = self.position.step
        if self.strategy is None:
            return self._first_batches(dataset) if step == 0 else self._batches(dataset, step)
        return self.strategy.distribute_datasets_from_function(
            lambda context: self._batches(dataset, step, context)
        )

    def _first_batches(self, dataset):
        """Makes the batches of one process from the first step on, once: it takes seconds."""
        made_of, batches = self._made
        if made_of is not dataset:
            batches = self._batches(dataset, 0)
            self._made = dataset, batches
        return batches

    def _batches(self, dataset, step, context=None):
        recipe, replicas = self.recipe, 1
        if context is not None:
            replicas = context.num_replicas_in_sync // context.num_input_pipelines
        return dataset.training_batches(
            recipe.size,
            recipe.batch_size,
            seed=recipe.seed,
            color=recipe.color,
            min_area=recipe.min_area,
            input_context=context,
            start=step * replicas,
        )

    def first_images(self, dataset: Dataset) -> tf.Tensor:
        """Returns the first batch of training images, as one process would see it."""
        return next(iter(self._first_batches(dataset)))[0]

    def validation_batches(self, dataset: Dataset) -> tf.data.Dataset:
        """Makes batches of images (batch, size, size, 3) and labels, with each picture once."""
        batches = dataset.evaluation_batches(self.recipe.size, self.recipe.batch_size)
        batches = batches.map(lambda crops, labels: (crops[:, 0], labels))
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = (
            tf.data.experimental.AutoShardPolicy.DATA
        )
        return batches.with_options(options)


@contextlib.contextmanager
def _dtype_policy(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
