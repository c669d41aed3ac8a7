"""The modules and grid reductions of Inception-v2 and v3, 1512.00567 Figs. 5, 6, 7 and 10.

The widths are those of the released network (TF-Slim `nets/inception_v3.py`). The paper prints only
the widths of whole grids, and these widths add up to them.
"""

import keras

from keras_inception.layers.branches import Box, avg_pool, concat_branches, conv, max_pool, split
from keras_inception.renamed import joined_arguments


def five_by_five_module(x: keras.KerasTensor, pool_filters: int, name: str) -> keras.KerasTensor:
    """The released 35 x 35 module: GoogLeNet's 5x5 in one branch, two 3x3 in another.

    It is TF-Slim's `Mixed_5b` to `Mixed_5d`. The paper has `double_3x3_module` here.

    Args:
        x: (batch, height, width, channels).
        pool_filters: width of the 1x1 behind the pool: 32, 64 and 64 in the released network.
        name: name of the concatenation.

    Returns:
        (batch, height, width, 224 + pool_filters).

    Example:

    >>> five_by_five_module(keras.Input((35, 35, 192)), 32, name="mixed_5b").shape
    (None, 35, 35, 256)
    """
    return concat_branches(
        x,
        name,
        [conv(64, 1)],
        [conv(48, 1), conv(64, 5)],
        [conv(64, 1), conv(96, 3), conv(96, 3)],
        [avg_pool(3), conv(pool_filters, 1)],
    )


def double_3x3_module(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """The 35 x 35 module of the paper (1512.00567 Fig. 5): two 3x3 for GoogLeNet's 5x5.

    Args:
        x: (batch, height, width, channels).

    Returns:
        (batch, height, width, 288); section 6 names the 288 filters.

    Example:

    >>> double_3x3_module(keras.Input((35, 35, 288)), name="mixed_5b").shape
    (None, 35, 35, 288)
    """
    return concat_branches(
        x,
        name,
        [conv(64, 1)],
        [conv(48, 1), conv(64, 3)],
        [conv(64, 1), conv(96, 3), conv(96, 3)],
        [avg_pool(3), conv(64, 1)],
    )


@joined_arguments(f3=("f3_reduce", "f3"), d3=("d3_reduce", "d3"))
def grid_reduction(
    x: keras.KerasTensor, f3: tuple[int, int], d3: tuple[int, int], name: str
) -> keras.KerasTensor:
    """Halves the grid without a bottleneck: convolutions and pool side by side (Fig. 10).

    The released v3 has `reduction_a` (no 1x1 before the single 3x3) and `factorized_reduction`. The
    paper does not print the widths.

    Args:
        x: (batch, height, width, channels).
        f3: widths of the branch of one 3x3: its 1x1, then the 3x3 of stride 2.
        d3: widths of the branch of two 3x3: its 1x1, then both, the second of stride 2.
        name: name of the concatenation.

    Returns:
        (batch, (height - 1) / 2, (width - 1) / 2, f3[1] + d3[1] + channels).

    Example:

    >>> grid_reduction(keras.Input((35, 35, 288)), (192, 384), (64, 96), name="mixed_6a").shape
    (None, 17, 17, 768)
    """
    return concat_branches(
        x,
        name,
        [conv(f3[0], 1), conv(f3[1], 3, 2, "valid")],
        [conv(d3[0], 1), conv(d3[1], 3), conv(d3[1], 3, 2, "valid")],
        [max_pool(3, 2, "valid")],
    )


def factorized_module(
    x: keras.KerasTensor, filters: int, name: str, n: int = 7
) -> keras.KerasTensor:
    """The 17 x 17 module: n x n factorized into 1 x n and n x 1 (1512.00567 Fig. 6).

    It is TF-Slim's `Mixed_6b` to `Mixed_6e`, and has their order of 1 x n and n x 1.

    Args:
        x: (batch, height, width, channels).
        filters: width of the inner convolutions: 128, 160, 160 and 192 in the released network.
        name: name of the concatenation.
        n: length of the factorized convolutions; the paper has 7 on the 17 x 17 grid.

    Returns:
        (batch, height, width, 768).

    Example:

    >>> factorized_module(keras.Input((17, 17, 768)), 128, name="mixed_6b").shape
    (None, 17, 17, 768)
    """
    row, column = (1, n), (n, 1)
    return concat_branches(
        x,
        name,
        [conv(192, 1)],
        [conv(filters, 1), conv(filters, row), conv(192, column)],
        [conv(filters, 1)] + [conv(filters, k) for k in (column, row, column)] + [conv(192, row)],
        [avg_pool(3), conv(192, 1)],
    )


def factorized_reduction(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Reduction of 17 x 17 to 8 x 8 in the released network (TF-Slim `Mixed_7a`).

    The paper has Fig. 10 here, which is `grid_reduction`.

    Args:
        x: (batch, height, width, channels).

    Returns:
        (batch, (height - 1) / 2, (width - 1) / 2, 512 + channels).

    Example:

    >>> factorized_reduction(keras.Input((17, 17, 768)), name="mixed_7a").shape
    (None, 8, 8, 1280)
    """
    return concat_branches(
        x,
        name,
        [conv(192, 1), conv(320, 3, 2, "valid")],
        [conv(192, 1), conv(192, (1, 7)), conv(192, (7, 1)), conv(192, 3, 2, "valid")],
        [max_pool(3, 2, "valid")],
    )


def expanded_module(x: keras.KerasTensor, name: str, pool: Box = avg_pool) -> keras.KerasTensor:
    """The 8 x 8 module with expanded filter banks (1512.00567 Fig. 7; TF-Slim `Mixed_7b`, `7c`).

    Args:
        x: (batch, height, width, channels).
        name: name of the concatenation.
        pool: `avg_pool`, or `max_pool` as in the last module of the graph of 2015-12-05.

    Returns:
        (batch, height, width, 2048).

    Example:

    >>> expanded_module(keras.Input((8, 8, 1280)), name="mixed_7b").shape
    (None, 8, 8, 2048)
    """
    return concat_branches(
        x,
        name,
        [conv(320, 1)],
        [conv(384, 1), split(conv(384, (1, 3)), conv(384, (3, 1)))],
        [conv(448, 1), conv(384, 3), split(conv(384, (1, 3)), conv(384, (3, 1)))],
        [pool(3), conv(192, 1)],
    )
