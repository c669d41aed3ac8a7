"""Trains a network by a recipe and writes it, its history and the recipe into a folder.

The names of the classes are written beside it as labels.txt, where predict and export find them.
"""

import pathlib

from absl import flags

from keras_inception import training
from keras_inception.cli import common_flags
from keras_inception.cli.errors import UsageError
from keras_inception.data import pipeline
from keras_inception.files import replacing

USAGE = "--recipe=NAME --workdir=FOLDER"


def define_flags(flag_values):
    flags.DEFINE_enum(
        "recipe", "demo", list(training.RECIPES), "Which recipe.", flag_values=flag_values
    )
    flags.DEFINE_string("workdir", None, "The folder for the results.", flag_values=flag_values)
    common_flags.define_seed(flag_values)
    common_flags.define_epochs(flag_values)
    common_flags.define_data_dir(flag_values)


def run(flag_values, arguments):
    if flag_values.workdir is None or arguments:
        raise UsageError(f"train needs {USAGE} and nothing else")
    recipe = overridden(training.RECIPES[flag_values.recipe], flag_values)
    result = training.train(recipe, flag_values.workdir, data_dir=flag_values.data_dir)
    write_labels(recipe, flag_values.workdir, flag_values.data_dir)
    accuracy = result.history["val_top1_accuracy"][-1]
    print(f"{flag_values.workdir}: validation top-1 {accuracy:.2%} in {result.seconds:.0f} s")


def overridden(recipe, flag_values):
    """The recipe, with the fields that flags were given for."""
    given = {name: flag_values[name].value for name in ("seed", "epochs")}
    return recipe.replace(**{name: value for name, value in given.items() if value is not None})


def write_labels(recipe, workdir, data_dir):
    """Writes the names of the recipe's classes beside the network; returns them."""
    names = pipeline.dataset_info(recipe.dataset, data_dir).class_names
    with replacing(pathlib.Path(workdir) / "labels.txt") as file:
        file.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return names
