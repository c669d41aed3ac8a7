"""Xception (Chollet 2016, arXiv 1610.02357), the network of Fig. 5, as in `keras.applications`.

Layers have the names of `keras.applications.Xception`; the shortcuts and additions, which have
automatic names there, are `block2_shortcut`, `block2_shortcut_bn`, `block2_add` and so on here.

**Differences from the paper.** None in the graph. `keras.applications` leaves out the dropout of
0.5 before the classifier (section 4.3); here it is, and changes nothing in inference.
"""

import keras

from keras_inception.layers import (
    separable_conv_bn,
    xception_batch_norm,
    xception_module,
    xception_reduction,
)
from keras_inception.layers.conv import KERNEL_INITIALIZER, scaled
from keras_inception.models.build import Architecture, constructor
from keras_inception.models.imagenet import decode_predictions, preprocess_input

__all__ = ["ARCHITECTURES", "Xception", "decode_predictions", "preprocess_input"]

END_POINTS = {  # name: (rows, columns, channels) for 299 x 299 images, Fig. 5
    "block1_conv1_act": (149, 149, 32),
    "block1_conv2_act": (147, 147, 64),
    "block2_add": (74, 74, 128),
    "block3_add": (37, 37, 256),
    "block4_add": (19, 19, 728),
    **{f"block{i}_add": (19, 19, 728) for i in range(5, 13)},
    "block13_add": (10, 10, 1024),
    "block14_sepconv1_act": (10, 10, 1536),
    "block14_sepconv2_act": (10, 10, 2048),
}


def xception(x):
    """Stacks Xception (Fig. 5) on images `x`; returns the last grid, `block14_sepconv2_act`."""
    x = _plain_conv(x, 32, 2, name="block1_conv1")
    x = _plain_conv(x, 64, 1, name="block1_conv2")
    x = xception_reduction(x, (128, 128), name="block2", activate_first=False)
    x = xception_reduction(x, (256, 256), name="block3")
    x = xception_reduction(x, (728, 728), name="block4")
    for i in range(5, 13):
        x = xception_module(x, 728, name=f"block{i}")  # middle flow, 8 times
    x = xception_reduction(x, (728, 1024), name="block13")
    for i, filters in (1, 1536), (2, 2048):
        name = f"block14_sepconv{i}"
        x = separable_conv_bn(x, filters, name, activate_before=False, activate_after=True)
    return x


def _plain_conv(x, filters, strides, name):
    x = keras.layers.Conv2D(
        scaled(filters),
        3,
        strides,
        use_bias=False,
        kernel_initializer=KERNEL_INITIALIZER,
        name=name,
    )(x)
    x = xception_batch_norm(x, name=f"{name}_bn")
    return keras.layers.Activation("relu", name=f"{name}_act")(x)


ARCHITECTURES = (
    Architecture(
        id="xception",
        source="1610.02357 Fig. 5",
        stack=xception,
        end_points=END_POINTS,
        size=299,
        minimum=71,  # as in keras.applications
        dropout_rate=0.5,  # section 4.3
    ),
)

Xception = constructor(
    __name__,
    "Xception",
    ARCHITECTURES,
    "Xception (1610.02357 Fig. 5), depthwise separable throughout: 22.9 M parameters.",
)
