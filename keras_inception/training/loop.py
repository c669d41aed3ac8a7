"""The trainer: a recipe in, a trained network and its records out."""

import csv
import dataclasses
import io
import math
import os
import pathlib
import sys
import time

import keras
import tensorflow as tf
import tqdm

from keras_inception.data import pipeline
from keras_inception.models import registry
from keras_inception.training import losses, optimizers, schedules


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """What `train` returns.

    Attributes:
        model: the trained network, not compiled, without the trainer's loss and optimizer.
        history: the columns of `history.csv`, name -> list with one value an epoch.
        seconds: wall time of the epochs, validation included.
    """

    model: keras.Model
    history: dict
    seconds: float


def train(recipe, workdir, data_dir=None, progress=True):
    """Trains the recipe's network on its data set, validating after each epoch.

    Writes `recipe.json` at the start, `history.csv` after each epoch (learning rate, loss and
    accuracies, fractions in [0, 1]) and the network as `model.keras` at the end. The training loss
    includes the weight decay, the validation loss does not. Seeds Keras's and numpy's global
    random state with the recipe's seed.

    Args:
        recipe: a `Recipe`.
        workdir: folder for the results, made where it is missing.
        data_dir: where tensorflow-datasets keeps its data; `None` is its own default.
        progress: whether to show a progress bar on standard error.

    Returns:
        A `TrainingResult`.

    Raises:
        ValueError: where the network or data set does not exist, or does not fit the recipe.
        FloatingPointError: where the loss is no longer finite, naming the step.
    """
    workdir = pathlib.Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    info = pipeline.dataset_info(recipe.dataset, data_dir)
    # After a data set that may just have been built, which draws random numbers too.
    keras.utils.set_random_seed(recipe.seed)
    model = registry.create_model(
        recipe.network,
        weights=None,
        input_shape=(recipe.size, recipe.size, 3),
        classes=len(info.class_names),
        **recipe.network_arguments,
    )
    _set_batch_norm_momentum(model, recipe.batch_norm_momentum)
    for stale in ("history.csv", "model.keras"):  # of another run, which recipe.json is no more
        (workdir / stale).unlink(missing_ok=True)
    _write(workdir / "recipe.json", recipe.to_json())

    started = time.perf_counter()
    history = _fit(model, recipe, info, data_dir, workdir / "history.csv", progress)
    seconds = time.perf_counter() - started
    _save(model, workdir / "model.keras")
    return TrainingResult(model, history, seconds)


def _fit(model, recipe, info, data_dir, history_path, progress):
    """Runs the recipe's epochs on `model`, whose weights change in place; returns the history."""
    steps = schedules.steps_per_epoch(info.examples["train"], recipe.batch_size)
    trainer = _compiled(model, recipe, info.examples["train"])
    training = pipeline.training_batches(
        recipe.dataset,
        recipe.size,
        recipe.batch_size,
        seed=recipe.seed,
        color=recipe.color,
        min_area=recipe.min_area,
        data_dir=data_dir,
    )
    validation = pipeline.evaluation_batches(
        recipe.dataset, recipe.size, recipe.batch_size, split="validation", data_dir=data_dir
    ).map(lambda crops, labels: (crops[:, 0], labels))
    log = _HistoryLog(history_path)
    with tqdm.tqdm(
        total=recipe.epochs * steps * recipe.batch_size,
        unit=" images",
        disable=not progress,
        # A log file gets a line now and then instead of a bar that moves.
        mininterval=0.2 if sys.stderr.isatty() else 10,
    ) as bar:
        trainer.fit(
            training,
            epochs=recipe.epochs,
            steps_per_epoch=steps,
            validation_data=validation,
            callbacks=[_StopWhenNotFinite(steps), log, _ProgressBar(bar, recipe)],
            shuffle=False,  # the stream is shuffled already
            verbose=0,
        )
    return log.columns()


