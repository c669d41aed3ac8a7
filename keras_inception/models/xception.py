"""Xception (Chollet 2016, arXiv 1610.02357), the network of Fig. 5, as in `keras.applications`.

Layers have the names of `keras.applications.Xception`. Its shortcuts and additions have automatic
names; here they are `block2_shortcut`, `block2_shortcut_bn`, `block2_add` and so on.

**Differences from the paper.** None in the graph. The dropout of 0.5 before the classifier (section
4.3), which `keras.applications` leaves out, is built; it changes nothing in inference.
"""

from collections.abc import Sequence
from typing import Literal

import keras

from keras_inception.layers import (
    separable_conv_bn,
    xception_batch_norm,
    xception_module,
    xception_reduction,
)
from keras_inception.layers.convolution import KERNEL_INITIALIZER, scaled
from keras_inception.models.building import Architecture, Images, Top, build, select
from keras_inception.models.imagenet import decode_predictions, preprocess_input
from keras_inception.types import Activation, PathLike

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


def stack(x: keras.KerasTensor) -> keras.KerasTensor:
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
        stack=stack,
        end_points=END_POINTS,
        size=299,
        minimum=71,  # as in keras.applications
        dropout_rate=0.5,  # section 4.3
    ),
)


def Xception(
    include_top: bool = True,
    weights: PathLike | None = "default",
    input_tensor: keras.KerasTensor | None = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: Literal["avg", "max"] | None = None,
    classes: int | None = None,
    classifier_activation: Activation = "softmax",
    name: str = "xception",
    *,
    variant: None = None,
    dropout_rate: float | None = None,
    width_multiplier: float = 1.0,
    output_stride: Literal[8, 16, 32] = 32,
) -> keras.Model:
    """Builds Xception (Chollet 2016, arXiv 1610.02357, Fig. 5): 22.9 M parameters.

    All its convolutions but the first two are depthwise separable. The first eight arguments are
    those of `keras.applications`.

    Args:
        include_top: whether the network ends with its classifier.
        weights: "default" means the public ImageNet weights. Public weights: "imagenet",
            "keras_notop". The path of a weights file works too (`keras_inception.weights.load`
            lists the formats). `None` means random initial weights.
        input_tensor: Keras tensor to build on, instead of a new input.
        input_shape: (height, width, channels). Each side must be `None` or at least 71 pixels. Odd
            sides and any number of channels work. Default: (299, 299, 3), or (None, None, 3)
            without the classifier.
        pooling: used without the classifier. "avg" or "max" returns a vector (batch, channels),
            `None` the last grid (batch, rows, columns, channels).
        classes: number of classes; `None` means 1000.
        classifier_activation: activation of the last layer; `None` returns logits.
        name: name of the model.
        variant: this network has only one, `None`.
        dropout_rate: fraction dropped before the classifier, from 0 to below 1; `None` means 0.5.
        width_multiplier: factor of the number of filters of every convolution. Each result is
            rounded to a multiple of 8 and is at least 8.
        output_stride: side of the images divided by the side of the last grid: 32, 16 or 8. Below
            32, strides become dilation, and the weights stay the same (for detection and
            segmentation).

    Returns:
        A `keras.Model` from images (batch, height, width, channels) in [-1, 1], as its
        `preprocess_input` makes them, to probabilities (batch, classes). Without the classifier it
        returns what `pooling` says.

    Raises:
        ValueError: an argument is not allowed; the message says what is.
        OSError: public weights could not be downloaded.
    """
    return build(
        select(ARCHITECTURES, variant),
        images=Images(input_tensor, input_shape),
        top=Top(include_top, pooling, classes, classifier_activation, dropout_rate),
        weights=weights,
        name=name,
        width_multiplier=width_multiplier,
        output_stride=output_stride,
    )
