"""The modules of GoogLeNet, 1409.4842 Fig. 2."""

import keras

from keras_inception.layers.branches import Box, biased_conv, concat_branches, conv, max_pool
from keras_inception.renamed import joined_arguments


def naive_module(
    x: keras.KerasTensor, filters_1x1: int, filters_3x3: int, filters_5x5: int, name: str
) -> keras.KerasTensor:
    """The naive Inception module (1409.4842 Fig. 2a): no reduction before the large filters.

    The paper draws it to show why it does not work: the pool passes all its channels on, so the
    grid gets wider with every module.

    Args:
        x: (batch, height, width, channels).
        filters_1x1, filters_3x3, filters_5x5: widths of the convolutions.
        name: name of the concatenation.

    Returns:
        (batch, height, width, filters_1x1 + filters_3x3 + filters_5x5 + channels).

    Example:

    >>> naive_module(keras.Input((28, 28, 192)), 64, 128, 32, name="mixed_3b").shape
    (None, 28, 28, 416)
    """
    return concat_branches(
        x,
        name,
        [biased_conv(filters_1x1, 1)],
        [biased_conv(filters_3x3, 3)],
        [biased_conv(filters_5x5, 5)],
        [max_pool(3)],
    )


@joined_arguments(f3=("f3_reduce", "f3"), f5=("f5_reduce", "f5"))
def reduced_module(
    x: keras.KerasTensor,
    f1: int,
    f3: tuple[int, int],
    f5: tuple[int, int],
    pool_proj: int,
    name: str,
    size: int = 5,
    box: Box = conv,
) -> keras.KerasTensor:
    """The Inception module with dimension reductions (1409.4842 Fig. 2b, widths of Table 1).

    The widths are a row of Table 1, from left to right.

    Args:
        x: (batch, height, width, channels).
        f1: "#1x1".
        f3: "#3x3 reduce" and "#3x3".
        f5: "#5x5 reduce" and "#5x5".
        pool_proj: "pool proj".
        name: name of the concatenation.
        size: kernel size of the "5x5" branch; the released TensorFlow network has 3.
        box: `conv` (with batch normalization) or `biased_conv` (the paper's).

    Returns:
        (batch, height, width, f1 + f3[1] + f5[1] + pool_proj).

    Example:

    >>> grid = keras.Input((28, 28, 192))
    >>> reduced_module(grid, 64, (96, 128), (16, 32), 32, name="mixed_3b").shape
    (None, 28, 28, 256)
    """
    return concat_branches(
        x,
        name,
        [box(f1, 1)],
        [box(f3[0], 1), box(f3[1], 3)],
        [box(f5[0], 1), box(f5[1], size)],
        [max_pool(3), box(pool_proj, 1)],
    )
