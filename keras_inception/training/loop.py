"""The trainer: a recipe in, a trained network and its records out."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import Any

import keras

from keras_inception.renamed import replaced_argument
from keras_inception.training import asynchronous, distribution
from keras_inception.training.checkpoints import Checkpointing
from keras_inception.training.recipe import Recipe
from keras_inception.training.session import Session

_CHECKPOINTING = Checkpointing()


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """The result of `train`.

    Attributes:
        model: the trained network, not compiled, without the trainer's loss and optimizer.
        history: the columns of `history.csv`: name -> list with one value per epoch.
        seconds: wall time of the epochs of this call, including validation.
        class_names: name of each class, in the order of the network's outputs.
    """

    model: keras.Model
    history: dict[str, list[float]]
    seconds: float
    class_names: tuple[str, ...] = ()


def _checkpointing(field):
    """Makes the converter of an argument that is now a field of `Checkpointing`."""

    def convert(arguments: dict[str, Any], value: float) -> None:
        before = arguments.get("checkpointing", Checkpointing())
        arguments["checkpointing"] = dataclasses.replace(before, **{field: value})

    return convert


@replaced_argument(
    "checkpoint_seconds", "checkpointing=Checkpointing(seconds=...)", _checkpointing("seconds")
)
@replaced_argument(
    "keep_checkpoints", "checkpointing=Checkpointing(keep=...)", _checkpointing("keep")
)
def train(
    recipe: Recipe,
    workdir: str | os.PathLike[str],
    data_dir: str | None = None,
    progress: bool = True,
    *,
    resume: bool = True,
    strategy: str = "one_device",
    cluster_resolver: distribution.Resolver | None = None,
    cluster_timeout: float = distribution.CLUSTER_TIMEOUT,
    checkpointing: Checkpointing = _CHECKPOINTING,
) -> TrainingResult | None:
    """Trains the recipe's network on its data set, and validates it after each epoch.

    Writes to `workdir`:

    - `recipe.json`, the recipe.
    - `history.csv`, a row per epoch: learning rate, losses, accuracies as fractions, norm of the
      gradients. The training loss includes auxiliary losses and weight decay, the validation loss
      does not.
    - `model.keras`, the network at the end, and `best.keras`, the network after the epoch with the
      best validation top-1. Both have plain float32 Keras layers, and the moving averages if the
      recipe has them.
    - `checkpoints/`, from which a later call goes on, in the middle of an epoch too.
    - `tensorboard/`, if TensorBoard is installed.

    Sets Keras's and numpy's global random seed to the recipe's.

    With several machines, every task makes the same call. Working directory and data must be on
    storage that all of them see. One task writes.

    Args:
        recipe: a `Recipe`.
        workdir: folder for the results. It is made if it is missing.
        data_dir: where tensorflow-datasets keeps its data, or `None` for its own default.
        progress: whether to show a progress bar on standard error.
        resume: whether to go on from what `workdir` has of this recipe. `False` starts over and
            replaces what is there, even if it is another recipe's.
        strategy: one of `STRATEGIES`.
        cluster_resolver: the cluster, or `None` to read it from `TF_CONFIG`.
        cluster_timeout: seconds to wait for the other machines.
        checkpointing: how often to write checkpoints, and how many to keep.

    Returns:
        A `TrainingResult`, or `None` in a task that only serves others (the workers and servers of
        `parameter_server`).

    Raises:
        ValueError: if the network, data, batch size or cluster does not fit the recipe, or if the
            working directory belongs to another recipe.
        FloatingPointError: if the loss is no longer finite. It names the step.
        TimeoutError: if a machine did not join in time.
        WorkerLost: if a synchronous worker was lost.
        StopRequested: if the process got `SIGTERM`. A checkpoint was written before.
    """
    resolver = distribution.resolve_cluster(strategy, cluster_resolver)
    if strategy == "parameter_server" and resolver.task_type != "chief":
        asynchronous.serve(resolver, cluster_timeout)
        return None
    session = Session(recipe, workdir, resolver, checkpointing, progress)
    session.check(resume)
    session.join(strategy, cluster_timeout)
    session.open_data(data_dir)
    session.build()
    session.claim_workdir(resume)
    started = time.perf_counter()
    session.fit()
    seconds = time.perf_counter() - started
    model = session.save_models()
    return TrainingResult(model, session.history.columns(), seconds, session.class_names)
