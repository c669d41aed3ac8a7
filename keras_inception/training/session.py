"""One call of `train`: its folder, devices, data and run, step by step."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_inception.data.augmentation import check_color
from keras_inception.files import replacing
from keras_inception.training import asynchronous, callbacks, distribution
from keras_inception.training.checkpoints import Checkpointing, Checkpoints
from keras_inception.training.recipe import Recipe
from keras_inception.training.run import Run
from keras_inception.training.run_data import RunData

_LOGGER = logging.getLogger(__name__)
_RESULTS = ("history.csv", "model.keras", "best.keras")
_WAY_OUT = "use another workdir, or resume=False to start over"
# Errors that TensorFlow raises if a machine or process that took part is gone.
_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)


class WorkerLost(RuntimeError):
    """A synchronous worker was lost. All tasks must be started again."""


class Session:
    """One call of `train`, which calls the methods in the order in which they stand here.

    Args:
        recipe: the recipe.
        workdir: folder for the results.
        resolver: the cluster, or `None` on one machine.
        checkpointing: how often to write checkpoints, and how many to keep.
        progress: whether to show a progress bar. Only the chief does.

    Attributes:
        store: the checkpoints in `workdir`.
        is_chief: whether this task writes the results.
        data: the `RunData`, after `open_data`.
        run: the `Run`, after `build`.
        history: the `History`, after `fit`.
    """

    data: RunData
    run: Run
    history: callbacks.History

    def __init__(
        self,
        recipe: Recipe,
        workdir: str | os.PathLike[str],
        resolver: distribution.Resolver | None,
        checkpointing: Checkpointing,
        progress: bool,
    ) -> None:
        self.recipe = recipe
        self.workdir = pathlib.Path(workdir)
        self.store = Checkpoints(self.workdir / "checkpoints", checkpointing.keep)
        self.is_chief = distribution.is_chief(resolver)
        self._resolver = resolver
        self._checkpoint_seconds = checkpointing.seconds
        self._progress = progress and self.is_chief

    def check(self, resume: bool) -> None:
        """Raises a ValueError for mistakes that show before the tasks wait for each other."""
        check_color(self.recipe.color)
        if self.is_chief:
            self._check_owner(resume)
        if self._resolver is not None:
            self._check_batch(distribution.count_workers(self._resolver))

    def _check_owner(self, resume):
        """Raises a ValueError if `workdir` has the results of another recipe."""
        path = self.workdir / "recipe.json"
        results = [name for name in _RESULTS if (self.workdir / name).exists()]
        if not resume or not (results or self.store.steps()):
            return
        if not path.exists():
            raise ValueError(
                f"{self.workdir} has {(results or ['checkpoints'])[0]} but no recipe.json, so it "
                f"may belong to another recipe: {_WAY_OUT}"
            )
        theirs, ours = Recipe.from_file(path), self.recipe
        if theirs != ours:
            old, new = theirs.to_dict(), ours.to_dict()
            fields = [f for f in new if f != "sources" and old[f] != new[f]]
            raise ValueError(
                f"{self.workdir} belongs to another recipe, which differs in {', '.join(fields)}: "
                f"{_WAY_OUT}"
            )

    def _check_batch(self, replicas):
        shares = replicas * self.recipe.gradient_accumulation
        if self.recipe.batch_size % shares:
            raise ValueError(
                f"batch_size {self.recipe.batch_size} is not a multiple of {shares}: {replicas} "
                f"replicas x gradient_accumulation {self.recipe.gradient_accumulation}"
            )

    def join(self, strategy: str, timeout: float) -> None:
        """Makes the strategy. With several machines, waits until all tasks have joined."""
        self._devices = distribution.make_strategy(strategy, self._resolver, timeout)
        asynchronous_workers = strategy == "parameter_server"
        self._workers = distribution.count_workers(self._resolver) if asynchronous_workers else 1
        replicas = self._devices.num_replicas_in_sync if self._devices else 1
        self._check_batch(replicas * self._workers)

    def open_data(self, given: RunData | None, data_dir: str | None) -> None:
        """Takes the data that was given, or opens what the recipe names.

        The chief opens it first, since that may build the data set.
        """
        if not self.is_chief:
            distribution.wait_for_all(self._devices)
        self.data = given or RunData.opened(self.recipe, data_dir)
        if self.is_chief:
            distribution.wait_for_all(self._devices)

    def build(self) -> None:
        """Builds the network, optimizer and metrics, from the recipe's seed."""
        # After opening the data: if that builds the data set, it draws random numbers too.
        keras.utils.set_random_seed(self.recipe.seed)
        classes, examples = len(self.data.class_names), len(self.data.training)
        self.run = Run(self.recipe, classes, examples, self._devices, self._workers)

    def claim_workdir(self, resume: bool) -> None:
        """Makes `workdir` the recipe's own. Results of an earlier run stay, or go, by `resume`.

        Nothing is removed for a recipe that cannot run: that would have shown by now.
        """
        if self.is_chief:
            self.workdir.mkdir(parents=True, exist_ok=True)
            path = self.workdir / "recipe.json"
            if not resume or not path.exists():  # without a recipe there may still be event files
                self.store.clear()
                for stale in _RESULTS:
                    (self.workdir / stale).unlink(missing_ok=True)
                for events in self.workdir.glob("tensorboard/*/events.out.tfevents.*"):
                    events.unlink()
            with replacing(path) as file:
                file.write_text(self.recipe.to_json(), encoding="utf-8")
        distribution.wait_for_all(self._devices)

    def fit(self) -> None:
        """Trains the epochs that are left, from the newest checkpoint on.

        Raises:
            WorkerLost: if a synchronous worker was lost.
        """
        position = self.run.position
        try:
            with self._callbacks(self._restore()) as watchers:
                for is_head, end in self.run.phases():
                    while position.step < end * position.steps_per_epoch:
                        self.run.enter(is_head)
                        self._fit_until(end, watchers)
        except _LOST as error:
            kept = self.store.steps()
            raise WorkerLost(
                f"a worker was lost at step {position.step}; start all tasks again: the run goes "
                f"on from {f'step {kept[-1]}' if kept else 'its beginning'}"
            ) from error

    def _restore(self):
        """Goes to the newest checkpoint; returns the metrics of an epoch that it interrupts."""
        path = self.workdir / "history.csv" if self.is_chief else None
        newest = self.store.newest()
        if newest is None:
            self.history = callbacks.History(path, self.run.position)
            return None
        step, groups, records = newest
        self._check_records(records)
        self.run.restore(step, groups)
        self.history = callbacks.History(path, self.run.position, records["history"])
        _LOGGER.info("%s: going on from step %d", self.workdir, step)
        return None if self.run.position.ends_an_epoch else groups.get("metrics")

    def _check_records(self, records: dict[str, Any]) -> None:
        """Raises a ValueError if a checkpoint is of other steps or other data than this run."""
        size = records.get("update_size", self.run.update_size)
        if size != self.run.update_size:
            raise ValueError(
                f"{self.workdir} was trained in steps of {size} pictures, not "
                f"{self.run.update_size}: use the same strategy and number of workers to go on, or "
                "resume=False to start over"
            )
        ours = self.data.identity
        theirs = records.get("data", ours)  # earlier releases wrote none
        others = [what for what in ours if theirs[what] != ours[what]]
        if others:
            raise ValueError(
                f"{self.workdir} was trained on other data, which differs in its "
                f"{' and '.join(others)}: {_WAY_OUT}"
            )

    @contextlib.contextmanager
    def _callbacks(
        self, metrics: list[np.ndarray] | None
    ) -> Iterator[list[keras.callbacks.Callback]]:
        """Lends the callbacks of the run, in their order."""
        run, position = self.run, self.run.position
        progress = callbacks.Progress(
            self.recipe.epochs, position, run.update_size, show=self._progress
        )
        with contextlib.closing(progress), callbacks.StopsOnSignal(self._save, position) as stops:
            yield [
                position,
                callbacks.RestoresMetrics(metrics),
                callbacks.StopsWhenNotFinite(position, self.store),
                callbacks.EvaluatesTheAverage(),
                self.history,
                progress,
                *self._tensorboard(),
                callbacks.Saves(self._save, position, self._checkpoint_seconds),
                stops,
            ]

    def _tensorboard(self):
        if not self.is_chief:
            return []
        if importlib.util.find_spec("tensorboard") is None:
            _LOGGER.info("no curves for TensorBoard, which is not installed (extra tensorboard)")
            return []
        position = self.run.position
        images = self.run.first_images(self.data.training) if position.step == 0 else None
        return [callbacks.TensorBoard(self.workdir / "tensorboard", position, images)]

    def _save(self):
        """Writes a checkpoint."""
        if self.is_chief:
            best = best_epoch(self.history.rows)
            records = {
                "history": self.history.rows,
                "update_size": self.run.update_size,
                "data": self.data.identity,
            }
            self.store.save(
                self.run.position.step,
                self.run.variables(),
                records,
                also_keep=None if best is None else best * self.run.position.steps_per_epoch,
            )

    def _fit_until(self, end, watchers):
        """Trains until epoch `end`, or only to the end of an epoch that has begun."""
        run = self.run
        if run.coordinator is not None:
            asynchronous.fit(run, end, self.data, watchers)
            return
        epoch, done = divmod(run.position.step, run.position.steps_per_epoch)
        run.trainer.fit(
            run.training_batches(self.data.training),
            initial_epoch=epoch,
            epochs=epoch + 1 if done else end,
            steps_per_epoch=run.position.steps_per_epoch - done,
            validation_data=run.validation_batches(self.data.validation),
            callbacks=watchers,
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )

    def save_models(self) -> keras.Model:
        """Writes the network as it is, and as it was after its best epoch; returns the first."""
        model = self.run.model()
        if self.is_chief:
            _save_model(model, self.workdir / "model.keras")
            best = (best_epoch(self.history.rows) or 0) * self.run.position.steps_per_epoch
            if best == self.run.position.step or best not in self.store.steps():
                _save_model(model, self.workdir / "best.keras")
            else:
                checkpoint = self.store.whole(best)
                if checkpoint is not None:
                    self.run.restore(best, checkpoint[0])
                    _save_model(self.run.model(), self.workdir / "best.keras")
        return model


def best_epoch(rows: list[dict[str, Any]]) -> int | None:
    """Returns the number, from 1, of the first epoch with the best validation top-1."""
    if not rows:
        return None
    return max(rows, key=lambda row: row["val_top1_accuracy"])["epoch"]


def _save_model(model, path):
    with replacing(path) as temporary:
        model.save(temporary)
