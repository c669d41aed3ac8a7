"""The modules of BN-Inception, 1502.03167 Fig. 5 (the table of the appendix)."""

import keras

from keras_inception.layers.branches import Box, avg_pool, concat_branches, conv, max_pool
from keras_inception.renamed import joined_arguments


@joined_arguments(f3=("f3_reduce", "f3"), d3=("d3_reduce", "d3"))
def bn_inception_module(
    x: keras.KerasTensor,
    f1: int,
    f3: tuple[int, int],
    d3: tuple[int, int],
    pool_proj: int,
    name: str,
    pool: Box = avg_pool,
    box: Box = conv,
) -> keras.KerasTensor:
    """A module of stride 1: GoogLeNet's, with two 3x3 in place of the 5x5.

    The widths are a row of Fig. 5, from left to right.

    Args:
        x: (batch, height, width, channels).
        f1: "#1x1".
        f3: "#3x3 reduce" and "#3x3".
        d3: "double #3x3 reduce" and "double #3x3".
        pool_proj: width of the pool projection, in the row's last column.
        name: name of the concatenation.
        pool: `avg_pool` or `max_pool`, as the row's last column says.
        box: `conv`, or a variant of it.

    Returns:
        (batch, height, width, f1 + f3[1] + d3[1] + pool_proj).

    Example:

    >>> grid = keras.Input((28, 28, 192))
    >>> bn_inception_module(grid, 64, (64, 64), (64, 96), 32, name="mixed_3b").shape
    (None, 28, 28, 256)
    """
    return concat_branches(
        x,
        name,
        [box(f1, 1)],
        [box(f3[0], 1), box(f3[1], 3)],
        [box(d3[0], 1), box(d3[1], 3), box(d3[1], 3)],
        [pool(3), box(pool_proj, 1)],
    )


@joined_arguments(f3=("f3_reduce", "f3"), d3=("d3_reduce", "d3"))
def bn_inception_reduction(
    x: keras.KerasTensor, f3: tuple[int, int], d3: tuple[int, int], name: str, box: Box = conv
) -> keras.KerasTensor:
    """A module of stride 2 (3c and 4e of Fig. 5): no 1x1 branch, and the pool passes its input on.

    Args:
        x: (batch, height, width, channels).
        f3: "#3x3 reduce" and "#3x3".
        d3: "double #3x3 reduce" and "double #3x3".
        name: name of the concatenation.
        box: `conv`, or a variant of it.

    Returns:
        (batch, height / 2, width / 2, f3[1] + d3[1] + channels).

    Example:

    >>> grid = keras.Input((28, 28, 320))
    >>> bn_inception_reduction(grid, (128, 160), (64, 96), name="mixed_4a").shape
    (None, 14, 14, 576)
    """
    return concat_branches(
        x,
        name,
        [box(f3[0], 1), box(f3[1], 3, 2)],
        [box(d3[0], 1), box(d3[1], 3), box(d3[1], 3, 2)],
        [max_pool(3, 2)],
    )
