"""Callbacks between the steps of a run: logs, progress, averages, checkpoints, stops."""

from __future__ import annotations

import csv
import io
import math
import pathlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf
import tqdm

from keras_inception.files import replacing
from keras_inception.training.checkpoints import Checkpoints
from keras_inception.training.position import Position

Logs: TypeAlias = Any  # dict of name to number; Keras declares that it may be None


def number(value: Any) -> float:
    """Converts a logged value to a Python number. Several workers log arrays with one element."""
    return float(np.ravel(value)[0])


class EvaluatesTheAverage(keras.callbacks.Callback):
    """Swaps the moving average into the network while a validation lasts."""

    def on_test_begin(self, logs: Logs = None) -> None:
        self.model.swap_average()

    def on_test_end(self, logs: Logs = None) -> None:
        self.model.swap_average()


class RestoresMetrics(keras.callbacks.Callback):
    """Restores an epoch's running means, once, if a run goes on in the middle of the epoch.

    Args:
        values: arrays for the metrics' variables, or `None` if there is nothing to restore: the
            epoch begins, or no single process has the values.
    """

    def __init__(self, values: Sequence[np.ndarray] | None) -> None:
        super().__init__()
        self._values = values

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self._values is not None:
            variables = [v for metric in self.model.metrics for v in metric.variables]
            for variable, value in zip(variables, self._values, strict=True):
                variable.assign(value)
        self._values = None


class StopsWhenNotFinite(keras.callbacks.Callback):
    """Ends a run whose loss is NaN or infinite with an error that names the step, from 1."""

    def __init__(self, position: Position, checkpoints: Checkpoints) -> None:
        super().__init__()
        self._position = position
        self._checkpoints = checkpoints

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = number(logs["loss"])
        if math.isfinite(loss):  # the mean since the epoch began: one NaN is enough
            return
        steps = self._checkpoints.steps()
        kept = "there is no checkpoint yet"
        if steps:
            kept = f"the last good checkpoint is from step {steps[-1]}"
        raise FloatingPointError(
            f"The loss is {loss} at step {self._position.step} (epoch {self._position.epoch + 1}, "
            f"batch {self._position.batch}); {kept}. A lower learning_rate or clip_norm may help."
        )


class History(keras.callbacks.Callback):
    """Keeps a row of figures for each epoch, and rewrites the CSV file after each.

    The learning rate in a row is that of the epoch's first step.

    Args:
        path: the CSV file, or `None` to write none.
        position: the run's `Position`.
        rows: rows of an earlier call.
    """

    def __init__(
        self, path: pathlib.Path | None, position: Position, rows: Iterable[dict[str, Any]] = ()
    ) -> None:
        super().__init__()
        self._path = path
        self._position = position
        self.rows = list(rows)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._started = time.perf_counter()
        # If the epoch was begun by an earlier call, the optimizer is past the epoch's first step.
        self._rate = _rate(
            self.model.optimizer, self._position.step % self._position.steps_per_epoch
        )

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
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

    def columns(self) -> dict[str, list[float]]:
        """Returns the rows as a dict of columns."""
        return {name: [row[name] for row in self.rows] for name in self.rows[0]}


def _rate(optimizer, steps_ago):
    """Returns the learning rate that an optimizer had `steps_ago` steps ago."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # if it scales the loss
    rate = inner._learning_rate  # there is no public name for the schedule itself
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        rate = rate(inner.iterations - steps_ago)
    return float(keras.ops.convert_to_numpy(rate))


class Progress(keras.callbacks.Callback):
    """Shows one bar for the whole run: images per second, time left, loss and accuracy.

    Args:
        epochs: epochs in the whole run.
        position: the run's `Position`.
        images_per_step: training images in a step.
        show: whether to show the bar at all.
    """

    def __init__(self, epochs: int, position: Position, images_per_step: int, show: bool) -> None:
        super().__init__()
        self._epochs = epochs
        self._images = images_per_step
        self._bar = tqdm.tqdm(
            total=epochs * position.steps_per_epoch * images_per_step,
            initial=position.step * images_per_step,
            unit=" images",
            disable=not show,
            # In a log file, each update is a line: fewer of them.
            mininterval=0.2 if sys.stderr.isatty() else 10,
        )

    def close(self) -> None:
        """Ends the bar's line."""
        self._bar.close()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._bar.set_description(f"epoch {epoch + 1}/{self._epochs}", refresh=False)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._bar.update(self._images)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        loss, accuracy = number(logs["loss"]), number(logs["val_top1_accuracy"])
        self._bar.set_postfix_str(f"loss {loss:.3f}, validation top-1 {accuracy:.1%}")


class Saves(keras.callbacks.Callback):
    """Writes checkpoints: one after each epoch, and others within it at intervals.

    Args:
        save: function that writes a checkpoint.
        position: the run's `Position`.
        seconds: time from one checkpoint to the next within an epoch.
    """

    def __init__(self, save: Callable[[], None], position: Position, seconds: float) -> None:
        super().__init__()
        self._save = save
        self._position = position
        self._seconds = seconds

    def on_train_begin(self, logs: Logs = None) -> None:
        self._last = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        due = time.monotonic() - self._last >= self._seconds and self._position.is_settled
        if due and not self._position.ends_an_epoch:  # that one waits for the validation
            self._write()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._write()

    def _write(self):
        self._save()
        self._last = time.monotonic()


class StopRequested(Exception):
    """The process was asked to end (`SIGTERM`). It has written a checkpoint first."""


class StopsOnSignal(keras.callbacks.Callback):
    """On `SIGTERM`, as schedulers send it, finishes the step, writes a checkpoint and ends the run.

    It is a context manager, which replaces the process's own handler while a run lasts. It does
    nothing outside of the main thread, where Python allows no signal handlers.

    Args:
        save: function that writes a checkpoint.
        position: the run's `Position`.

    Raises:
        StopRequested: after a `SIGTERM`.
    """

    def __init__(self, save: Callable[[], None], position: Position) -> None:
        super().__init__()
        self._save = save
        self._position = position
        self._asked = False

    def __enter__(self) -> StopsOnSignal:
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before = signal.signal(signal.SIGTERM, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self._main:
            signal.signal(signal.SIGTERM, self._before)

    def _ask(self, number, frame):
        self._asked = True

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._asked and self._position.is_settled and not self._position.ends_an_epoch:
            self._save()
            raise StopRequested

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self._asked:
            raise StopRequested  # `Saves` has written the checkpoint


class TensorBoard(keras.callbacks.Callback):
    """Writes losses, rate and norms of each epoch for TensorBoard, and a grid of training images.

    Args:
        folder: folder of the event files, which go into its `train` and `validation`.
        position: the run's `Position`.
        images: training images, float32 (count, size, size, 3) in [-1, 1], or `None` for no grid.
    """

    def __init__(self, folder: pathlib.Path, position: Position, images: tf.Tensor | None) -> None:
        super().__init__()
        self._position = position
        self._writers = {
            name: tf.summary.create_file_writer(str(folder / name))
            for name in ("train", "validation")
        }
        if images is not None:
            with self._writers["train"].as_default(step=0):
                tf.summary.image("training view", _grid(images))

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
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
    """Puts images side by side in rows, as one of (1, height, width, 3) in [0, 1]."""
    images = np.asarray(images)[: columns * (len(images) // columns) or 1][:16]
    columns = min(columns, len(images))
    rows = [np.concatenate(images[i : i + columns], axis=1) for i in range(0, len(images), columns)]
    return (np.concatenate(rows)[np.newaxis] + 1.0) / 2.0
