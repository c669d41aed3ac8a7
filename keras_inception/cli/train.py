"""Trains a network by a recipe and writes it, its history and the recipe into a folder.

Called again with the same recipe and folder it goes on where it was stopped, by Ctrl-C, SIGTERM
(which saves first, and ends with status 0) or a power cut. The names of the classes are written
beside the network as labels.txt, where predict and export find them.

With several machines the same command runs on each, with TF_CONFIG set and a folder that all see.
"""

import json
import os
import pathlib
import sys

from absl import flags

from keras_inception import labels, training
from keras_inception.cli import common_flags
from keras_inception.cli.errors import UsageError, print_error
from keras_inception.data import pipeline
from keras_inception.training.distribution import CLUSTER_TIMEOUT

USAGE = "--recipe=NAME --workdir=FOLDER [--set FIELD=VALUE ...]"
_FIELDS = ("seed", "epochs", "dataset", "weights", "freeze_until")  # that have a flag of their own


def define_flags(flag_values):
    def text(name, default, help_text):
        flags.DEFINE_string(name, default, help_text, flag_values=flag_values)

    flags.DEFINE_enum(
        "recipe", None, list(training.RECIPES), "Which recipe.", flag_values=flag_values
    )
    text("recipe_file", None, "A recipe of your own: .py, or .json as a run leaves it.")
    text("workdir", None, "The folder for the results.")
    text("dataset", None, "What to train on; by default the recipe's.")
    text("weights", None, "What to start from: a tag or a file; by default the recipe's.")
    text("freeze_until", None, "The end point up to which the network stays as it is.")
    flags.DEFINE_multi_string(
        "set",
        [],
        "FIELD=VALUE: another value in a field of the recipe, in JSON or as plain text; a dot "
        "leads into network_arguments (network_arguments.width_multiplier=0.25). May be repeated.",
        flag_values=flag_values,
    )
    flags.DEFINE_bool(
        "describe", False, "Only print the recipe, with its sources.", flag_values=flag_values
    )
    flags.DEFINE_bool(
        "resume",
        True,
        "Go on from what the folder has; --noresume starts over and replaces it.",
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "strategy", "one_device", training.STRATEGIES, "The devices.", flag_values=flag_values
    )
    flags.DEFINE_float(
        "cluster_timeout",
        CLUSTER_TIMEOUT,
        "Seconds to wait for the other machines.",
        lower_bound=0.0,
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "restarts",
        0,
        "How often to start again by itself where a synchronous worker is lost, so that the ones "
        "that are left wait for it to come back.",
        lower_bound=0,
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "checkpoint_seconds",
        training.Checkpointing.seconds,
        "Time between checkpoints within an epoch.",
        lower_bound=0.0,
        flag_values=flag_values,
    )
    common_flags.define_seed(flag_values)
    common_flags.define_epochs(flag_values)
    common_flags.define_data_dir(flag_values)


def run(flag_values, arguments):
    recipe = _recipe(flag_values)
    if flag_values.describe:
        print(recipe.describe())
        return 0
    if flag_values.workdir is None or arguments:
        raise UsageError(f"train needs {USAGE} and no other words")
    workdir, data_dir = flag_values.workdir, flag_values.data_dir
    try:
        result = training.train(
            recipe,
            workdir,
            data_dir=data_dir,
            resume=flag_values.resume,
            strategy=flag_values.strategy,
            cluster_timeout=flag_values.cluster_timeout,
            checkpointing=training.Checkpointing(seconds=flag_values.checkpoint_seconds),
        )
    except training.StopRequested:
        print(f"{workdir}: stopped by SIGTERM; the same command goes on from here")
        if flag_values.strategy == "multi_worker":
            _leave()
        return 0
    except training.WorkerLost as error:
        if flag_values.restarts == 0:
            raise
        _start_again(error, flag_values.restarts)
    if result is None:  # a task that served others
        return 0
    write_labels(recipe, workdir, data_dir)
    accuracy = result.history["val_top1_accuracy"][-1]
    print(f"{workdir}: validation top-1 {accuracy:.2%} in {result.seconds:.0f} s")
    return 0


def _recipe(flag_values):
    """The recipe that the flags name, with what they change."""
    if flag_values.recipe and flag_values.recipe_file:
        raise UsageError("--recipe and --recipe_file: only one of them")
    if flag_values.recipe_file:
        recipe = training.Recipe.from_file(flag_values.recipe_file)
    else:
        recipe = training.RECIPES[flag_values.recipe or "demo"]
    changes = {}
    for assignment in flag_values.set:
        field, separator, text = assignment.partition("=")
        if not separator or not field or field in ("self", "source"):
            raise UsageError(f"--set wants FIELD=VALUE, got {assignment!r}")
        field, _, argument = field.partition(".")
        if argument and field != "network_arguments":
            raise UsageError(f"--set: {field} has no {argument}; only network_arguments has parts")
        if argument:
            before = changes.get(field, recipe.network_arguments)
            changes[field] = {**before, argument: _value(text)}
        else:
            changes[field] = _value(text)
    return overridden(recipe.replace(source="the command line", **changes), flag_values)


def _leave():
    """Ends the process: TensorFlow would wait at its end for workers who wait for this one."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _value(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _start_again(error, restarts):
    """Replaces this process by one of the same command with one restart less."""
    print_error(f"{error}; starting again, {restarts} more times at most")
    sys.stdout.flush()
    # Of a flag that is given twice the last counts.
    words = ["-m", "keras_inception.cli.main", *sys.argv[1:], f"--restarts={restarts - 1}"]
    os.execv(sys.executable, [sys.executable, *words])


def overridden(recipe, flag_values):
    """The recipe, with the fields that have flags of their own and were given."""
    values = {name: flag_values[name].value for name in _FIELDS if name in flag_values}
    given = {name: value for name, value in values.items() if value is not None}
    return recipe.replace(source="the command line", **given)


def write_labels(recipe, workdir, data_dir):
    """Writes the names of the recipe's classes beside the network; returns them."""
    names = pipeline.dataset_info(recipe.dataset, data_dir).class_names
    labels.write(pathlib.Path(workdir) / labels.FILE_NAME, names)
    return names
