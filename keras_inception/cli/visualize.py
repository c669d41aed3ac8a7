"""Draws a network, or what it sees, into a picture or an SVG file.

KIND is one of
  draw         a network with its shapes, or one module with its branches (.svg)
  grad_cam     which parts of --image speak for --class
  filters      the kernels of the first layer
  activations  the channels of an --end_point for --image
  class_image  a picture that --class likes best
  deep_dream   --image, as the grids of --end_point would have it
  feature_map  the pictures of --data as points, similar ones near each other (.svg)

--model is a .keras or .h5 file, or the id of a network (see the list command), which then has its
public weights; draw needs no weights. Pictures are written as .png, .jpg or .webp. --size is the
shorter side if --image is not square. Class names are read from NAME.labels.txt or labels.txt
beside the model.
"""

from __future__ import annotations

import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import flags

import keras_inception
from keras_inception.analysis import visualize
from keras_inception.analysis.visualize.pictures import check_suffix
from keras_inception.cli import common_flags, models
from keras_inception.cli.errors import UsageError
from keras_inception.data import as_dataset
from keras_inception.data.preprocessing import decode_image
from keras_inception.files import refuse_existing

USAGE = "KIND --model=MODEL --output=FILE [--image=FILE] [flags]"
KINDS = {  # kind: flags that it needs, and those that it may have
    "draw": ((), ("variant", "block", "expand", "size", "repeats", "auxiliary")),
    "grad_cam": (("image",), ("class", "end_point", "size")),
    "filters": ((), ()),
    "activations": (("image", "end_point"), ("channels", "size")),
    "class_image": (("class",), ("size", "steps", "seed")),
    "deep_dream": (("image", "end_point"), ("octaves", "steps", "tile", "seed")),
    "feature_map": (
        ("data",),
        ("end_point", "method", "split", "limit", "sprites", "seed", "data_dir"),
    ),
}
_FIGURES = ("draw", "feature_map")


def define_flags(flag_values: flags.FlagValues) -> None:
    define = common_flags.Definer(flag_values)
    define.model()
    define.variant()
    define.output("The file to write.")
    define.overwrite()
    define.text("image", "A picture: JPEG, PNG, GIF or BMP.")
    define.text("class", "Number or name of the class (default for grad_cam: the likeliest).")
    define.texts(
        "end_point",
        "Name of an end point; for deep_dream also NAME:WEIGHT.",
    )
    define.size()
    define.integer("channels", "Number of channels to draw, the most active first (default: all).")
    define.integer("steps", "Steps for each size of the picture (default: 64; deep_dream: 10).")
    define.integer("octaves", "Number of sizes of the picture (default: 4).")
    define.integer("tile", "Largest side that goes through the network at once (default: 512).")
    define.text("block", "Draw this end point alone, layer by layer; or stem.")
    expand = "End points to draw layer by layer, separated by commas; stem; all (default: none)."
    flags.DEFINE_list("expand", None, expand, flag_values=flag_values)
    define.switch("repeats", "Draw equal modules in a row as one.", default=True)
    define.auxiliary()
    define.data()
    define.data_dir()
    define.split(without="test")
    define.integer("limit", "Largest number of pictures (default: 1000).", least=3)
    define.choice("method", "How points are placed (default: pca).", ["pca", "tsne"])
    define.switch("sprites", "Draw the pictures themselves as points.")
    define.seed("class_image, deep_dream and tsne", without="0")


def run(flag_values: flags.FlagValues, arguments: list[str]) -> None:
    kind = _kind(flag_values, arguments)
    output = pathlib.Path(flag_values.output)
    if kind not in _FIGURES:
        check_suffix(output)
    elif output.suffix.lower() != ".svg":
        raise ValueError(f"{output}: the file of {kind} must end in .svg")
    refuse_existing(flag_values.overwrite, output)
    names = [n for part in KINDS[kind] for n in part if common_flags.given(flag_values, n)]
    options: dict[str, Any] = {name: flag_values[name].value for name in names}
    if "image" in options:
        options["image"] = _read(options["image"])
    if kind == "draw":
        _draw(flag_values.model, options).save(output)
    else:
        model = models.load(flag_values.model)
        if "class" in options:
            options["class_index"] = _class(model, flag_values.model, options.pop("class"))
        made = _make(kind, model, options)
        if kind == "feature_map":
            made.figure.save(output)
        else:
            visualize.write_picture(made, output)
    print(f"wrote {output}")


