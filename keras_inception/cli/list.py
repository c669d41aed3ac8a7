"""Lists the networks: their variants, sizes of pictures, public weights and auxiliary heads.

`id` is what `keras_inception.create_model` and the summary command call a network, `constructor`
the function of `keras_inception` that builds it. `size` is the native side of the square pictures,
`least` the smallest, in pixels. The first of the weights are loaded by default; where there are
none a network starts out random.
"""

from keras_inception import list_models
from keras_inception.analysis import table
from keras_inception.cli.errors import UsageError

USAGE = ""
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


def define_flags(flag_values):
    """There are none of its own."""


def run(flag_values, arguments):
    if arguments:
        raise UsageError(f"list takes no arguments, got {' '.join(arguments)}")
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
    print(table(_HEADER, rows))
