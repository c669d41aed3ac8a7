"""Trains a network by a recipe, and writes the network, its history and the recipe to --output.

If a run was stopped, by Ctrl-C, by SIGTERM (which saves first and ends with status 0) or by a power
cut, the same command goes on from there. The class names are written beside the network as
labels.txt, where predict and export find them.

To train on several machines, run the same command on each, with TF_CONFIG set and an --output that
all of them see.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
from typing import Any, NoReturn

from absl import flags

from keras_inception import labels, training
from keras_inception.cli import common_flags
from keras_inception.cli.errors import UsageError, print_error
from keras_inception.training.distribution import CLUSTER_TIMEOUT

USAGE = "--recipe=NAME --output=FOLDER [--set FIELD=VALUE ...] [flags]"
_FIELDS = {  # flag: the field of the recipe that it changes
    "seed": "seed",
    "epochs": "epochs",
    "data": "dataset",
    "batch_size": "batch_size",
    "size": "size",
    "weights": "weights",
    "freeze_until": "freeze_until",
}


def define_flags(flag_values: flags.FlagValues) -> None:
    define = common_flags.Definer(flag_values)
    define.choice("recipe", "The recipe (default: demo).", list(training.RECIPES))
    define.text(
        "recipe_file", "A recipe of your own: a .py file, or the recipe.json that a run writes."
    )
    define.output("Folder for everything that the run writes.")
    define.resume()
    define.data(without="the recipe's")
    define.data_dir()
    define.batch_size(without="the recipe's")
    define.size(without="the recipe's")
    define.epochs()
    define.seed("initial weights and picture order", without="the recipe's")
    define.text(
        "weights",
        "Weights to start from: a file, or the tag of public weights (default: the recipe's).",
    )
    define.text(
        "freeze_until",
        "End point up to which the network keeps its weights (default: the recipe's).",
    )
    define.texts(
        "set",
        "FIELD=VALUE: sets any field of the recipe, in JSON or as plain text. A dot leads into "
        "network_arguments (network_arguments.width_multiplier=0.25).",
    )
    define.switch("describe", "Only print the recipe, with its sources.")
    define.choice("strategy", "The devices to train on.", training.STRATEGIES, "one_device")
    define.number("cluster_timeout", "Seconds to wait for the other machines.", CLUSTER_TIMEOUT)
    define.integer(
        "restarts",
        "How often to start again if a synchronous worker is lost, so that the others wait for it "
        "to come back.",
        0,
        least=0,
    )
    define.number(
        "checkpoint_seconds",
        "Seconds between checkpoints within an epoch.",
        training.Checkpointing.seconds,
    )


def run(flag_values: flags.FlagValues, arguments: list[str]) -> int:
    recipe = _recipe(flag_values)
    if flag_values.describe:
        print(recipe.describe())
        return 0
    if flag_values.output is None or arguments:
        raise UsageError(f"train needs {USAGE} and no other words")
    folder = flag_values.output
    try:
        result = training.train(
            recipe,
            folder,
            data_dir=flag_values.data_dir,
            resume=flag_values.resume,
            strategy=flag_values.strategy,
            cluster_timeout=flag_values.cluster_timeout,
            checkpointing=training.Checkpointing(seconds=flag_values.checkpoint_seconds),
        )
    except training.StopRequested:
        print(f"{folder}: stopped by SIGTERM; the same command goes on from here")
        if flag_values.strategy == "multi_worker":
            _leave()
        return 0
    except training.WorkerLost as error:
        if flag_values.restarts == 0:
            raise
        _start_again(error, flag_values.restarts)
    if result is None:  # a task that served others
        return 0
    labels.write(pathlib.Path(folder) / labels.FILE_NAME, result.class_names)
    accuracy = result.history["val_top1_accuracy"][-1]
    print(f"{folder}: validation top-1 {accuracy:.2%} in {result.seconds:.0f} s")
    return 0


def _recipe(flag_values: flags.FlagValues) -> training.Recipe:
    """The recipe that the flags name, with their changes."""
    if flag_values.recipe and flag_values.recipe_file:
        raise UsageError("--recipe and --recipe_file: give only one of them")
    if flag_values.recipe_file:
        recipe = training.Recipe.from_file(flag_values.recipe_file)
    else:
        recipe = training.RECIPES[flag_values.recipe or "demo"]
    changes: dict[str, Any] = {}
    for assignment in flag_values.set or ():
        field, separator, text = assignment.partition("=")
        if not separator or not field or field in ("self", "source"):
            raise UsageError(f"--set must be FIELD=VALUE, got {assignment!r}")
        field, _, argument = field.partition(".")
        if argument and field != "network_arguments":
            raise UsageError(f"--set: {field} has no {argument}; only network_arguments has parts")
        if argument:
            before = changes.get(field, recipe.network_arguments)
            changes[field] = {**before, argument: _value(text)}
        else:
            changes[field] = _value(text)
    return overridden(recipe.replace(source="the command line", **changes), flag_values)


def _leave() -> NoReturn:
    """Ends the process at once; TensorFlow would wait for workers that wait for this one."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _start_again(error: training.WorkerLost, restarts: int) -> NoReturn:
    """Replaces this process by one that runs the same command with one restart less."""
    print_error(f"{error}; starting again, {restarts} more times at most")
    sys.stdout.flush()
    # If a flag is given twice the last one counts.
    words = ["-m", "keras_inception.cli.main", *sys.argv[1:], f"--restarts={restarts - 1}"]
    os.execv(sys.executable, [sys.executable, *words])


def overridden(recipe: training.Recipe, flag_values: flags.FlagValues) -> training.Recipe:
    """Returns the recipe with the values of its fields that are given as flags."""
    names = [name for name in _FIELDS if name in flag_values]
    given = {_FIELDS[name]: flag_values[name].value for name in names}
    given = {field: value for field, value in given.items() if value is not None}
    return recipe.replace(source="the command line", **given)
