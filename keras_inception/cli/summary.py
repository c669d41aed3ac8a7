"""Prints the parameters and multiply-accumulates of a network, a row for each end point.

--model is a .keras or .h5 file, or the id of a network (see the list command), which is then built
without weights. Only convolutions and dense layers count multiply-accumulates. --arithmetic prints
what the ideas of the papers save instead, beside what the papers say.
"""

from __future__ import annotations

import inspect
from typing import Any

import keras
from absl import flags

import keras_inception
from keras_inception import analysis
from keras_inception.cli import common_flags, models
from keras_inception.cli.errors import UsageError

USAGE = "--model=MODEL [flags] | --arithmetic"
# Flags that are arguments of the constructors; a file has been built already.
_ARGUMENTS = (
    "variant",
    "classes",
    "width_multiplier",
    "output_stride",
    "receptive_field",
    "factorized_7x7",
    "batch_norm_auxiliary",
    "include_top",
)


def define_flags(flag_values: flags.FlagValues) -> None:
    define = common_flags.Definer(flag_values)
    define.model(common_flags.RANDOM_MODEL)
    define.network()
    define.integer("output_stride", "Stride of the last grid: 32, 16 or 8 (default: 32).")
    define.integer(
        "receptive_field", "Of inception_v3: side of its pictures, 299, 151 or 79 (default: 299)."
    )
    define.switch(
        "factorized_7x7",
        "Of inception_v2, variant paper: begin with three 3x3 convolutions (default: true).",
        None,
    )
    define.switch(
        "batch_norm_auxiliary",
        "Of inception_v2, variant paper: normalize the auxiliary head too (default: true).",
        None,
    )
    define.switch("layers", "Print a row for each layer.")
    define.switch("arithmetic", "Print the papers' arithmetic.")


def run(flag_values: flags.FlagValues, arguments: list[str]) -> None:
    model = flag_values.model
    if (model is None) != flag_values.arithmetic or arguments:
        raise UsageError(f"summary needs {USAGE}")
    if flag_values.arithmetic:
        print(_arithmetic_table(analysis.arithmetic()))
        return
    count = _network_cost if models.is_network(model) else _file_cost
    found = count(model, flag_values)
    print(found if flag_values.layers else found.by_block())


def _network_cost(network: str, flag_values: flags.FlagValues) -> analysis.Cost:
    names = [name for name in _ARGUMENTS if common_flags.given(flag_values, name)]
    _check_arguments(network, names)
    arguments: dict[str, Any] = {name: flag_values[name].value for name in names}
    side = flag_values.size
    if side is not None:
        arguments["input_shape"] = (side, side, 3)

    def build() -> keras.Model:
        model = keras_inception.create_model(network, weights=None, **arguments)
        if None in model.input_shape[1:]:
            native = model.architecture.size
            arguments["input_shape"] = (native, native, 3)
            model = keras_inception.create_model(network, weights=None, **arguments)
        return keras_inception.with_auxiliary_heads(model) if flag_values.auxiliary else model

    return analysis.symbolic_cost(build)


def _check_arguments(network: str, names: list[str]) -> None:
    """Raises UsageError for an argument that only other networks have."""
    (builder,) = {info.builder for info in keras_inception.list_models() if info.id == network}
    known = inspect.signature(getattr(keras_inception, builder)).parameters
    for name in names:
        if name not in known:
            raise UsageError(f"{network} has no --{name}")


def _file_cost(file: str, flag_values: flags.FlagValues) -> analysis.Cost:
    models.check(file)
    for name in _ARGUMENTS:
        if common_flags.given(flag_values, name):
            raise UsageError(f"--{name} is for a network to be built, and {file} is a file")
    model = models.load(file)
    if flag_values.auxiliary:
        model = keras_inception.with_auxiliary_heads(model)
    side, shape = flag_values.size, model.inputs[0].shape[1:]
    if side is None and None in shape:
        raise UsageError(f"{file} takes pictures of any size; --size says which to count")
    return analysis.cost(model, None if side is None else (side, side, shape[-1]))


def _arithmetic_table(comparisons: list[analysis.Comparison]) -> str:
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
