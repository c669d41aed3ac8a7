"""Converts public or other weights: any source that can be loaded, to a file of Keras.

SOURCE is a file (TF-Slim's checkpoint or its tar.gz, facenet's zip, a .h5 of keras.applications,
.safetensors of timm or torchvision, Caffe's .caffemodel, a .keras or .weights.h5) or the tag of
public weights (see list --weights). --out ends in .weights.h5, .keras, .h5 or .safetensors. What
was used and what was skipped is printed, with the first and the last value of each variable.
"""

import collections
import zipfile

import keras
import numpy as np
from absl import flags

import keras_inception
from keras_inception import analysis, weights
from keras_inception.cli.errors import UsageError
from keras_inception.weights.saving import check_format

USAGE = "SOURCE --model=ID --out=FILE"
LAYOUTS = ("keras_inception", "keras_applications")


def define_flags(flag_values):
    def define(kind, name, default, help_text, **limits):
        kind(name, default, help_text, flag_values=flag_values, **limits)

    define(flags.DEFINE_string, "model", None, "Which network the weights are for (see list).")
    define(flags.DEFINE_string, "variant", None, "Which variant of the network.")
    define(flags.DEFINE_integer, "classes", None, "How many classes; by default the network's.")
    define(flags.DEFINE_integer, "input_size", None, "Side of the square pictures, pixels.")
    define(flags.DEFINE_float, "width_multiplier", 1.0, "Factor of the number of filters.")
    define(flags.DEFINE_bool, "include_top", True, "Whether the classifier is part of it.")
    define(flags.DEFINE_bool, "auxiliary", False, "Take the auxiliary heads along.")
    define(flags.DEFINE_bool, "use_ema", False, "Take the moving averages in a checkpoint.")
    flags.DEFINE_enum(
        "layout", LAYOUTS[0], list(LAYOUTS), "Whose names the layers have.", flag_values=flag_values
    )
    define(
        flags.DEFINE_string,
        "reference",
        None,
        "A .npz file with `images` (n, height, width, 3) in [-1, 1] and the `logits` (n, classes) "
        "that they should give; the largest difference is printed.",
    )
    define(flags.DEFINE_string, "out", None, "The file to write.")
    define(flags.DEFINE_bool, "overwrite", False, "Replace what is at --out.")


def run(flag_values, arguments):
    if flag_values.model is None or flag_values.out is None or len(arguments) != 1:
        raise UsageError(f"convert needs {USAGE}")
    if flag_values.auxiliary and not flag_values.include_top:
        raise UsageError("--auxiliary goes with the classifier, not with --noinclude_top")
    out = check_format(flag_values.out)
    if out.exists() and not flag_values.overwrite:
        raise FileExistsError(f"{out} exists; --overwrite replaces it")
    reference = _reference(flag_values)
    model, report = _converted(flag_values, arguments[0])
    if reference is not None:
        print(f"largest difference of the logits: {_difference(model, *reference):.2e}")
    saved = model
    if flag_values.layout == "keras_applications":
        saved = weights.to_keras_applications(model)
    weights.save(saved, out)
    if report is not None:
        print(_table(report))
    print(f"wrote {out}")


def _converted(flag_values, source):
    """The network with the weights, and the report of the load."""
    side = flag_values.input_size
    arguments = {
        "variant": flag_values.variant,
        "classes": flag_values.classes,
        "input_shape": side and (side, side, 3),
    }
    model = keras_inception.create_model(
        flag_values.model,
        weights=source,  # decides the padding; loaded again below, for the report
        include_top=flag_values.include_top,
        width_multiplier=flag_values.width_multiplier,
        **{name: value for name, value in arguments.items() if value is not None},
    )
    if flag_values.auxiliary:
        model = keras_inception.with_auxiliary_heads(model)
    return model, weights.load(model, source, use_ema=flag_values.use_ema)


def _reference(flag_values):
    """(images, logits) of --reference, or `None`."""
    path = flag_values.reference
    if path is None:
        return None
    if not flag_values.include_top:
        raise UsageError("--reference needs the classifier, not --noinclude_top")
    try:
        with np.load(path, allow_pickle=False) as file:
            images, logits = file["images"], file["logits"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no .npz file with images and logits: {error}") from error
    if images.ndim != 4 or logits.ndim != 2 or len(images) != len(logits) or not len(images):
        raise ValueError(
            f"{path} has images {images.shape} and logits {logits.shape}; "
            "(n, height, width, channels) and (n, classes) are wanted"
        )
    return images, logits


def _difference(model, images, logits):
    """Largest difference of the logits, divided by the largest magnitude of the reference's."""
    predictions = model.get_layer("predictions")
    inputs = keras.Model(model.inputs, predictions.input).predict_on_batch(images)
    found = inputs.astype("float64") @ predictions.kernel.numpy() + predictions.bias.numpy()
    if found.shape != logits.shape:
        raise ValueError(f"the reference has logits {logits.shape}, the network {found.shape}")
    return np.abs(found - logits).max() / np.abs(logits).max()


def _table(report):
    """What `weights.load` reports: each variable, then the counts."""
    rows = [(path, f"{first:.6g}", f"{last:.6g}") for path, first, last in report.ends]
    lines = [analysis.table(("variable", "first value", "last value"), rows), ""]
    lines.append(f"{len(report.used)} variables of the source used for {len(rows)} of the network")
    reasons = collections.Counter(report.skipped.values())
    lines += [f"{count} skipped: {reason}" for reason, count in sorted(reasons.items())]
    lines += [f"new, not in the source: {path}" for path in report.new]
    return "\n".join(lines)
