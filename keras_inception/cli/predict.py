"""Tells what is on pictures: the likeliest classes of each and their probabilities.

The model is a .keras, .h5, .tflite, .onnx or .xml (OpenVINO) file or a SavedModel folder. The names
of the classes are inside a SavedModel; for a file they are read from NAME.labels.txt or labels.txt
beside it, or from a .tflite file itself.
"""

import json
import pathlib

from absl import flags

from keras_inception.cli.errors import UsageError, print_error
from keras_inception.evaluation import predictor

USAGE = "--model=FILE_OR_FOLDER PICTURE..."


def define_flags(flag_values):
    flags.DEFINE_string("model", None, "The model's file or folder.", flag_values=flag_values)
    flags.DEFINE_integer(
        "top", 5, "How many classes to name.", lower_bound=1, flag_values=flag_values
    )
    flags.DEFINE_bool("json", False, "Print one JSON object a picture.", flag_values=flag_values)


def run(flag_values, arguments):
    if flag_values.model is None or not arguments:
        raise UsageError(f"predict needs {USAGE}")
    for file in arguments:  # before the model is loaded, which takes seconds
        if not pathlib.Path(file).is_file():
            raise FileNotFoundError(f"{file} is not a file")
    model = predictor(flag_values.model)
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


def _as_text(file, best):
    width = max(len(name) for name, _ in best)
    return "\n".join([file, *(f"  {name:{width}}  {score:7.2%}" for name, score in best)])


def _as_json(file, best):
    classes = [{"name": name, "probability": score} for name, score in best]
    return json.dumps({"file": file, "classes": classes}, ensure_ascii=False)
