"""The modules of BN-Inception, 1502.03167 Fig. 5 (the table of the appendix)."""

from keras_inception.layers.branches import avg_pool, concat_branches, conv, max_pool


def bn_inception_module(
    x, f1, f3_reduce, f3, d3_reduce, d3, pool_proj, name, pool=avg_pool, box=conv
):
    """A module of stride 1: GoogLeNet's, with two 3x3 in place of the 5x5.

    Args:
        x: (batch, height, width, channels).
        f1 ... pool_proj: a row of Fig. 5: #1x1, #3x3 reduce, #3x3, double #3x3 reduce, double #3x3
            and the pool projection's width.
        pool: `avg_pool` or `max_pool`, as the row's last column says.
        box: `conv`, or a variant of it.

    Returns:
        (batch, height, width, f1 + f3 + d3 + pool_proj).

    Example:

    >>> bn_inception_module(keras.Input((28, 28, 192)), 64, 64, 64, 64, 96, 32, name="a").shape
    (None, 28, 28, 256)
    """
    return concat_branches(
        x,
        name,
        [box(f1, 1)],
        [box(f3_reduce, 1), box(f3, 3)],
        [box(d3_reduce, 1), box(d3, 3), box(d3, 3)],
        [pool(3), box(pool_proj, 1)],
    )


def bn_inception_reduction(x, f3_reduce, f3, d3_reduce, d3, name, box=conv):
    """A module of stride 2 (3c and 4e of Fig. 5): no 1x1 branch, the pool passes its input on.

    Args:
        x: (batch, height, width, channels).

    Returns:
        (batch, height / 2, width / 2, f3 + d3 + channels).

    Example:

    >>> bn_inception_reduction(keras.Input((28, 28, 320)), 128, 160, 64, 96, name="c").shape
    (None, 14, 14, 576)
    """
    return concat_branches(
        x,
        name,
        [box(f3_reduce, 1), box(f3, 3, 2)],
        [box(d3_reduce, 1), box(d3, 3), box(d3, 3, 2)],
        [max_pool(3, 2)],
    )
