"""The stem and the modules of Inception-v4, 1602.07261 Figs. 3 to 9 and Table 1.

A figure and the released checkpoint may have the two halves of a factorized convolution in
different orders (the stem, the long branch of Inception-B, Inception-C). The checkpoint's order is
built.
"""

import keras

from keras_inception.layers.branches import avg_pool, concat_branches, conv, max_pool, split
from keras_inception.layers.convolution import conv_bn_relu


def inception_v4_stem(x: keras.KerasTensor) -> keras.KerasTensor:
    """The stem of Inception-v4 and of the paper's Inception-ResNet-v2 (Fig. 3).

    The end points are `conv2d_1a_3x3`, `conv2d_2a_3x3`, `conv2d_2b_3x3`, `mixed_3a`, `mixed_4a` and
    `mixed_5a`. Fig. 3 draws the last 3x3 (192) without a stride; the 35 x 35 grid behind it needs a
    stride of 2.

    Args:
        x: images (batch, height, width, channels) in [-1, 1].

    Returns:
        (batch, 35, 35, 384) for 299 x 299 images.

    Example:

    >>> inception_v4_stem(keras.Input((299, 299, 3))).shape
    (None, 35, 35, 384)
    """
    x = conv_bn_relu(x, 32, 3, 2, "valid", name="conv2d_1a_3x3")
    x = conv_bn_relu(x, 32, 3, 1, "valid", name="conv2d_2a_3x3")
    x = conv_bn_relu(x, 64, 3, name="conv2d_2b_3x3")
    x = concat_branches(x, "mixed_3a", [max_pool(3, 2, "valid")], [conv(96, 3, 2, "valid")])
    x = concat_branches(
        x,
        "mixed_4a",
        [conv(64, 1), conv(96, 3, 1, "valid")],
        [conv(64, 1), conv(64, (1, 7)), conv(64, (7, 1)), conv(96, 3, 1, "valid")],
    )
    return concat_branches(x, "mixed_5a", [conv(192, 3, 2, "valid")], [max_pool(3, 2, "valid")])


def inception_a(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Inception-A on the 35 x 35 grid (Fig. 4): 384 channels in and out.

    Example:

    >>> inception_a(keras.Input((35, 35, 384)), name="mixed_5b").shape
    (None, 35, 35, 384)
    """
    return concat_branches(
        x,
        name,
        [conv(96, 1)],
        [conv(64, 1), conv(96, 3)],
        [conv(64, 1), conv(96, 3), conv(96, 3)],
        [avg_pool(3), conv(96, 1)],
    )


def reduction_a(
    x: keras.KerasTensor, k: int, l: int, m: int, n: int, name: str
) -> keras.KerasTensor:
    """Reduction-A from 35 x 35 to 17 x 17 (Fig. 7), shared by v4 and both Inception-ResNets.

    With k, l, m, n = 64, 96, 96, 384 it is TF-Slim's `Mixed_6a` of the released v3.

    Args:
        x: (batch, height, width, channels).
        k, l, m, n: widths, as in Table 1 and in the figure.
        name: name of the concatenation.

    Returns:
        (batch, (height - 1) / 2, (width - 1) / 2, n + m + channels).

    Example:

    >>> grid = keras.Input((35, 35, 384))
    >>> reduction_a(grid, k=192, l=224, m=256, n=384, name="mixed_6a").shape
    (None, 17, 17, 1024)
    """
    return concat_branches(
        x,
        name,
        [conv(n, 3, 2, "valid")],
        [conv(k, 1), conv(l, 3), conv(m, 3, 2, "valid")],
        [max_pool(3, 2, "valid")],
    )


def inception_b(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Inception-B on the 17 x 17 grid (Fig. 5): 1024 channels in and out.

    Fig. 5 prints the second branch as "1x7, 1x7"; it is 1x7, then 7x1, as released.

    Example:

    >>> inception_b(keras.Input((17, 17, 1024)), name="mixed_6b").shape
    (None, 17, 17, 1024)
    """
    return concat_branches(
        x,
        name,
        [conv(384, 1)],
        [conv(192, 1), conv(224, (1, 7)), conv(256, (7, 1))],
        [conv(192, 1), conv(192, (7, 1)), conv(224, (1, 7)), conv(224, (7, 1)), conv(256, (1, 7))],
        [avg_pool(3), conv(128, 1)],
    )


def reduction_b(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Reduction-B from 17 x 17 to 8 x 8 (Fig. 8): 1024 channels in, 1536 out.

    Example:

    >>> reduction_b(keras.Input((17, 17, 1024)), name="mixed_7a").shape
    (None, 8, 8, 1536)
    """
    return concat_branches(
        x,
        name,
        [conv(192, 1), conv(192, 3, 2, "valid")],
        [conv(256, 1), conv(256, (1, 7)), conv(320, (7, 1)), conv(320, 3, 2, "valid")],
        [max_pool(3, 2, "valid")],
    )


def inception_c(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Inception-C on the 8 x 8 grid (Fig. 6): 1536 channels in and out.

    Example:

    >>> inception_c(keras.Input((8, 8, 1536)), name="mixed_7b").shape
    (None, 8, 8, 1536)
    """
    return concat_branches(
        x,
        name,
        [conv(256, 1)],
        [conv(384, 1), split(conv(256, (1, 3)), conv(256, (3, 1)))],
        [
            conv(384, 1),
            conv(448, (3, 1)),
            conv(512, (1, 3)),
            split(conv(256, (1, 3)), conv(256, (3, 1))),
        ],
        [avg_pool(3), conv(256, 1)],
    )
