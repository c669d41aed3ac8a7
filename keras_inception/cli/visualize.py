"""Draws a network, or what it sees, into a picture or an SVG file.

KIND is one of
  draw         a network with its shapes, or one module with its branches (.svg)
  grad_cam     which parts of --image speak for --class
  filters      the kernels of the first layer
  activations  the channels of an --end_point for --image
  class_image  a picture that --class likes best
  deep_dream   --image, as the --end_point grids would have it
  feature_map  the pictures of --data as points, like ones near each other (.svg)

--model is a .keras or .h5 file; for draw also the id of a network (see the list command). Pictures
are written as .png, .jpg or .webp. The names of classes are read from NAME.labels.txt or labels.txt
beside the model.
"""

import pathlib

import tensorflow as tf
from absl import flags

import keras_inception
from keras_inception import labels
from keras_inception.analysis import visualize
from keras_inception.analysis.visualize.pictures import check_suffix
from keras_inception.cli import common_flags, keras_file
from keras_inception.cli.errors import UsageError
from keras_inception.data.preprocessing import decode_image
from keras_inception.files import refuse_existing

USAGE = "KIND --model=FILE --out=FILE [--image=FILE]"
KINDS = {  # kind: flags that it needs, and those that it may have
    "draw": ((), ("variant", "block", "expand", "input_size", "repeats", "auxiliary")),
    "grad_cam": (("image",), ("class", "end_point", "input_size")),
    "filters": ((), ()),
    "activations": (("image", "end_point"), ("channels", "input_size")),
    "class_image": (("class",), ("input_size", "steps", "seed")),
    "deep_dream": (("image", "end_point"), ("octaves", "steps", "tile", "seed")),
    "feature_map": (
        ("data",),
        ("end_point", "method", "split", "limit", "sprites", "seed", "data_dir"),
    ),
}
_FIGURES = ("draw", "feature_map")
# Flags whose name is not that of the argument.
_ARGUMENTS = {"class": "class_index", "input_size": "size", "data": "dataset"}


def define_flags(flag_values):
    def define(kind, name, help_text, default=None, **limits):
        kind(name, default, help_text, flag_values=flag_values, **limits)

    text, number, switch = flags.DEFINE_string, flags.DEFINE_integer, flags.DEFINE_bool
    define(text, "model", "The model's file, or a network's id.")
    define(text, "image", "A picture: JPEG, PNG, GIF or BMP.")
    define(text, "out", "The file to write.")
    define(switch, "overwrite", "Replace what is at --out.", default=False)
    define(text, "class", "Number or name of the class; of grad_cam by default the likeliest.")
    define(
        flags.DEFINE_multi_string,
        "end_point",
        "Name of an end point; of deep_dream NAME:WEIGHT too, and several.",
    )
    define(number, "input_size", "Shorter side in which it sees pictures, pixels.", lower_bound=1)
    define(number, "channels", "Draw so many, the most active first.", lower_bound=1)
    define(number, "steps", "Of each size of the picture.", lower_bound=1)
    define(number, "octaves", "How many sizes of the picture.", lower_bound=1)
    define(number, "tile", "Largest side put through the network, pixels.", lower_bound=1)
    define(text, "variant", "Which variant of the network.")
    define(text, "block", "Draw this end point alone, layer by layer; or stem.")
    define(flags.DEFINE_list, "expand", "End points to draw layer by layer; stem; all.")
    define(switch, "repeats", "Draw equal modules in a row as one.")
    define(switch, "auxiliary", "Draw the auxiliary heads too.")
    define(text, "data", "A tensorflow-datasets name, folder:PATH, or photo_patches.")
    define(text, "split", "Which part of the data set; by default test.")
    define(number, "limit", "At most so many pictures; by default 1000.", lower_bound=3)
    flags.DEFINE_enum(
        "method",
        None,
        ["pca", "tsne"],
        "How points are placed; by default pca.",
        flag_values=flag_values,
    )
    define(switch, "sprites", "Draw the pictures themselves as points.")
    define(number, "seed", "Of all that is random; by default 0.", lower_bound=0)
    common_flags.define_data_dir(flag_values)


