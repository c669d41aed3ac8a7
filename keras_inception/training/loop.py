"""The trainer: a recipe in, a trained network and its records out."""

import contextlib
import dataclasses
import importlib.util
import logging
import pathlib
import time

import keras
import tensorflow as tf

from keras_inception.data import pipeline
from keras_inception.data.augmentation import check_color
from keras_inception.files import replacing
from keras_inception.training import asynchronous, callbacks, checkpoints, distribution
from keras_inception.training.recipe import Recipe
from keras_inception.training.run import Run

_LOGGER = logging.getLogger(__name__)
CHECKPOINT_SECONDS = 600.0  # our choice: little is lost, and writing costs nothing to speak of
# What TensorFlow raises when a machine or process that took part is gone.
_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)


class WorkerLost(RuntimeError):
    """A synchronous worker has gone; all have to be started again."""


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """What `train` returns.

    Attributes:
        model: the trained network, not compiled, without the trainer's loss and optimizer.
        history: the columns of `history.csv`, name -> list with one value an epoch.
        seconds: wall time of the epochs of this call, validation included.
    """

    model: keras.Model
    history: dict
    seconds: float


@dataclasses.dataclass(frozen=True)
class _Options:
    """How a run is carried out, which changes nothing of its result."""

    workdir: pathlib.Path
    data_dir: str | None
    progress: bool
    checkpoint_seconds: float
    is_chief: bool


def train(
    recipe,
    workdir,
    data_dir=None,
    progress=True,
    *,
    resume=True,
    strategy="one_device",
    cluster_resolver=None,
    cluster_timeout=distribution.CLUSTER_TIMEOUT,
    checkpoint_seconds=CHECKPOINT_SECONDS,
    keep_checkpoints=3,
):
    """Trains the recipe's network on its data set, validating after each epoch.

    In the work directory are then `recipe.json`; `history.csv`, a row an epoch (learning rate,
    loss, accuracies as fractions, norm of the gradients); `model.keras`, the network at the end,
    and `best.keras`, that of the epoch with the best validation top-1, both in plain float32 Keras
    layers, with the moving averages where the recipe has them; `tensorboard/` where that is
    installed; and `checkpoints/`, from which a later call goes on, in the middle of an epoch too.
    The training loss includes auxiliary losses and weight decay, the validation loss does not.
    Seeds Keras's and numpy's global random state with the recipe's seed.

    With several machines every task calls it with the same arguments, the work directory and the
    data on storage that all of them see; one writes.

    Args:
        recipe: a `Recipe`.
        workdir: folder for the results, made where it is missing.
        data_dir: where tensorflow-datasets keeps its data; `None` is its own default.
        progress: whether to show a progress bar on standard error.
        resume: whether to go on from what `workdir` has of this recipe; `False` starts over and
            replaces what is there, of another recipe too.
        strategy: one of `distribution.STRATEGIES`.
        cluster_resolver: a `tf.distribute.cluster_resolver`; by default `TF_CONFIG` tells.
        cluster_timeout: seconds to wait for the other machines.
        checkpoint_seconds: the time between checkpoints within an epoch.
        keep_checkpoints: how many of the last ones stay; the best epoch's stays besides.

    Returns:
        A `TrainingResult`; `None` in a task that only serves others (`parameter_server`'s workers
        and servers).

    Raises:
        ValueError: where network, data set, batch size or cluster do not fit the recipe, or the
            work directory belongs to another one.
        FloatingPointError: where the loss is no longer finite, naming the step.
        TimeoutError: a machine has not come.
        WorkerLost: a synchronous worker has gone.
        StopRequested: the process got `SIGTERM`; a checkpoint was written.
    """
    resolver = distribution.resolve_cluster(strategy, cluster_resolver)
    if strategy == "parameter_server" and resolver.task_type != "chief":
        asynchronous.serve(resolver, cluster_timeout)
        return None
    options = _Options(
        workdir=pathlib.Path(workdir),
        data_dir=data_dir,
        progress=progress and distribution.is_chief(resolver),
        checkpoint_seconds=checkpoint_seconds,
        is_chief=distribution.is_chief(resolver),
    )
    store = checkpoints.Checkpoints(options.workdir / "checkpoints", keep_checkpoints)
    check_color(recipe.color)
    if options.is_chief:  # before the strategy is made, for which all tasks wait for each other
        _check_owner(options.workdir, recipe, store, resume)
    if resolver is not None:  # what can be said before the others have come
        _check_batch(recipe, distribution.count_workers(resolver))
    devices = distribution.make_strategy(strategy, resolver, cluster_timeout)
    workers = resolver.cluster_spec().num_tasks("worker") if strategy == "parameter_server" else 1
    _check_batch(recipe, (devices.num_replicas_in_sync if devices else 1) * workers)
    if not options.is_chief:
        distribution.wait_for_all(devices)
    classes = len(pipeline.dataset_info(recipe.dataset, data_dir).class_names)
    examples, _ = (
        pipeline.count_examples(recipe.dataset, split, data_dir)
        for split in (recipe.train_split, recipe.validation_split)
    )
    if options.is_chief:  # has built the data set, which the others find
        distribution.wait_for_all(devices)
    # After a data set that may just have been built, which draws random numbers too.
    keras.utils.set_random_seed(recipe.seed)
    run = Run(recipe, classes, examples, devices, workers)
    if options.is_chief:  # nothing is lost for a recipe that cannot run
        _open(options.workdir, recipe, store, resume)
    distribution.wait_for_all(devices)
    fit = asynchronous.fit if strategy == "parameter_server" else _fit
    started = time.perf_counter()
    try:
        history = _carry_out(run, fit, store, options)
    except _LOST as error:
        kept = store.steps()
        raise WorkerLost(
            f"a worker was lost at step {run.position.step}; start all tasks again: the run goes "
            f"on from {f'step {kept[-1]}' if kept else 'its beginning'}"
        ) from error
    seconds = time.perf_counter() - started
    model = run.model()
    if options.is_chief:
        _save_models(run, model, store, history.rows, options.workdir)
    return TrainingResult(model, history.columns(), seconds)


