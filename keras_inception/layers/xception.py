"""The residual modules of Xception, 1610.02357 Fig. 5, with the names of `keras.applications`.

Batch normalization has gamma, and Keras's momentum, with which `keras.applications` trained it.
"""

import keras

from keras_inception.layers.convolution import (
    KERNEL_INITIALIZER,
    batch_norm,
    batch_norm_momentum,
    scaled,
)

BATCH_NORM_MOMENTUM = 0.99  # keras.applications.xception leaves Keras's default


def xception_batch_norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Applies batch normalization with gamma and the momentum of `keras.applications`.

    Example:

    >>> xception_batch_norm(keras.Input((19, 19, 728)), name="block5_sepconv1_bn").shape
    (None, 19, 19, 728)
    """
    with batch_norm_momentum(BATCH_NORM_MOMENTUM):
        return batch_norm(x, name=name, scale=True)


def separable_conv_bn(
    x: keras.KerasTensor,
    filters: int,
    name: str,
    activate_before: bool = True,
    activate_after: bool = False,
) -> keras.KerasTensor:
    """Applies a separable 3x3 convolution and batch normalization, with a ReLU before or after.

    The layers are `<name>_act`, `<name>` and `<name>_bn`. No ReLU stands between the depthwise and
    the pointwise half (section 4.7).

    Args:
        x: (batch, height, width, channels).
        filters: number of output channels before the width multiplier.
        name: name of the convolution.
        activate_before: whether a ReLU stands before the convolution.
        activate_after: whether a ReLU stands behind the batch normalization.

    Returns:
        (batch, height, width, filters).

    Example:

    >>> separable_conv_bn(keras.Input((19, 19, 728)), 728, name="block5_sepconv1").shape
    (None, 19, 19, 728)
    """
    if activate_before:
        x = keras.layers.Activation("relu", name=f"{name}_act")(x)
    x = keras.layers.SeparableConv2D(
        scaled(filters),
        3,
        padding="same",
        use_bias=False,
        depthwise_initializer=KERNEL_INITIALIZER,
        pointwise_initializer=KERNEL_INITIALIZER,
        name=name,
    )(x)
    x = xception_batch_norm(x, name=f"{name}_bn")
    return keras.layers.Activation("relu", name=f"{name}_act")(x) if activate_after else x


def xception_reduction(
    x: keras.KerasTensor, filters: tuple[int, int], name: str, activate_first: bool = True
) -> keras.KerasTensor:
    """A module of the entry or exit flow (Fig. 5): two separable convolutions, pool of stride 2.

    The shortcut is a 1x1 convolution of stride 2 with batch normalization (`<name>_shortcut`).

    Args:
        x: (batch, height, width, channels).
        filters: widths of the two convolutions.
        name: start of the names of all layers inside.
        activate_first: whether it begins with a ReLU; the first module of the network does not.

    Returns:
        (batch, height / 2, width / 2, filters[1]), end point `<name>_add`.

    Example:

    >>> xception_reduction(keras.Input((74, 74, 128)), (256, 256), name="block3").shape
    (None, 37, 37, 256)
    """
    shortcut = keras.layers.Conv2D(
        scaled(filters[1]),
        1,
        2,
        "same",
        use_bias=False,
        kernel_initializer=KERNEL_INITIALIZER,
        name=f"{name}_shortcut",
    )(x)
    shortcut = xception_batch_norm(shortcut, name=f"{name}_shortcut_bn")
    x = separable_conv_bn(x, filters[0], f"{name}_sepconv1", activate_before=activate_first)
    x = separable_conv_bn(x, filters[1], f"{name}_sepconv2")
    x = keras.layers.MaxPooling2D(3, 2, "same", name=f"{name}_pool")(x)
    return keras.layers.Add(name=f"{name}_add")([x, shortcut])


def xception_module(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    """A module of the middle flow (Fig. 5): three separable convolutions and an identity shortcut.

    Args:
        x: (batch, height, width, filters).
        filters: width of the three convolutions.
        name: start of the names of all layers inside.

    Returns:
        (batch, height, width, filters), end point `<name>_add`.

    Example:

    >>> xception_module(keras.Input((19, 19, 728)), 728, name="block5").shape
    (None, 19, 19, 728)
    """
    y = x
    for i in (1, 2, 3):
        y = separable_conv_bn(y, filters, f"{name}_sepconv{i}")
    return keras.layers.Add(name=f"{name}_add")([y, x])
