"""Measures top-1 and top-5 accuracy on a data set, with their standard errors.

Several --model flags make an ensemble: their probabilities are averaged. A model is a .keras, .h5,
.tflite, .onnx or .xml (OpenVINO) file, a SavedModel folder, or the id of a network (see the list
command), which then has its public weights. Forms and sizes may be mixed.

With --output it writes results.json, report.html and, while it runs, what it has found so far.
If the run is stopped, the same command goes on from there.
"""

from __future__ import annotations

import pathlib

from absl import flags

from keras_inception import data
from keras_inception.cli import common_flags, models
from keras_inception.cli.errors import UsageError
from keras_inception.data.broken import ON_ERROR
from keras_inception.data.crops import MIRRORED
from keras_inception.evaluation import Evaluation, evaluate, write_results
from keras_inception.evaluation.result_files import accuracy_rows

USAGE = "--model=MODEL [--model=MODEL ...] [flags]"


def define_flags(flag_values: flags.FlagValues) -> None:
    define = common_flags.Definer(flag_values)
    define.texts("model", f"The model: {common_flags.ANY_MODEL}.")
    define.data(default="photo_patches")
    define.data_dir()
    define.split(default="test")
    counts = ", ".join(map(str, MIRRORED))
    define.integer("crops", f"Crops of each picture, whose outputs are averaged: {counts}.", 1)
    flags.register_validator(
        "crops",
        lambda crops: crops in MIRRORED,
        f"the counts known are {counts}",
        flag_values=flag_values,
    )
    define.batch_size(default=32, of="crops")
    define.text(
        "exclude",
        "A file that lists pictures to leave out, one a line: file names, or numbers as in the "
        "published list of ImageNet's blacklisted validation pictures.",
    )
    define.choice(
        "on_error",
        "What to do about a picture that cannot be read: leave it out, or stop.",
        list(ON_ERROR),
        "error",
    )
    define.output("Folder for results.json, report.html and the state of the run (default: none).")
    define.resume()


def run(flag_values: flags.FlagValues, arguments: list[str]) -> None:
    if not flag_values.model or arguments:
        raise UsageError(f"evaluate needs {USAGE} and nothing else")
    for model in flag_values.model:
        models.check(model)
    dataset = data.open(flag_values.data, flag_values.split, flag_values.data_dir)
    if flag_values.exclude is not None:
        dataset = dataset.without(flag_values.exclude)
    folder = flag_values.output
    found = evaluate(
        [models.source(model) for model in flag_values.model],
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


def _as_text(found: Evaluation) -> str:
    crops = f"{found.crops} crop{'s' * (found.crops > 1)}"
    counts = {"left out": found.excluded, "unreadable": found.unreadable}
    left_out = ", ".join(f"{count} {why}" for why, count in counts.items() if count)
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
