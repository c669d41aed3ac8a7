"""Prints the parameters and multiply-accumulates of a network, a row for each end point.

MODEL is the id of a network (see the list command), built without weights, or a .keras file. Only
convolutions and dense layers count multiply-accumulates. --arithmetic prints what the ideas of the
papers save instead, beside what the papers say.
"""

import pathlib

from absl import flags

import keras_inception
from keras_inception import analysis
from keras_inception.cli import keras_file
from keras_inception.cli.errors import UsageError

USAGE = "MODEL | --arithmetic"
# Flags that are arguments of the constructors; a file has been built already.
_ARGUMENTS = (
    "variant",
    "classes",
    "width_multiplier",
    "output_stride",
    "receptive_field",
    "factorized_7x7",
    "batch_norm_auxiliary",
)


def define_flags(flag_values):
    def define(kind, name, help_text, default=None, **limits):
        kind(name, default, help_text, flag_values=flag_values, **limits)

    number, switch = flags.DEFINE_integer, flags.DEFINE_bool
    define(flags.DEFINE_string, "variant", "Which variant of the network.")
    define(number, "input_size", "Side of the square pictures, pixels.", lower_bound=1)
    define(number, "classes", "How many classes.", lower_bound=1)
    define(flags.DEFINE_float, "width_multiplier", "Factor of the number of filters.")
    define(number, "output_stride", "32, 16 or 8.")
    define(number, "receptive_field", "Of inception_v3: 299, 151 or 79.")
    define(switch, "factorized_7x7", "Of inception_v2, variant paper: three 3x3 at the start.")
    define(switch, "batch_norm_auxiliary", "Of inception_v2, variant paper: in the side head.")
    define(switch, "include_top", "Whether the classifier is part of it.")
    define(switch, "auxiliary", "Count the auxiliary heads too.", default=False)
    define(switch, "layers", "A row for each layer.", default=False)
    define(switch, "arithmetic", "Print the papers' arithmetic.", default=False)


def run(flag_values, arguments):
    if len(arguments) != (0 if flag_values.arithmetic else 1):
        raise UsageError(f"summary needs {USAGE}, got {' '.join(arguments) or 'neither'}")
    if flag_values.arithmetic:
        print(_arithmetic_table(analysis.arithmetic()))
        return
    (model,) = arguments
    count = _network_cost if keras_file.is_network(model) else _file_cost
    found = count(model, flag_values)
    print(found if flag_values.layers else found.by_block())


def _network_cost(model_id, flag_values):
    given = {name: flag_values[name].value for name in (*_ARGUMENTS, "include_top")}
    arguments = {name: value for name, value in given.items() if value is not None}
    side = flag_values.input_size
    if side is not None:
        arguments["input_shape"] = (side, side, 3)

    def build():
        try:
            model = keras_inception.create_model(model_id, weights=None, **arguments)
        except TypeError as error:  # an argument that only another network has
            raise UsageError(str(error)) from error
        if None in model.input_shape[1:]:
            native = model.architecture.size
            arguments["input_shape"] = (native, native, 3)
            model = keras_inception.create_model(model_id, weights=None, **arguments)
        return keras_inception.with_auxiliary_heads(model) if flag_values.auxiliary else model

    return analysis.symbolic_cost(build)


def _file_cost(file, flag_values):
    useless = [name for name in (*_ARGUMENTS, "include_top") if flag_values[name].value is not None]
    if useless and pathlib.Path(file).exists():
        raise UsageError(f"--{useless[0]} is for a network to be built, and {file} is a file")
    model = keras_file.load(file)
    if flag_values.auxiliary:
        model = keras_inception.with_auxiliary_heads(model)
    side, shape = flag_values.input_size, model.inputs[0].shape[1:]
    if side is None and None in shape:
        raise UsageError(f"{file} takes pictures of any size; --input_size tells which to count")
    return analysis.cost(model, None if side is None else (side, side, shape[-1]))


def _arithmetic_table(comparisons):
    header = ("claim", "quantity", "before", "after", "times", "less", "paper", "source")
    rows = [
        (
            comparison.claim,
            comparison.quantity,
            comparison.before,
            comparison.after,
            f"{comparison.ratio:5.2f}",
            f"{comparison.saving:4.0%}",
            comparison.printed or "-",
            comparison.source,
        )
        for comparison in comparisons
    ]
    return analysis.table(header, rows)
