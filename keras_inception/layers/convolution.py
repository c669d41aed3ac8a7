"""Convolution, normalization and activation: the box that every figure of the family repeats.

The constants are those of the TF-Slim model zoo (`nets/inception_utils.py`). Keras's own default
momentum, 0.99, averages over 30 times fewer steps.
"""

import contextlib
import contextvars
from collections.abc import Iterator

import keras

from keras_inception.layers.padding import pad_convolution
from keras_inception.types import Padding, Window

BATCH_NORM_MOMENTUM = 0.9997  # TF-Slim nets/inception_utils.py, `batch_norm_decay`
BATCH_NORM_EPSILON = 0.001  # TF-Slim nets/inception_utils.py, `batch_norm_epsilon`
# TF-Slim nets/inception_utils.py, `variance_scaling_initializer()`: factor 2, fan in. Some networks
# had others (v1 a normal of 0.01, facenet one of 0.1); before batch normalization the scale does
# not matter. TF-Slim's truncated normal of the same deviation takes four times as long to draw,
# which would be most of the time that building a network takes.
KERNEL_INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_in", "distribution": "untruncated_normal"},
}

_width = contextvars.ContextVar("width_multiplier", default=1.0)
_momentum = contextvars.ContextVar("batch_norm_momentum", default=BATCH_NORM_MOMENTUM)


@contextlib.contextmanager
def width_multiplier(multiplier: float) -> Iterator[None]:
    """Scales the filters of every block that is built inside the `with` statement.

    The code of a block keeps the numbers that its figure prints. How many filters a box really gets
    is decided here alone, because a multiplier belongs to a whole network and never to one box.

    Args:
        multiplier: positive factor of the number of filters. The result is rounded to a multiple
            of 8 and is at least 8; 1.0 leaves every number as the paper prints it.

    Raises:
        ValueError: `multiplier` is not positive.

    Example:

    >>> images = keras.Input((35, 35, 384))
    >>> with width_multiplier(0.25):
    ...     narrow = inception_a(images, name="mixed_5b")
    >>> narrow.shape
    (None, 35, 35, 96)
    """
    if not multiplier > 0:
        raise ValueError(f"width_multiplier must be positive, got {multiplier!r}")
    token = _width.set(float(multiplier))
    try:
        yield
    finally:
        _width.reset(token)


@contextlib.contextmanager
def batch_norm_momentum(momentum: float) -> Iterator[None]:
    """Sets the momentum of all batch normalization that is built inside the `with` statement."""
    token = _momentum.set(momentum)
    try:
        yield
    finally:
        _momentum.reset(token)


def scaled(filters: int) -> int:
    """Returns `filters` scaled by the current `width_multiplier`."""
    multiplier = _width.get()
    if multiplier == 1.0:
        return filters
    return max(8, int(filters * multiplier / 8 + 0.5) * 8)


def conv_bn_relu(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: Window,
    strides: int = 1,
    padding: Padding = "same",
    *,
    name: str,
    scale: bool = False,
) -> keras.KerasTensor:
    """Applies a convolution without bias, batch normalization and ReLU: one box of a figure.

    The layers are `<name>_conv`, `<name>_bn` and `<name>`.

    Args:
        x: (batch, height, width, channels).
        filters: number of output channels before the width multiplier.
        kernel_size, strides, padding: as in `keras.layers.Conv2D`.
        name: name of the last layer.
        scale: whether batch normalization learns gamma; the released networks have beta only.

    Returns:
        (batch, height / strides, width / strides, filters) if `padding` is "same".

    Example:

    >>> conv_bn_relu(keras.Input((299, 299, 3)), 32, 3, 2, "valid", name="conv2d_1a_3x3").shape
    (None, 149, 149, 32)
    """
    x, padding = pad_convolution(x, kernel_size, strides, padding, name=f"{name}_conv")
    x = keras.layers.Conv2D(
        scaled(filters),
        kernel_size,
        strides,
        padding,
        use_bias=False,
        kernel_initializer=KERNEL_INITIALIZER,
        name=f"{name}_conv",
    )(x)
    x = batch_norm(x, name=f"{name}_bn", scale=scale)
    return keras.layers.Activation("relu", name=name)(x)


def batch_norm(
    x: keras.KerasTensor, *, name: str, scale: bool = False, dtype: str | None = None
) -> keras.KerasTensor:
    """Applies batch normalization with the constants of the released networks.

    Args:
        x: any shape whose last axis is the channels.
        name: name of the layer.
        scale: whether it learns gamma; the released networks have beta only.
        dtype: as in Keras's layers; `None` means the global policy.

    Returns:
        The shape of `x`.

    Example:

    >>> batch_norm(keras.Input((8, 8, 16)), name="example_bn").shape
    (None, 8, 8, 16)
    """
    return keras.layers.BatchNormalization(
        momentum=_momentum.get(),
        epsilon=BATCH_NORM_EPSILON,
        scale=scale,
        dtype=dtype,
        name=name,
    )(x)


def conv_relu(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: Window,
    strides: int = 1,
    padding: Padding = "same",
    *,
    name: str,
) -> keras.KerasTensor:
    """Applies a convolution with bias and ReLU: GoogLeNet's box (1409.4842).

    GoogLeNet is older than batch normalization. The layers are `<name>_conv` and
    `<name>`. Arguments and result are those of `conv_bn_relu`.

    Example:

    >>> conv_relu(keras.Input((224, 224, 3)), 64, 7, 2, name="conv2d_1a_7x7").shape
    (None, 112, 112, 64)
    """
    x, padding = pad_convolution(x, kernel_size, strides, padding, name=f"{name}_conv")
    x = keras.layers.Conv2D(
        scaled(filters),
        kernel_size,
        strides,
        padding,
        kernel_initializer=KERNEL_INITIALIZER,
        name=f"{name}_conv",
    )(x)
    return keras.layers.Activation("relu", name=name)(x)