_RESULTS = ("history.csv", "model.keras", "best.keras")


def _check_owner(workdir, recipe, store, resume):
    """Raises ValueError where the work directory has results of something else."""
    path = workdir / "recipe.json"
    results = [name for name in _RESULTS if (workdir / name).exists()]
    if not resume or not (results or store.steps()):
        return
    way_out = "another folder is wanted, or resume=False (--noresume) to start over"
    if not path.exists():
        raise ValueError(
            f"{workdir} has {(results or ['checkpoints'])[0]} but no recipe.json, so it is not "
            f"known whose: {way_out}"
        )
    earlier = Recipe.from_file(path)
    if earlier != recipe:
        theirs, ours = earlier.to_dict(), recipe.to_dict()
        fields = [f for f in ours if f != "sources" and theirs[f] != ours[f]]
        raise ValueError(
            f"{workdir} belongs to another recipe, which differs in {', '.join(fields)}: {way_out}"
        )


def _open(workdir, recipe, store, resume):
    """Makes the work directory the recipe's own; what is there of an earlier run stays or goes."""
    workdir.mkdir(parents=True, exist_ok=True)
    path = workdir / "recipe.json"
    if not resume or not path.exists():  # without a recipe there may still be event files
        store.clear()
        for stale in _RESULTS:
            (workdir / stale).unlink(missing_ok=True)
        for events in workdir.glob("tensorboard/*/events.out.tfevents.*"):
            events.unlink()
    with replacing(path) as file:
        file.write_text(recipe.to_json(), encoding="utf-8")


