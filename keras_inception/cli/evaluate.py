"""Measures top-1 and top-5 accuracy on a data set, with their standard errors.

Several --model flags make an ensemble: the mean of their probabilities. A model is a .keras, .h5
or .tflite file or a SavedModel folder.
"""

import json
import pathlib

from absl import flags

from keras_inception.cli import common_flags
from keras_inception.cli.errors import UsageError
from keras_inception.data.crops import MIRRORED
from keras_inception.evaluation import evaluate
from keras_inception.files import replacing

USAGE = "--model=FILE_OR_FOLDER [--model=...]"


def define_flags(flag_values):
    flags.DEFINE_multi_string(
        "model", None, "A model's file or folder; may be repeated.", flag_values=flag_values
    )
    flags.DEFINE_string(
        "data",
        "photo_patches",
        "A tensorflow-datasets name, or photo_patches.",
        flag_values=flag_values,
    )
    flags.DEFINE_string("split", "test", "Which part of the data set.", flag_values=flag_values)
    flags.DEFINE_integer("crops", 1, "Crops of each picture.", flag_values=flag_values)
    flags.register_validator(
        "crops",
        lambda crops: crops in MIRRORED,
        f"the counts known are {', '.join(map(str, MIRRORED))}",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "batch_size", 32, "Pictures at a time.", lower_bound=1, flag_values=flag_values
    )
    flags.DEFINE_string(
        "json", None, "A file for the figures and the confusion matrix.", flag_values=flag_values
    )
    common_flags.define_data_dir(flag_values)


def run(flag_values, arguments):
    if not flag_values.model or arguments:
        raise UsageError(f"evaluate needs {USAGE} and nothing else")
    found = evaluate(
        flag_values.model,
        flag_values.data,
        flag_values.crops,
        split=flag_values.split,
        batch_size=flag_values.batch_size,
        data_dir=flag_values.data_dir,
    )
    print(f"{flag_values.data}, {flag_values.split}: {found.pictures} pictures")
    print(f"top-1 {found.top1:7.2%} +- {found.top1_standard_error:.2%}")
    print(f"top-5 {found.top5:7.2%} +- {found.top5_standard_error:.2%}")
    if flag_values.json:
        figures = {
            "data": flag_values.data,
            "split": flag_values.split,
            **found.summary(),
            "classes": list(found.classes),
            "confusion": found.confusion.tolist(),
        }
        with replacing(flag_values.json) as file:
            pathlib.Path(file).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
