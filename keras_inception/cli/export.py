"""Writes a trained network for use outside Python, runs it and compares it with Keras.

The forms are a SavedModel folder, or a file that ends in .tflite, .onnx or .xml (OpenVINO). --model
is a .keras or .h5 file, or the id of a network (see the list command), which then has its public
weights.

Class names are read from --class_names, or else from NAME.labels.txt or labels.txt beside the
model.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

from absl import flags

from keras_inception import export, labels
from keras_inception.cli import common_flags, models
from keras_inception.cli.errors import UsageError
from keras_inception.export import calibration
from keras_inception.files import refuse_existing

USAGE = "--model=MODEL --output=FILE_OR_FOLDER [flags]"
FORMATS = {  # format: its own flags
    "saved_model": ("top", "precision", "frozen", "lenient", "megapixels"),
    "tflite": ("mode", "representative", "uint8", "data_dir"),
    "onnx": (),
    "openvino": (),
}


def define_flags(flag_values: flags.FlagValues) -> None:
    define = common_flags.Definer(flag_values)
    define.model()
    define.output("The folder or file to write.")
    define.overwrite()
    define.choice("format", "What to write.", list(FORMATS), "saved_model")
    define.text(
        "class_names", "A file of class names, one a line (default: the file beside the model)."
    )
    define.choice("mode", "How a TFLite file stores and computes.", list(export.MODES), "float32")
    define.text(
        "representative",
        "Pictures to calibrate int8 and int16x8 with: a folder, photo_patches, or the name of "
        "another data set.",
    )
    define.data_dir()
    define.switch("uint8", "Make an int8 file take pixels and give bytes.")
    define.top()
    define.choice(
        "precision",
        "Number format in which a SavedModel computes.",
        list(export.PRECISIONS),
        "float32",
    )
    define.switch("frozen", "Store a SavedModel's weights as constants of its graph.", True)
    define.switch(
        "lenient",
        "Answer a picture that cannot be read with a status in its row; otherwise the whole "
        "request gets an error.",
    )
    define.number("megapixels", "The largest picture that a SavedModel decodes.", export.MEGAPIXELS)


def run(flag_values: flags.FlagValues, arguments: list[str]) -> None:
    if flag_values.model is None or flag_values.output is None or arguments:
        raise UsageError(f"export needs {USAGE} and nothing else")
    for other in FORMATS.keys() - {flag_values.format}:
        for name in FORMATS[other]:
            if common_flags.given(flag_values, name):
                raise UsageError(f"--{name} is for --format={other}, not {flag_values.format}")
    output = pathlib.Path(flag_values.output)
    refuse_existing(flag_values.overwrite, output)  # before the model is loaded
    model = models.load(flag_values.model)
    names = _class_names(flag_values, model.outputs[0].shape[-1])
    write = getattr(export, flag_values.format)
    options = _options(flag_values)
    print(write(model, output, class_names=names, overwrite=flag_values.overwrite, **options))


def _options(flag_values: flags.FlagValues) -> dict[str, Any]:
    """The arguments that only the exporter of this format has."""
    options = {name: flag_values[name].value for name in FORMATS[flag_values.format]}
    if "top" in options:
        options["top_k"] = options.pop("top")
    if "data_dir" in options:
        data_dir, representative = options.pop("data_dir"), options["representative"]
        if representative is not None:
            options["representative"] = calibration.opened(representative, data_dir)
    return options


def _class_names(flag_values: flags.FlagValues, classes: int) -> Sequence[str]:
    if flag_values.class_names is not None:
        return labels.read(flag_values.class_names, classes)
    return models.class_names(flag_values.model, classes)
