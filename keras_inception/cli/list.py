"""Lists the networks: their variants, sizes of pictures, public weights and auxiliary heads.

`id` is what --model takes on the command line, and `keras_inception.create_model` in Python.
`constructor` is the function of `keras_inception` that builds the network. `size` is the native
side of the square pictures and `least` the smallest one, in pixels. The first of the weights are
loaded by default; a network without any starts out random.

--weights lists the public files themselves. * marks the default.
"""

from __future__ import annotations

from absl import flags

from keras_inception import list_models
from keras_inception.analysis import table
from keras_inception.cli import common_flags
from keras_inception.cli.errors import UsageError
from keras_inception.weights import CATALOG

USAGE = "[--weights]"
_HEADER = (
    "id",
    "variant",
    "constructor",
    "size",
    "least",
    "classes",
    "weights",
    "auxiliary",
    "source",
)
_WEIGHTS_HEADER = (
    "network",
    "tag",
    "top-1",
    "top-5",
    "size",
    "crop",
    "interpolation",
    "mean",
    "deviation",
    "bytes",
    "hash",
    "licence",
    "source",
    "URL",
)


def define_flags(flag_values: flags.FlagValues) -> None:
    common_flags.Definer(flag_values).switch("weights", "List the public weights.")


def run(flag_values: flags.FlagValues, arguments: list[str]) -> None:
    if arguments:
        raise UsageError(f"list takes no arguments, got {' '.join(arguments)}")
    print(_weights() if flag_values.weights else _networks())


def _networks() -> str:
    rows = [
        (
            info.id,
            info.variant or "-",
            info.builder,
            info.size,
            info.minimum_size,
            info.classes,
            ", ".join(info.weights) or "-",
            ", ".join(info.auxiliary) or "-",
            info.source,
        )
        for info in list_models()
    ]
    return table(_HEADER, rows)


def _weights() -> str:
    rows = [
        (
            row.network + (f" ({row.variant})" if row.variant else ""),
            row.tag + (" *" if row.default else ""),
            _percent(row.top1_accuracy),
            _percent(row.top5_accuracy),
            row.preprocessing.size,
            f"{row.preprocessing.crop_fraction:g} of {row.preprocessing.crop_of}",
            row.preprocessing.interpolation,
            _numbers(row.preprocessing.mean),
            _numbers(row.preprocessing.deviation),
            f"{row.size:,}" if row.size else "?",
            f"{row.hash_kind} {row.hash[:12]}..." if row.hash else "none published",
            row.licence,
            row.source,
            row.url,
        )
        for row in CATALOG
    ]
    return table(_WEIGHTS_HEADER, rows)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"


def _numbers(rgb: tuple[float, ...]) -> str:
    """The values for red, green and blue, or one value if all are equal."""
    return " ".join(f"{value:g}" for value in (rgb[:1] if len(set(rgb)) == 1 else rgb))