def _compiled(model, recipe, examples):
    """A compiled `_Trainer` that shares the layers of `model`, which stays plain."""
    trainer = _Trainer(model.input, model.output, name=model.name)
    trainer.decay_kernels(recipe.weight_decay)
    classes = model.output.shape[-1]
    trainer.compile(
        optimizer=optimizers.RMSprop(
            schedules.exponential_decay(
                recipe.learning_rate,
                recipe.decay_rate,
                recipe.decay_epochs,
                examples,
                recipe.batch_size,
            ),
            rho=recipe.rho,
            momentum=recipe.momentum,
            epsilon=recipe.epsilon,
            global_clipnorm=recipe.clip_norm,
        ),
        loss=losses.SmoothedCrossentropy(recipe.label_smoothing),
        metrics=[
            keras.metrics.SparseCategoricalAccuracy(name="top1_accuracy"),
            keras.metrics.SparseTopKCategoricalAccuracy(min(5, classes), name="top5_accuracy"),
        ],
        # XLA makes a step slower on a CPU, and compiling it takes longer than a small run.
        jit_compile=False,
    )
    return trainer


class _Trainer(keras.Model):
    """A functional model whose training loss has TF-Slim's weight decay in it.

    The decay is part of the loss, so it passes through clipping and RMSProp as it did there
    (`inception_utils.py`: kernels of convolutions and dense layers, no biases, no depthwise
    kernels). Regularizers on the layers would do the same but stay in the saved model.
    """

    def decay_kernels(self, weight_decay):
        """Adds `weight_decay * sum(kernel ** 2) / 2` of each kernel to the training loss."""
        self._weight_decay = weight_decay

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The loss that `fit` minimises, and outside training the one without decay."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not training or not self._weight_decay:
            return loss
        kernels = [
            layer.kernel
            for layer in self.layers
            if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense) and layer.trainable
        ]
        return loss + self._weight_decay * tf.add_n([tf.nn.l2_loss(kernel) for kernel in kernels])


class _StopWhenNotFinite(keras.callbacks.Callback):
    """Ends a run whose loss has become NaN or infinite, naming the step (counted from 1)."""

    def __init__(self, steps_per_epoch):
        super().__init__()
        self._steps_per_epoch = steps_per_epoch
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):  # the mean since the epoch began: one NaN is enough
            step = self._epoch * self._steps_per_epoch + batch + 1
            raise FloatingPointError(
                f"The loss is {logs['loss']} at step {step} (epoch {self._epoch + 1}, batch "
                f"{batch + 1}); nothing was saved. A lower learning_rate or clip_norm may help."
            )


class _HistoryLog(keras.callbacks.Callback):
    """Keeps a row an epoch, with the rate of its first step; rewrites the CSV file with each."""

    def __init__(self, path):
        super().__init__()
        self._path = path
        self._rows = []

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.perf_counter()
        self._rate = float(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch, logs=None):
        seconds = round(time.perf_counter() - self._started, 3)
        row = {"epoch": epoch + 1, "seconds": seconds, "learning_rate": self._rate}
        row.update((name, float(value)) for name, value in logs.items())
        self._rows.append(row)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows)
        _write(self._path, text.getvalue())

    def columns(self):
        """The rows as a dict of columns."""
        return {name: [row[name] for row in self._rows] for name in self._rows[0]}


class _ProgressBar(keras.callbacks.Callback):
    """Moves one bar for the whole run: images per second, time left, loss and accuracy."""

    def __init__(self, bar, recipe):
        super().__init__()
        self._bar = bar
        self._recipe = recipe

    def on_epoch_begin(self, epoch, logs=None):
        self._bar.set_description(f"epoch {epoch + 1}/{self._recipe.epochs}", refresh=False)

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update(self._recipe.batch_size)

    def on_epoch_end(self, epoch, logs=None):
        self._bar.set_postfix_str(
            f"loss {logs['loss']:.3f}, validation top-1 {logs['val_top1_accuracy']:.1%}"
        )


def _set_batch_norm_momentum(model, momentum):
    """Sets how slowly the moving statistics of every batch normalization follow the batches."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum


def _write(path, text):
    """Writes a text file by way of a temporary one, so that no reader sees half of it."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def _save(model, path):
    """Saves a Keras model by way of a temporary file, which must end in `.keras` too."""
    temporary = path.with_name(f"{path.stem}.tmp.keras")
    model.save(temporary)
    os.replace(temporary, path)