def _check_batch(recipe, replicas):
    shares = replicas * recipe.gradient_accumulation
    if recipe.batch_size % shares:
        raise ValueError(
            f"batch_size {recipe.batch_size} does not divide by {replicas} replicas x "
            f"gradient_accumulation {recipe.gradient_accumulation}: choose a multiple of {shares}"
        )


def _check_steps(records, run, workdir):
    """Raises ValueError where the checkpoint counts other steps than this run."""
    size = records.get("update_size", run.update_size)
    if size != run.update_size:
        raise ValueError(
            f"{workdir} was trained in steps of {size} pictures, these have {run.update_size}: the "
            "same strategy with as many workers goes on, resume=False (--noresume) starts over"
        )


def _carry_out(run, fit, store, options):
    """Runs what is left of the epochs; returns the `History`."""
    newest = store.newest()
    rows, metrics = [], None  # of the epochs that are over, and of the one begun
    if newest is not None:
        step, groups, records = newest
        _check_steps(records, run, options.workdir)
        run.restore(step, groups)
        rows = records["history"]
        if not run.position.ends_an_epoch:
            metrics = groups.get("metrics")
        _LOGGER.info("%s: going on from step %d", options.workdir, step)
    history = callbacks.History(
        options.workdir / "history.csv" if options.is_chief else None, run.position, rows
    )

    def save():
        if options.is_chief:
            best = best_epoch(history.rows)
            steps = run.position.steps_per_epoch
            store.save(
                run.position.step,
                run.variables(),
                {"history": history.rows, "update_size": run.update_size},
                also_keep=None if best is None else best * steps,
            )

    progress = callbacks.Progress(run.recipe, run.position, run.update_size, options.progress)
    with contextlib.closing(progress), callbacks.StopsOnSignal(save, run.position) as stops:
        watchers = [
            run.position,
            callbacks.RestoresMetrics(metrics),
            callbacks.StopsWhenNotFinite(run.position, store),
            callbacks.EvaluatesTheAverage(),
            history,
            progress,
            *_tensorboard(run, options),
            callbacks.Saves(save, run.position, options.checkpoint_seconds),
            stops,
        ]
        for is_head, end in run.phases():
            while run.position.step < end * run.position.steps_per_epoch:
                run.enter(is_head)
                fit(run, end, watchers, options.data_dir)
    return history


def _tensorboard(run, options):
    if not options.is_chief:
        return []
    if importlib.util.find_spec("tensorboard") is None:
        _LOGGER.info("no curves for TensorBoard, which is not installed (extra tensorboard)")
        return []
    images = run.first_images(options.data_dir) if run.position.step == 0 else None
    return [callbacks.TensorBoard(options.workdir / "tensorboard", run.position, images)]


def _fit(run, end, watchers, data_dir):
    """Keras's `fit`: up to epoch `end`, or only the rest of an epoch that has begun."""
    steps = run.position.steps_per_epoch
    epoch, done = divmod(run.position.step, steps)
    run.trainer.fit(
        run.training_batches(data_dir),
        initial_epoch=epoch,
        epochs=epoch + 1 if done else end,
        steps_per_epoch=steps - done,
        validation_data=run.validation_batches(data_dir),
        callbacks=watchers,
        shuffle=False,  # the stream is shuffled already
        verbose=0,
    )


def best_epoch(rows):
    """The number, from 1, of the epoch with the best validation top-1; the first of equals."""
    if not rows:
        return None
    return max(rows, key=lambda row: row["val_top1_accuracy"])["epoch"]


def _save_models(run, model, store, rows, workdir):
    """Writes the network as it is, and as it was after its best epoch."""
    _save(model, workdir / "model.keras")
    best = best_epoch(rows) * run.position.steps_per_epoch
    if best != run.position.step and best in store.steps():
        groups = store.whole(best)
        if groups is None:
            return
        run.restore(best, groups[0])
        model = run.model()
    _save(model, workdir / "best.keras")


def _save(model, path):
    with replacing(path) as temporary:
        model.save(temporary)
