"""BN-Inception (Ioffe and Szegedy 2015, arXiv 1502.03167), the network of its Fig. 5.

End points have the names of TensorFlow's `inception_v2`: the table's rows 3a, 3b, 3c, 4a ... 4e,
5a, 5b are `mixed_3b`, `mixed_3c`, `mixed_4a`, `mixed_4b` ... `mixed_5a`, `mixed_5b`, `mixed_5c`.

**Differences from the paper.** Rows 4c and 4d print a pool projection of 128 where their outputs,
576, leave 96, as TensorFlow released them; 96 is built. Rows 3c and 4e print 28 x 28 x 576 and 14 x
14 x 1024 as their outputs, which are their inputs' sides; with stride 2 they are 14 x 14 and 7 x 7.
The text names 13.6 M parameters, the printed table gives 11.3 M. Dropout is 0: section 4.2.1
removes it. No auxiliary head is described; `with_auxiliary_heads` puts one of the kind of v3 on the
last 14 x 14 grid, our choice.
"""

import functools

import keras

from keras_inception.layers import (
    batch_norm,
    bn_inception_module,
    bn_inception_reduction,
    conv,
    conv_bn_relu,
    max_pool,
)
from keras_inception.layers.conv import KERNEL_INITIALIZER, scaled
from keras_inception.models.build import Architecture, constructor
from keras_inception.models.imagenet import decode_predictions, preprocess_input

__all__ = ["ARCHITECTURES", "BNInception", "decode_predictions", "preprocess_input"]

DEPTH_MULTIPLIER = (
    8  # appendix, below Fig. 5: "depth multiplier 8 on the first convolutional layer"
)

END_POINTS = {  # name: (rows, columns, channels) for 224 x 224 images, Fig. 5
    "conv2d_1a_7x7": (112, 112, 64),
    "maxpool_2a_3x3": (56, 56, 64),
    "conv2d_2b_1x1": (56, 56, 64),
    "conv2d_2c_3x3": (56, 56, 192),
    "maxpool_3a_3x3": (28, 28, 192),
    "mixed_3b": (28, 28, 256),
    "mixed_3c": (28, 28, 320),
    "mixed_4a": (14, 14, 576),
    "mixed_4b": (14, 14, 576),
    "mixed_4c": (14, 14, 576),
    "mixed_4d": (14, 14, 576),
    "mixed_4e": (14, 14, 576),
    "mixed_5a": (7, 7, 1024),
    "mixed_5b": (7, 7, 1024),
    "mixed_5c": (7, 7, 1024),
}


def bn_inception(x):
    """Stacks BN-Inception (Fig. 5) on images `x`; returns the last grid, `mixed_5c`."""
    x = separable_7x7(x, use_bias=False, name="conv2d_1a_7x7_conv")
    x = batch_norm(x, scale=True, name="conv2d_1a_7x7_bn")
    x = keras.layers.Activation("relu", name="conv2d_1a_7x7")(x)
    return rows_below_first(x, scale=True)


def separable_7x7(x, use_bias, name):
    """The first layer's convolution: separable, stride 2, (batch, h / 2, w / 2, 64).

    Grey pictures get the 24 filters that colour ones have, so that the weights of those fit.
    """
    return keras.layers.SeparableConv2D(
        scaled(64),
        7,
        2,
        "same",
        depth_multiplier=DEPTH_MULTIPLIER * (3 if x.shape[-1] == 1 else 1),
        use_bias=use_bias,
        depthwise_initializer=KERNEL_INITIALIZER,
        pointwise_initializer=KERNEL_INITIALIZER,
        name=name,
    )(x)


def rows_below_first(x, scale):
    """Stacks the rows of Fig. 5 below the first; `scale` is whether batch norm learns gamma."""
    box = functools.partial(conv, scale=scale)
    module = functools.partial(bn_inception_module, box=box)
    reduction = functools.partial(bn_inception_reduction, box=box)
    x = keras.layers.MaxPooling2D(3, 2, "same", name="maxpool_2a_3x3")(x)
    x = conv_bn_relu(x, 64, 1, name="conv2d_2b_1x1", scale=scale)
    x = conv_bn_relu(x, 192, 3, name="conv2d_2c_3x3", scale=scale)
    x = keras.layers.MaxPooling2D(3, 2, "same", name="maxpool_3a_3x3")(x)
    x = module(x, 64, 64, 64, 64, 96, 32, name="mixed_3b")  # 3a
    x = module(x, 64, 64, 96, 64, 96, 64, name="mixed_3c")  # 3b
    x = reduction(x, 128, 160, 64, 96, name="mixed_4a")  # 3c
    x = module(x, 224, 64, 96, 96, 128, 128, name="mixed_4b")  # 4a
    x = module(x, 192, 96, 128, 96, 128, 128, name="mixed_4c")  # 4b
    x = module(x, 160, 128, 160, 128, 160, 96, name="mixed_4d")  # 4c
    x = module(x, 96, 128, 192, 160, 192, 96, name="mixed_4e")  # 4d
    x = reduction(x, 128, 192, 192, 256, name="mixed_5a")  # 4e
    x = module(x, 352, 192, 320, 160, 224, 128, name="mixed_5b")  # 5a
    x = module(x, 352, 192, 320, 192, 224, 128, name="mixed_5c", pool=max_pool)  # 5b
    return x


ARCHITECTURES = (
    Architecture(
        id="bn_inception",
        source="1502.03167 Fig. 5",
        stack=bn_inception,
        end_points=END_POINTS,
        size=224,
        minimum=32,
        dropout_rate=0.0,  # section 4.2.1, "Remove Dropout"
        auxiliary={"auxiliary": "mixed_4e"},  # our choice: the last 14 x 14 grid, as in v3
    ),
)

BNInception = constructor(
    __name__,
    "BNInception",
    ARCHITECTURES,
    "BN-Inception (1502.03167 Fig. 5), the first with batch normalization: 11.3 M parameters.",
)
