"""What happens between the steps of a run: logs, progress, averages, checkpoints, stops."""

import csv
import io
import math
import signal
import sys
import threading
import time

import keras
import numpy as np
import tensorflow as tf
import tqdm

from keras_inception.files import replacing


def number(value):
    """A logged value as a Python number; with several workers it comes as an array of one."""
    return float(np.ravel(value)[0])


class EvaluatesTheAverage(keras.callbacks.Callback):
    """Puts the moving average in the network's place for as long as a validation lasts."""

    def on_test_begin(self, logs=None):
        self.model.swap_average()

    def on_test_end(self, logs=None):
        self.model.swap_average()


class RestoresMetrics(keras.callbacks.Callback):
    """Puts back the means of an epoch that goes on in its middle, once, after Keras resets them.

    Args:
        values: arrays of the metrics' variables; `None` for an epoch that begins, or where no
            single process has them.
    """

    def __init__(self, values):
        super().__init__()
        self._values = values

    def on_epoch_begin(self, epoch, logs=None):
        if self._values is not None:
            variables = [v for metric in self.model.metrics for v in metric.variables]
            for variable, value in zip(variables, self._values, strict=True):
                variable.assign(value)
        self._values = None


class StopsWhenNotFinite(keras.callbacks.Callback):
    """Ends a run whose loss has become NaN or infinite, naming the step (counted from 1)."""

    def __init__(self, position, checkpoints):
        super().__init__()
        self._position = position
        self._checkpoints = checkpoints

    def on_train_batch_end(self, batch, logs=None):
        loss = number(logs["loss"])
        if math.isfinite(loss):  # the mean since the epoch began: one NaN is enough
            return
        steps = self._checkpoints.steps()
        kept = (
            f"the last good checkpoint is that of step {steps[-1]}"
            if steps
            else ("there is no checkpoint yet")
        )
        raise FloatingPointError(
            f"The loss is {loss} at step {self._position.step} (epoch {self._position.epoch + 1}, "
            f"batch {self._position.batch}); {kept}. A lower learning_rate or clip_norm may help."
        )


class Position(keras.callbacks.Callback):
    """Counts: `step` of the whole run, `epoch` from 0, `batch` in it. The first of the callbacks.

    `is_settled` is whether the variables are those of `step`: asynchronous steps are reported one
    by one once many are applied.

    Args:
        steps_per_epoch: how many.
        step: steps that an earlier run has done.
    """

    def __init__(self, steps_per_epoch, step=0):
        super().__init__()
        self.steps_per_epoch = steps_per_epoch
        self.step = step
        self.is_settled = True

    @property
    def epoch(self):
        """The epoch of the last step, or before the first one the epoch that begins."""
        return max(self.step - 1, 0) // self.steps_per_epoch

    @property
    def ends_an_epoch(self):
        """Whether the last step was an epoch's last, whose validation is still to come or over."""
        return self.step % self.steps_per_epoch == 0

    @property
    def batch(self):
        """The number of the last step in its epoch, from 1."""
        return (self.step - 1) % self.steps_per_epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1


class History(keras.callbacks.Callback):
    """Keeps a row an epoch, with the rate of its first step; rewrites the CSV file with each.

    Args:
        path: of the file; `None` writes none.
        position: the run's `Position`.
        rows: of an earlier run.
    """

    def __init__(self, path, position, rows=()):
        super().__init__()
        self._path = path
        self._position = position
        self.rows = list(rows)

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.perf_counter()
        # In an epoch that was begun before, the optimizer is further than at its first step.
        self._rate = _rate(
            self.model.optimizer, self._position.step % self._position.steps_per_epoch
        )

    def on_epoch_end(self, epoch, logs=None):
        seconds = round(time.perf_counter() - self._started, 3)
        row = {"epoch": epoch + 1, "seconds": seconds, "learning_rate": self._rate}
        row.update((name, number(value)) for name, value in logs.items())
        self.rows.append(row)
        if self._path is None:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        with replacing(self._path) as file:
            file.write_text(text.getvalue(), encoding="utf-8")

    def columns(self):
        """The rows as a dict of columns."""
        return {name: [row[name] for row in self.rows] for name in self.rows[0]}


