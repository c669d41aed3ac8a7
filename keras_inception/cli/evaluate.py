"""Measures top-1 and top-5 accuracy on a data set, with their standard errors.

Several --model flags make an ensemble: the mean of their probabilities. A model is a .keras, .h5,
.tflite, .onnx or .xml (OpenVINO) file or a SavedModel folder; forms and sizes may be mixed.
With --output_dir it writes results.json, report.html and, while it runs, what it has found so far:
started again with the same flags, a run that was stopped goes on from there.
"""

import pathlib

from absl import flags

from keras_inception import data
from keras_inception.cli import common_flags
from keras_inception.cli.errors import UsageError
from keras_inception.data.broken import ON_ERROR
from keras_inception.data.crops import MIRRORED
from keras_inception.evaluation import evaluate, write_results
from keras_inception.evaluation.result_files import accuracy_rows

USAGE = "--model=FILE_OR_FOLDER [--model=...]"


def define_flags(flag_values):
    flags.DEFINE_multi_string(
        "model", None, "A model's file or folder; may be repeated.", flag_values=flag_values
    )
    flags.DEFINE_string(
        "data",
        "photo_patches",
        "A tensorflow-datasets name, folder:PATH, or photo_patches.",
        flag_values=flag_values,
    )
    flags.DEFINE_string("split", "test", "Which part of the data set.", flag_values=flag_values)
    flags.DEFINE_integer(
        "crops",
        1,
        f"Crops of each picture, whose outputs are averaged: {', '.join(map(str, MIRRORED))}.",
        flag_values=flag_values,
    )
    flags.register_validator(
        "crops",
        lambda crops: crops in MIRRORED,
        f"the counts known are {', '.join(map(str, MIRRORED))}",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "batch_size",
        32,
        "Crops put through a network at a time.",
        lower_bound=1,
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "exclude",
        None,
        "A list of pictures to leave out, one a line: names of files, or numbers (ImageNet's list "
        "of blacklisted validation pictures as it is published).",
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "on_error",
        "error",
        list(ON_ERROR),
        "What to do about a picture that cannot be read: leave it out, or stop.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "output_dir",
        None,
        "The folder for results.json, report.html and the state of the run.",
        flag_values=flag_values,
    )
    flags.DEFINE_bool(
        "resume",
        True,
        "Go on from the state in --output_dir; --noresume starts over.",
        flag_values=flag_values,
    )
    common_flags.define_data_dir(flag_values)


def run(flag_values, arguments):
    if not flag_values.model or arguments:
        raise UsageError(f"evaluate needs {USAGE} and nothing else")
    folder = flag_values.output_dir
    dataset = data.open(flag_values.data, flag_values.split, flag_values.data_dir)
    if flag_values.exclude is not None:
        dataset = dataset.without(flag_values.exclude)
    found = evaluate(
        flag_values.model,
        dataset,
        flag_values.crops,
        batch_size=flag_values.batch_size,
        on_error=flag_values.on_error,
        state_dir=folder and pathlib.Path(folder) / "state",
        resume=flag_values.resume,
    )
    print(_as_text(found))
    if folder:
        print(f"report: {write_results(found, folder)}")


def _as_text(found):
    crops = f"{found.crops} crop{'s' * (found.crops > 1)}"
    left_out = {"left out": found.excluded, "unreadable": found.unreadable}
    left_out = ", ".join(f"{count} {why}" for why, count in left_out.items() if count)
    excluded = f" ({left_out})" if left_out else ""
    rows = [("", "top-1", "top-5"), *accuracy_rows(found)]
    width = max(len(name) for name, *_ in rows)
    return "\n".join(
        [
            f"{found.dataset}, {found.split}: {found.pictures} pictures{excluded}, {crops}",
            *(f"{name:{width}}  {top1:>16}  {top5:>16}".rstrip() for name, top1, top5 in rows),
            f"calibration error {found.calibration_error:.2%}; {found.seconds:.1f} s, "
            f"{found.pictures / max(found.seconds, 1e-9):.1f} images/s",
        ]
    )
