"""The trainer: a recipe in, a trained network and its records out."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import Any

import keras

from keras_inception.data import Dataset
from keras_inception.renamed import renamed_attributes, replaced_arguments
from keras_inception.training import asynchronous, distribution
from keras_inception.training.checkpoints import Checkpointing
from keras_inception.training.recipe import Recipe
from keras_inception.training.run_data import RunData
from keras_inception.training.session import Session

__getattr__ = renamed_attributes(
    __name__, {"CHECKPOINT_SECONDS": "keras_inception.training.checkpoints.CHECKPOINT_SECONDS"}
)
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


def _to_checkpointing(arguments: dict[str, Any], old: dict[str, Any]) -> None:
    fields = {"checkpoint_seconds": "seconds", "keep_checkpoints": "keep"}
    before = arguments.get("checkpointing", _CHECKPOINTING)
    changes = {fields[name]: value for name, value in old.items()}
    arguments["checkpointing"] = dataclasses.replace(before, **changes)


@replaced_arguments(
    ("checkpoint_seconds", "keep_checkpoints"),
    "checkpointing=Checkpointing(seconds=..., keep=...)",
    _to_checkpointing,
)
def train(
    recipe: Recipe,
    workdir: str | os.PathLike[str],
    data_dir: str | None = None,
    progress: bool = True,
    *,
    data: Dataset | tuple[Dataset, Dataset] | None = None,
    resume: bool = True,
    strategy: str = "one_device",
    cluster_resolver: distribution.Resolver | None = None,
    cluster_timeout: float = distribution.CLUSTER_TIMEOUT,
    checkpointing: Checkpointing = _CHECKPOINTING,
) -> TrainingResult | None:
    """Trains the recipe's network on its data, and validates it after each epoch.

    Writes to `workdir`:

    - `recipe.json`, the recipe, which names the data.
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
        data_dir: where tensorflow-datasets keeps the data that the recipe names, or `None` for its
            own default.
        progress: whether to show a progress bar on standard error.
        data: the data to use in place of what the recipe names: a pair (training, validation) of
            `Dataset`s, or one `Dataset` whose source has the recipe's splits. It cannot be used
            with several machines, which open the data after they have joined the cluster.
        resume: whether to go on from what `workdir` has of this recipe and data. `False` starts
            over and replaces what is there, even if it belongs to others.
        strategy: one of `STRATEGIES`.
        cluster_resolver: the cluster, or `None` to read it from `TF_CONFIG`.
        cluster_timeout: seconds to wait for the other machines.
        checkpointing: how often to write checkpoints, and how many to keep.

    Returns:
        A `TrainingResult`, or `None` in a task that only serves others (the workers and servers of
        `parameter_server`).

    Raises:
        ValueError: if the network, data, batch size or cluster does not fit the recipe, or if the
            working directory belongs to another recipe or other data.
        FloatingPointError: if the loss is no longer finite. It names the step.
        TimeoutError: if a machine did not join in time.
        WorkerLost: if a synchronous worker was lost.
        StopRequested: if the process got `SIGTERM`. A checkpoint was written before.
    """
    resolver = distribution.resolve_cluster(strategy, cluster_resolver)
    given = None
    if data is not None:
        given = RunData.given(data, recipe, strategy)
        recipe = given.named_in(recipe)
    if resolver and strategy == "parameter_server" and resolver.task_type != "chief":
        asynchronous.serve(resolver, cluster_timeout)
        return None
    session = Session(recipe, workdir, resolver, checkpointing, progress)
    session.check(resume)
    session.join(strategy, cluster_timeout)
    session.open_data(given, data_dir)
    session.build()
    session.claim_workdir(resume)
    started = time.perf_counter()
    session.fit()
    seconds = time.perf_counter() - started
    model = session.save_models()
    return TrainingResult(model, session.history.columns(), seconds, session.data.class_names)
