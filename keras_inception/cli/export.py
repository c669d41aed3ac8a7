"""Writes a trained network for use outside Python, runs it and compares it with Keras.

The forms: a SavedModel folder, or a file that ends in .tflite, .onnx or .xml (OpenVINO).

The classes' names are read from --labels, or from NAME.labels.txt or labels.txt beside the model.
"""

import pathlib

from absl import flags

from keras_inception import export, labels
from keras_inception.cli import common_flags
from keras_inception.cli.errors import UsageError
from keras_inception.evaluation.predictors import keras_model
from keras_inception.files import refuse_existing

USAGE = "--model=FILE --output=FILE_OR_FOLDER"
FORMATS = {  # format: flags of its own
    "saved_model": ("top_k", "precision", "frozen", "lenient", "megapixels"),
    "tflite": ("mode", "representative", "uint8", "data_dir"),
    "onnx": (),
    "openvino": (),
}


def define_flags(flag_values):
    flags.DEFINE_string("model", None, "A .keras or .h5 file.", flag_values=flag_values)
    flags.DEFINE_string("output", None, "The folder or file to write.", flag_values=flag_values)
    flags.DEFINE_enum(
        "format", "saved_model", list(FORMATS), "What to write.", flag_values=flag_values
    )
    flags.DEFINE_enum(
        "mode",
        "float32",
        list(export.MODES),
        "How TFLite stores and computes.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "representative",
        None,
        "Pictures to calibrate int8 and int16x8 with: a folder, photo_patches, or the name of "
        "another data set.",
        flag_values=flag_values,
    )
    flags.DEFINE_bool(
        "uint8", False, "An int8 file takes pixels and gives bytes.", flag_values=flag_values
    )
    common_flags.define_data_dir(flag_values)
    flags.DEFINE_integer(
        "top_k",
        5,
        "How many classes the SavedModel names.",
        lower_bound=1,
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "precision",
        "float32",
        list(export.PRECISIONS),
        "In what the SavedModel computes.",
        flag_values=flag_values,
    )
    flags.DEFINE_bool(
        "frozen", True, "Weights as constants of the SavedModel's graph.", flag_values=flag_values
    )
    flags.DEFINE_bool(
        "lenient",
        False,
        "A picture that cannot be read gets a status in its row of the answer, in place of an "
        "error for the whole request.",
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "megapixels",
        export.MEGAPIXELS,
        "The largest picture that the SavedModel decodes.",
        lower_bound=0,
        flag_values=flag_values,
    )
    flags.DEFINE_string("labels", None, "A file with a class name a line.", flag_values=flag_values)
    flags.DEFINE_bool("overwrite", False, "Replace what is at --output.", flag_values=flag_values)


def run(flag_values, arguments):
    if flag_values.model is None or flag_values.output is None or arguments:
        raise UsageError(f"export needs {USAGE} and nothing else")
    for other in FORMATS.keys() - {flag_values.format}:
        for name in FORMATS[other]:
            if flag_values[name].present:
                raise UsageError(f"--{name} is for --format={other}, not {flag_values.format}")
    output = pathlib.Path(flag_values.output)
    refuse_existing(flag_values.overwrite, output)  # before the model is loaded
    model = keras_model(flag_values.model)
    names = _labels(flag_values, model.outputs[0].shape[-1])
    write = getattr(export, flag_values.format)
    options = {name: flag_values[name].value for name in FORMATS[flag_values.format]}
    print(write(model, output, class_names=names, overwrite=flag_values.overwrite, **options))


def _labels(flag_values, classes):
    if flag_values.labels is not None:
        return labels.read(flag_values.labels, classes)
    return labels.class_names(flag_values.model, classes)