def run(flag_values, arguments):
    kind = _kind(flag_values, arguments)
    out = pathlib.Path(flag_values.out)
    if kind not in _FIGURES:
        check_suffix(out)
    elif out.suffix.lower() != ".svg":
        raise ValueError(f"{out}: the file of {kind} must end in .svg")
    refuse_existing(flag_values.overwrite, out)
    image = None if flag_values.image is None else _read(flag_values.image)
    given = {name: flag_values[name].value for needed in KINDS[kind] for name in needed}
    options = {_ARGUMENTS.get(n, n): value for n, value in given.items() if value is not None}
    if kind == "draw":
        _draw(flag_values.model, options).save(out)
    else:
        model = keras_file.load(flag_values.model)
        if "class_index" in options:
            options["class_index"] = _class(model, flag_values.model, options["class_index"])
        made = _make(kind, model, image, options)
        made.figure.save(out) if kind == "feature_map" else visualize.write_picture(made, out)
    print(f"wrote {out}")


def _kind(flag_values, arguments):
    """The kind, if all flags that it needs are there and no others."""
    if len(arguments) != 1 or flag_values.model is None or flag_values.out is None:
        raise UsageError(f"visualize needs {USAGE}")
    (kind,) = arguments
    if kind not in KINDS:
        raise UsageError(f"no kind {kind!r}; the kinds are {', '.join(KINDS)}")
    needed, possible = KINDS[kind]
    for name in needed:
        if flag_values[name].value is None:
            raise UsageError(f"visualize {kind} needs --{name}")
    every = {name for flags_of in KINDS.values() for part in flags_of for name in part}
    for name in sorted(every - {*needed, *possible}):
        if flag_values[name].value is not None:
            raise UsageError(f"visualize {kind} has no --{name}")
    return kind


def _draw(model_id, options):
    """The drawing of a network that is built for it, or of a file."""
    variant, auxiliary = options.pop("variant", None), options.pop("auxiliary", False)
    side, shape = options.pop("size", None), None
    if keras_file.is_network(model_id):
        arguments = {} if variant is None else {"variant": variant}
        if side is not None:
            arguments["input_shape"] = (side, side, 3)
        model = keras_inception.create_model(model_id, weights=None, **arguments)
    elif variant is not None:
        raise UsageError(f"--variant is for a network to be built, and {model_id} is none")
    else:
        model = keras_file.load(model_id)
        shape = side and (side, side, model.inputs[0].shape[-1])
    if auxiliary:
        model = keras_inception.with_auxiliary_heads(model)
    return visualize.draw(model, input_shape=shape, **options)


def _make(kind, model, image, options):
    options.pop("image", None)
    end_points = options.pop("end_point", None)
    if kind == "deep_dream":
        return visualize.deep_dream(model, image, dict(map(_weighted, end_points)), **options)
    if end_points is not None:
        if len(end_points) > 1:
            raise UsageError(f"visualize {kind} takes one --end_point")
        options["layer" if kind == "grad_cam" else "end_point"] = end_points[0]
    if kind == "grad_cam":
        return visualize.overlay(image, visualize.grad_cam(model, image, **options))
    if kind == "feature_map":
        drawn = {n: options.pop(n) for n in ("method", "sprites", "seed") if n in options}
        return visualize.feature_map(visualize.features(model, **options), **drawn)
    images = () if image is None else (image,)
    return getattr(visualize, kind)(model, *images, **options)


def _weighted(end_point):
    """`NAME` or `NAME:WEIGHT` as a pair."""
    name, _, weight = end_point.partition(":")
    try:
        return name, float(weight) if weight else 1.0
    except ValueError as error:
        raise UsageError(f"--end_point={end_point}: {weight!r} is no weight") from error


def _class(model, file, name):
    """The number of a class that is given by number or name."""
    if name.isdecimal():
        return int(name)
    names = labels.class_names(file, model.outputs[0].shape[-1])
    if name not in names:
        shown = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")
        raise ValueError(f"no class {name!r}; the classes are {shown}")
    return names.index(name)


def _read(file):
    """The picture in a file, uint8 (height, width, 3)."""
    encoded = pathlib.Path(file).read_bytes()
    try:
        return decode_image(encoded).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"{file} is not a picture that can be read") from error
