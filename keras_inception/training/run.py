"""A run under way: its network and optimizer, where it is, and what brings it back there."""

import contextlib
import logging

import keras
import tensorflow as tf

from keras_inception.data import pipeline
from keras_inception.models import registry, surgery
from keras_inception.training import batch_norm, checkpoints, optimizers, schedules
from keras_inception.training.callbacks import Position
from keras_inception.training.trainer import Trainer

_LOGGER = logging.getLogger(__name__)


class Run:
    """The state of one run of a recipe, built under a strategy.

    Args:
        recipe: a `Recipe`.
        classes: number of classes of its data set.
        examples: number of its training examples.
        strategy: a `tf.distribute.Strategy`, or `None`.
        workers: asynchronous workers, each of which updates the parameters with its own share of a
            batch; 1 where a batch makes one update.
    """

    def __init__(self, recipe, classes, examples, strategy=None, workers=1):
        self.recipe = recipe
        self.strategy = strategy
        self.coordinator = None
        if isinstance(strategy, tf.distribute.ParameterServerStrategy):
            self.coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
        self.update_size = recipe.batch_size // workers
        self._classes = classes
        self._examples = examples
        self._phase = None
        self.position = Position(schedules.steps_per_epoch(self._examples, self.update_size))
        model = self._create(recipe.precision, recipe.weights)
        surgery.freeze(model, recipe.freeze_until)  # an error comes now, not after the first phase
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
        """The recipe's network in plain Keras layers."""
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
    def steps(self):
        """Optimizer steps of the whole run."""
        return self.recipe.epochs * self.position.steps_per_epoch

    def phases(self):
        """(whether only the classifiers are trained, epoch where it ends) of each phase."""
        phases = [(True, self.recipe.head_epochs), (False, self.recipe.epochs)]
        return [(is_head, end) for is_head, end in phases if end > 0]

    def enter(self, is_head):
        """Freezes what a phase freezes and compiles with its optimizer, once a phase."""
        if self._phase == is_head:
            return
        recipe = self.recipe
        with self._scope():
            if is_head:
                surgery.freeze(self.trainer, until="avg_pool")
            else:
                surgery.freeze(self.trainer, recipe.freeze_until, recipe.frozen_batch_norm)
                if recipe.freeze_until and recipe.frozen_batch_norm == "train":
                    _LOGGER.warning(
                        "batch normalization below %s is trained: its statistics leave those that "
                        "the frozen kernels were trained with",
                        recipe.freeze_until,
                    )
            optimizer = optimizers.from_recipe(recipe, self._rate(is_head))
            if recipe.precision == "mixed_float16":
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            # XLA makes a step slower on a CPU, and compiling it takes longer than a small run.
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

    def variables(self):
        """Group -> variables, of all that changes as the run goes."""
        average = self.trainer.average
        averages = [] if average is None else average.averages
        held = {id(variable) for variable in averages}
        groups = {
            # Keras counts the averages among the model's weights, or does not, by its version.
            "network": [w for w in self.trainer.weights if id(w) not in held],
            "average": averages,
            "random": [v for v in self.trainer.variables if v.path.endswith("generator_state")],
            "optimizer": self.trainer.optimizer.variables,
        }
        if not isinstance(self.strategy, tf.distribute.MultiWorkerMirroredStrategy):
            # Several workers each hold a share of the sums, and only one writes.
            groups["metrics"] = [v for m in self.trainer.metrics for v in m.variables]
        return groups

    def restore(self, step, groups):
        """Goes to where a checkpoint was written, but for the metrics of an epoch begun."""
        self.position.step = step
        self._phase = None
        head_steps = self.recipe.head_epochs * self.position.steps_per_epoch
        # The head's optimizer ends with its phase.
        self.enter(is_head=step < head_steps or step == head_steps == self.steps)
        left = {"metrics", *({"optimizer"} if step == head_steps else ())}
        wanted = {g: members for g, members in self.variables().items() if g not in left}
        checkpoints.restore(groups, wanted)

    def model(self):
        """The network in plain float32 layers, with the averages where there are any."""
        model = self._create("float32")
        self.trainer.swap_average()
        try:
            model.set_weights([weight.numpy() for weight in self.trainer.network.weights])
        finally:
            self.trainer.swap_average()
        return model

    def training_batches(self, data_dir):
        """The batches from the present step on, as the strategy wants them."""
        step = self.position.step
        if self.strategy is None:
            return self._batches(data_dir, step, None)
        return self.strategy.distribute_datasets_from_function(
            lambda context: self._batches(data_dir, step, context)
        )

    def _batches(self, data_dir, step, context):
        recipe, replicas = self.recipe, 1
        if context is not None:
            replicas = context.num_replicas_in_sync // context.num_input_pipelines
        return pipeline.training_batches(
            recipe.dataset,
            recipe.size,
            recipe.batch_size,
            seed=recipe.seed,
            split=recipe.train_split,
            color=recipe.color,
            min_area=recipe.min_area,
            data_dir=data_dir,
            input_context=context,
            start=step * replicas,
        )

    def first_images(self, data_dir):
        """The first batch of training images as one process sees it."""
        return next(iter(self._batches(data_dir, 0, None)))[0]

    def validation_batches(self, data_dir):
        """Images (batch, size, size, 3) and labels of the validation split, each once."""
        recipe = self.recipe
        batches = pipeline.evaluation_batches(
            recipe.dataset,
            recipe.size,
            recipe.batch_size,
            split=recipe.validation_split,
            data_dir=data_dir,
        ).map(lambda crops, labels: (crops[:, 0], labels))
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
