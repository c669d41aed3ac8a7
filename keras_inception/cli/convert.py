"""Converts public or other weights, from any source that can be loaded, to a Keras file.

--weights is a file (TF-Slim's checkpoint or its tar.gz, facenet's zip, a .h5 of keras.applications,
.safetensors of timm or torchvision, Caffe's .caffemodel, a .keras or .weights.h5) or the tag of
public weights (see list --weights). --output ends in .weights.h5, .keras, .h5 or .safetensors.

It prints what was used and what was skipped, with the first and the last value of each variable.
"""

from __future__ import annotations

import collections
import zipfile

import keras
import numpy as np
from absl import flags

import keras_inception
from keras_inception import analysis, weights
from keras_inception.cli import common_flags
from keras_inception.cli.errors import UsageError
from keras_inception.weights.saving import check_format

USAGE = "--weights=SOURCE --model=NETWORK --output=FILE [flags]"
LAYOUTS = ("keras_inception", "keras_applications")


def define_flags(flag_values: flags.FlagValues) -> None:
    define = common_flags.Definer(flag_values)
    define.text("weights", "The weights to convert: a file, or the tag of public weights.")
    define.model("the id of the network that the weights are for (see the list command)")
    define.network()
    define.output("The file to write.")
    define.overwrite()
    define.switch("use_ema", "Take the moving averages of a checkpoint.")
    define.choice("layout", "Whose layer names the file has.", LAYOUTS, LAYOUTS[0])
    define.text(
        "reference",
        "An .npz file with `images` (n, height, width, 3) in [-1, 1] and the `logits` (n, classes) "
        "that they should give; the largest difference is printed.",
    )


def run(flag_values: flags.FlagValues, arguments: list[str]) -> None:
    if None in (flag_values.weights, flag_values.model, flag_values.output) or arguments:
        raise UsageError(f"convert needs {USAGE}")
    if flag_values.auxiliary and not flag_values.include_top:
        raise UsageError("--auxiliary goes with the classifier, not with --noinclude_top")
    output = check_format(flag_values.output)
    if output.exists() and not flag_values.overwrite:
        raise FileExistsError(f"{output} exists; --overwrite replaces it")
    reference = _reference(flag_values)
    model, report = _converted(flag_values)
    if reference is not None:
        print(f"largest difference of the logits: {_difference(model, *reference):.2e}")
    saved = model
    if flag_values.layout == "keras_applications":
        saved = weights.to_keras_applications(model)
    weights.save(saved, output)
    if report is not None:
        print(_table(report))
    print(f"wrote {output}")


def _converted(flag_values: flags.FlagValues) -> tuple[keras.Model, weights.LoadReport | None]:
    """The network with the weights, and the report of the load."""
    side = flag_values.size
    arguments = {
        "variant": flag_values.variant,
        "classes": flag_values.classes,
        "input_shape": side and (side, side, 3),
        "width_multiplier": flag_values.width_multiplier,
    }
    model = keras_inception.create_model(
        flag_values.model,
        weights=flag_values.weights,  # decides the padding; loaded again below, for the report
        include_top=flag_values.include_top,
        **{name: value for name, value in arguments.items() if value is not None},
    )
    if flag_values.auxiliary:
        model = keras_inception.with_auxiliary_heads(model)
    return model, weights.load(model, flag_values.weights, use_ema=flag_values.use_ema)


def _reference(flag_values: flags.FlagValues) -> tuple[np.ndarray, np.ndarray] | None:
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
        raise ValueError(f"{path} is not an .npz file with images and logits: {error}") from error
    if images.ndim != 4 or logits.ndim != 2 or len(images) != len(logits) or not len(images):
        raise ValueError(
            f"{path} has images {images.shape} and logits {logits.shape}; "
            "expected (n, height, width, channels) and (n, classes)"
        )
    return images, logits


def _difference(model: keras.Model, images: np.ndarray, logits: np.ndarray) -> float:
    """Largest difference of the logits, divided by the reference's largest magnitude."""
    predictions = model.get_layer("predictions")
    inputs = keras.Model(model.inputs, predictions.input).predict_on_batch(images)
    found = inputs.astype("float64") @ predictions.kernel.numpy() + predictions.bias.numpy()
    if found.shape != logits.shape:
        raise ValueError(f"the reference has logits {logits.shape}, the network {found.shape}")
    return np.abs(found - logits).max() / np.abs(logits).max()


def _table(report: weights.LoadReport) -> str:
    """The load report as text: each variable, then the counts."""
    rows = [(path, f"{first:.6g}", f"{last:.6g}") for path, first, last in report.ends]
    lines = [analysis.table(("variable", "first value", "last value"), rows), ""]
    lines.append(f"{len(report.used)} variables of the source used for {len(rows)} of the network")
    reasons = collections.Counter(report.skipped.values())
    lines += [f"{count} skipped: {reason}" for reason, count in sorted(reasons.items())]
    lines += [f"new, not in the source: {path}" for path in report.new]
    return "\n".join(lines)