def _kind(flag_values: flags.FlagValues, arguments: list[str]) -> str:
    """The kind, if all flags that it needs are there and no others."""
    if len(arguments) != 1 or flag_values.model is None or flag_values.output is None:
        raise UsageError(f"visualize needs {USAGE}")
    (kind,) = arguments
    if kind not in KINDS:
        raise UsageError(f"no kind {kind!r}; the kinds are {', '.join(KINDS)}")
    needed, possible = KINDS[kind]
    for name in needed:
        if not common_flags.given(flag_values, name):
            raise UsageError(f"visualize {kind} needs --{name}")
    every = {name for flags_of in KINDS.values() for part in flags_of for name in part}
    for name in sorted(every - {*needed, *possible}):
        if common_flags.given(flag_values, name):
            raise UsageError(f"visualize {kind} has no --{name}")
    return kind


def _draw(source: str, options: dict[str, Any]) -> visualize.Figure:
    """The drawing of a network that is built for it, or of a file."""
    variant, auxiliary = options.pop("variant", None), options.pop("auxiliary", False)
    side, shape = options.pop("size", None), None
    if models.is_network(source):
        arguments = {} if variant is None else {"variant": variant}
        if side is not None:
            arguments["input_shape"] = (side, side, 3)
        model = keras_inception.create_model(source, weights=None, **arguments)
    elif variant is not None:
        raise UsageError(f"--variant is for a network to be built, and {source} is not one")
    else:
        model = models.load(source)
        shape = side and (side, side, model.inputs[0].shape[-1])
    if auxiliary:
        model = keras_inception.with_auxiliary_heads(model)
    return visualize.draw(model, input_shape=shape, **options)


def _make(kind: str, model: keras.Model, options: dict[str, Any]) -> Any:
    """A picture, or a `FeatureMap`."""
    end_points = options.pop("end_point", None)
    if kind == "deep_dream":
        end_points = dict(map(_weighted, end_points))
        return visualize.deep_dream(model, end_points=end_points, **options)
    if end_points is not None:
        if len(end_points) > 1:
            raise UsageError(f"visualize {kind} takes one --end_point")
        options["layer" if kind == "grad_cam" else "end_point"] = end_points[0]
    if kind == "grad_cam":
        return visualize.overlay(options["image"], visualize.grad_cam(model, **options))
    if kind == "feature_map":
        return _feature_map(model, options)
    return getattr(visualize, kind)(model, **options)


def _feature_map(model: keras.Model, options: dict[str, Any]) -> visualize.FeatureMap:
    where = [options.pop(name, None) for name in ("data", "split", "data_dir")]
    drawing = {n: options.pop(n) for n in ("method", "sprites", "seed") if n in options}
    found = visualize.features(model, as_dataset(*where), **options)
    return visualize.feature_map(found, **drawing)


def _weighted(end_point: str) -> tuple[str, float]:
    """`NAME` or `NAME:WEIGHT` as a pair."""
    name, _, weight = end_point.partition(":")
    try:
        return name, float(weight) if weight else 1.0
    except ValueError as error:
        raise UsageError(f"--end_point={end_point}: {weight!r} is not a weight") from error


def _class(model: keras.Model, source: str, name: str) -> int:
    """The number of a class that is given by number or name."""
    if name.isdecimal():
        return int(name)
    names = models.class_names(source, model.outputs[0].shape[-1])
    if name not in names:
        shown = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")
        raise ValueError(f"no class {name!r}; the classes are {shown}")
    return names.index(name)


def _read(file: str) -> np.ndarray:
    """The picture in a file, uint8 (height, width, 3)."""
    encoded = pathlib.Path(file).read_bytes()
    try:
        return decode_image(encoded).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"{file} is not a picture that can be read") from error
