"""Joins the boxes of a figure, and derives the names of the inner layers.

A branch is a list of steps. A step is made by `conv`, `biased_conv`, `max_pool`, `avg_pool` or
`split`, and runs when `concat_branches` gives it a tensor and a name. Nobody types an inner name:
`mixed_5b_branch2_1_3x3` is the second step of the third branch of `mixed_5b`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras

from keras_inception.layers.convolution import conv_bn_relu, conv_relu
from keras_inception.layers.padding import pad_average_pool
from keras_inception.types import Padding, Window


class Step(Protocol):
    """One box of a figure: a function of a tensor and a name."""

    def __call__(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor: ...


class Fork(Protocol):
    """The end of a branch that splits: a function of a tensor and a name to several tensors."""

    def __call__(self, x: keras.KerasTensor, name: str) -> list[keras.KerasTensor]: ...


Branch = Sequence[Step | Fork]
Box = Callable[..., Step]  # `conv`, or a function with its arguments


def _pair(kernel_size):
    return (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)


def _convolution_step(box, filters, kernel_size, strides, padding, **options):
    rows, columns = _pair(kernel_size)

    def step(x, name):
        name = f"{name}_{rows}x{columns}"
        return box(x, filters, (rows, columns), strides, padding, name=name, **options)

    return step


def conv(
    filters: int, kernel_size: Window, strides: int = 1, padding: Padding = "same", **options: Any
) -> Step:
    """Makes one box of a figure, for example `conv(224, (1, 7))` for "1x7 Conv (224)".

    Args:
        filters, kernel_size, strides, padding: as in `conv_bn_relu`, which the box applies.
        options: are passed to it (`scale=True` for a batch-norm gamma).

    Returns:
        A function of a tensor and a name.

    Example:

    >>> conv(224, (1, 7))(keras.Input((17, 17, 192)), name="mixed_6b_branch1_1").shape
    (None, 17, 17, 224)
    """
    return _convolution_step(conv_bn_relu, filters, kernel_size, strides, padding, **options)


def biased_conv(
    filters: int, kernel_size: Window, strides: int = 1, padding: Padding = "same"
) -> Step:
    """Makes one box of GoogLeNet: a convolution with bias and without batch normalization.

    Arguments are those of `conv_relu`, which the box applies; the result is like that of `conv`.

    Example:

    >>> biased_conv(32, 5)(keras.Input((28, 28, 16)), name="mixed_3b_branch2_1").shape
    (None, 28, 28, 32)
    """
    return _convolution_step(conv_relu, filters, kernel_size, strides, padding)


def max_pool(pool_size: Window, strides: int = 1, padding: Padding = "same") -> Step:
    """Makes a max pooling box.

    For example, `max_pool(3, 2, "valid")` stands for "3x3 MaxPool (stride 2 V)". Its arguments are
    those of `keras.layers.MaxPooling2D`; the result is like that of `conv`.

    Example:

    >>> max_pool(3, 2, "valid")(keras.Input((35, 35, 384)), name="mixed_6a_branch2_0").shape
    (None, 17, 17, 384)
    """

    def step(x, name):
        name = f"{name}_max_pool"
        return keras.layers.MaxPooling2D(pool_size, strides, padding, name=name)(x)

    return step


def avg_pool(pool_size: Window, strides: int = 1, padding: Padding = "same") -> Step:
    """Makes an average pooling box; at the border it averages the pixels inside the picture.

    Arguments are those of `keras.layers.AveragePooling2D`; the result is like that of `conv`.

    Example:

    >>> avg_pool(3)(keras.Input((17, 17, 1024)), name="mixed_6b_branch3_0").shape
    (None, 17, 17, 1024)
    """

    def step(x, name):
        name = f"{name}_avg_pool"
        x, how = pad_average_pool(x, pool_size, strides, padding, name)
        return keras.layers.AveragePooling2D(pool_size, strides, how, name=name)(x)

    return step


def split(*steps: Step) -> Fork:
    """Makes a fork at the end of a branch: all `steps` see one input, all outputs are concatenated.

    Each half's name gets a letter: `mixed_7b_branch1_1a_1x3`, `mixed_7b_branch1_1b_3x1`.

    Args:
        steps: the halves, in order.

    Returns:
        A function of a tensor and a name to a list of tensors.

    Example:

    >>> grid = keras.Input((8, 8, 384))
    >>> halves = split(conv(256, (1, 3)), conv(256, (3, 1)))(grid, name="mixed_7b_branch1_1")
    >>> [half.shape[-1] for half in halves]
    [256, 256]
    """

    def fork(x, name):
        return [step(x, name=f"{name}{chr(ord('a') + i)}") for i, step in enumerate(steps)]

    return fork


def run_branches(x: keras.KerasTensor, name: str, *branches: Branch) -> list[keras.KerasTensor]:
    """Runs each branch (a list of steps) on `x`.

    Args:
        x: (batch, height, width, channels).
        name: start of the names of all layers inside.
        branches: lists of steps, as `conv` and its siblings make them.

    Returns:
        One tensor for each branch, and one for each half of a split.

    Example:

    >>> outputs = run_branches(keras.Input((8, 8, 64)), "mixed", [conv(8, 1)], [max_pool(3)])
    >>> [output.shape[-1] for output in outputs]
    [8, 64]
    """
    outputs: list[keras.KerasTensor] = []
    for i, branch in enumerate(branches):
        y: Any = x
        for j, step in enumerate(branch):
            y = step(y, name=f"{name}_branch{i}_{j}")
        outputs.extend(y if isinstance(y, list) else [y])
    return outputs


def concat_branches(x: keras.KerasTensor, name: str, *branches: Branch) -> keras.KerasTensor:
    """Runs each branch (a list of steps) on `x` and concatenates the results as `name`.

    Args:
        x: (batch, height, width, channels).
        name: name of the concatenation, and start of the names of all layers inside.
        branches: lists of steps, as `conv` and its siblings make them.

    Returns:
        (batch, height, width, channels of all branches) if no step has a stride.

    Example:

    >>> concat_branches(keras.Input((8, 8, 64)), "mixed", [conv(8, 1)], [max_pool(3)]).shape
    (None, 8, 8, 72)
    """
    return keras.layers.Concatenate(axis=-1, name=name)(run_branches(x, name, *branches))
