"""The modules of GoogLeNet, 1409.4842 Fig. 2."""

from keras_inception.layers.branches import biased_conv, concat_branches, conv, max_pool


def naive_module(x, filters_1x1, filters_3x3, filters_5x5, name):
    """The naive Inception module (1409.4842 Fig. 2a): no reduction before the large filters.

    The paper draws it to show why it does not work: the pool hands all its channels on, so that the
    grid gets wider with every module.

    Args:
        x: (batch, height, width, channels).

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


def reduced_module(x, f1, f3_reduce, f3, f5_reduce, f5, pool_proj, name, size=5, box=conv):
    """The Inception module with dimension reductions (1409.4842 Fig. 2b, widths of Table 1).

    Args:
        x: (batch, height, width, channels).
        f1 ... pool_proj: a row of Table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
        size: kernel of the "5x5" branch; the released TensorFlow network has 3.
        box: `conv` (batch normalization) or `biased_conv` (the paper's).

    Returns:
        (batch, height, width, f1 + f3 + f5 + pool_proj).

    Example:

    >>> reduced_module(keras.Input((28, 28, 192)), 64, 96, 128, 16, 32, 32, name="mixed_3b").shape
    (None, 28, 28, 256)
    """
    return concat_branches(
        x,
        name,
        [box(f1, 1)],
        [box(f3_reduce, 1), box(f3, 3)],
        [box(f5_reduce, 1), box(f5, size)],
        [max_pool(3), box(pool_proj, 1)],
    )
