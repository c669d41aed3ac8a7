"""Names what is in pictures: the likeliest classes of each and their probabilities.

The model is a .keras, .h5, .tflite, .onnx or .xml (OpenVINO) file, a SavedModel folder, or the id
of a network (see the list command), which then has its public weights. Class names are inside a
SavedModel. For a file they are read from NAME.labels.txt or labels.txt beside it, or from a .tflite
file itself.
"""

from __future__ import annotations

import json
import pathlib

from absl import flags

from keras_inception.cli import common_flags, models
from keras_inception.cli.errors import UsageError, print_error
from keras_inception.evaluation import predictor

USAGE = "--model=MODEL PICTURE..."


def define_flags(flag_values: flags.FlagValues) -> None:
    define = common_flags.Definer(flag_values)
    define.model(common_flags.ANY_MODEL)
    define.top()
    define.json()


def run(flag_values: flags.FlagValues, arguments: list[str]) -> int:
    if flag_values.model is None or not arguments:
        raise UsageError(f"predict needs {USAGE}")
    for file in arguments:  # before the model is loaded, which takes seconds
        if not pathlib.Path(file).is_file():
            raise FileNotFoundError(f"{file} is not a file")
    model = predictor(models.source(flag_values.model))
    failures = 0
    for file in arguments:
        try:
            (best,) = model.classify([pathlib.Path(file).read_bytes()], flag_values.top)
        except ValueError as error:  # the other pictures are classified all the same
            failures += 1
            print_error(f"{file}: {error}")
        else:
            print(_as_json(file, best) if flag_values.json else _as_text(file, best))
    return 1 if failures else 0


def _as_text(file: str, best: list[tuple[str, float]]) -> str:
    width = max(len(name) for name, _ in best)
    return "\n".join([file, *(f"  {name:{width}}  {score:7.2%}" for name, score in best)])


def _as_json(file: str, best: list[tuple[str, float]]) -> str:
    classes = [{"name": name, "probability": score} for name, score in best]
    return json.dumps({"file": file, "classes": classes}, ensure_ascii=False)