def _rate(optimizer, steps_ago):
    """The learning rate that an optimizer had so many steps ago."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of one that scales the loss
    rate = inner._learning_rate  # the schedule itself has no public name
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        rate = rate(inner.iterations - steps_ago)
    return float(keras.ops.convert_to_numpy(rate))


class Progress(keras.callbacks.Callback):
    """Moves one bar for the whole run: images per second, time left, loss and accuracy."""

    def __init__(self, recipe, position, images_per_step, show):
        super().__init__()
        self._epochs = recipe.epochs
        self._images = images_per_step
        self._bar = tqdm.tqdm(
            total=recipe.epochs * position.steps_per_epoch * images_per_step,
            initial=position.step * images_per_step,
            unit=" images",
            disable=not show,
            # A log file gets a line now and then instead of a bar that moves.
            mininterval=0.2 if sys.stderr.isatty() else 10,
        )

    def close(self):
        """Ends the bar's line."""
        self._bar.close()

    def on_epoch_begin(self, epoch, logs=None):
        self._bar.set_description(f"epoch {epoch + 1}/{self._epochs}", refresh=False)

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update(self._images)

    def on_epoch_end(self, epoch, logs=None):
        loss, accuracy = number(logs["loss"]), number(logs["val_top1_accuracy"])
        self._bar.set_postfix_str(f"loss {loss:.3f}, validation top-1 {accuracy:.1%}")


class Saves(keras.callbacks.Callback):
    """Checkpoints: after each epoch, in between every so many seconds, and when asked to stop.

    Args:
        save: function that writes one.
        position: the run's `Position`.
        seconds: how long after the last one, on the clock, the next is written within an epoch.
    """

    def __init__(self, save, position, seconds):
        super().__init__()
        self._save = save
        self._position = position
        self._seconds = seconds

    def on_train_begin(self, logs=None):
        self._last = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        due = time.monotonic() - self._last >= self._seconds and self._position.is_settled
        if due and not self._position.ends_an_epoch:  # else it comes after the validation
            self._write()

    def on_epoch_end(self, epoch, logs=None):
        self._write()

    def _write(self):
        self._save()
        self._last = time.monotonic()


class StopRequested(Exception):
    """The process was asked to end (`SIGTERM`) and has saved what it had."""


class StopsOnSignal(keras.callbacks.Callback):
    """On `SIGTERM`, as schedulers send it, ends after the step at work with a checkpoint.

    A context manager, since it stands in for the process's handler as long as a run lasts. Outside
    of the main thread, where Python lets nobody handle signals, it does nothing.

    Args:
        save: function that writes a checkpoint.
        position: the run's `Position`.
    """

    def __init__(self, save, position):
        super().__init__()
        self._save = save
        self._position = position
        self._asked = False

    def __enter__(self):
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before = signal.signal(signal.SIGTERM, self._ask)
        return self

    def __exit__(self, *_):
        if self._main:
            signal.signal(signal.SIGTERM, self._before)

    def _ask(self, number, frame):
        self._asked = True

    def on_train_batch_end(self, batch, logs=None):
        if self._asked and self._position.is_settled and not self._position.ends_an_epoch:
            self._save()
            raise StopRequested

    def on_epoch_end(self, epoch, logs=None):
        if self._asked:
            raise StopRequested  # `Saves` has written


class TensorBoard(keras.callbacks.Callback):
    """Losses, rate and norms for TensorBoard, a point an epoch, and a grid of training images.

    Args:
        folder: where the event files go, in `train` and `validation`.
        position: the run's `Position`.
        images: float32 (count, size, size, 3) in [-1, 1], of the training view; `None` writes no
            grid.
    """

    def __init__(self, folder, position, images):
        super().__init__()
        self._position = position
        self._writers = {
            name: tf.summary.create_file_writer(str(folder / name))
            for name in ("train", "validation")
        }
        if images is not None:
            with self._writers["train"].as_default(step=0):
                tf.summary.image("training view", _grid(images))

    def on_epoch_end(self, epoch, logs=None):
        values = {name: number(value) for name, value in logs.items()}
        values["learning_rate"] = float(self.model.optimizer.learning_rate.numpy())
        kernels = [layer.kernel for layer in self.model.layers if hasattr(layer, "kernel")]
        squares = [np.square(kernel.numpy(), dtype="float64").sum() for kernel in kernels]
        values["kernel_norm"] = float(np.sqrt(np.sum(squares)))
        for name, value in values.items():
            split = "validation" if name.startswith("val_") else "train"
            with self._writers[split].as_default(step=self._position.step):
                tf.summary.scalar(name.removeprefix("val_"), value)
        for writer in self._writers.values():
            writer.flush()


def _grid(images, columns=4):
    """Images side by side in rows of four, as one of (1, height, width, 3) in [0, 1]."""
    images = np.asarray(images)[: columns * (len(images) // columns) or 1][:16]
    columns = min(columns, len(images))
    rows = [np.concatenate(images[i : i + columns], axis=1) for i in range(0, len(images), columns)]
    return (np.concatenate(rows)[np.newaxis] + 1.0) / 2.0
