"""The padding of Caffe and PyTorch, for weights that were trained there.

TensorFlow's "same" padding puts the odd pixel of a strided window behind, and its average pools
divide by the number of pixels inside the picture. Caffe and PyTorch pad both sides alike, and
torchvision's Inception-v3 divides by the size of the window. Like the width, this belongs to a
whole network, so the code of a block does not mention it.
"""

import contextlib
import contextvars
from collections.abc import Iterator

import keras

from keras_inception.types import Padding, Window

_symmetric = contextvars.ContextVar("symmetric_padding", default=False)
_counted = contextvars.ContextVar("pool_counts_padding", default=False)


@contextlib.contextmanager
def foreign_padding(symmetric: bool = False, counted: bool = False) -> Iterator[None]:
    """Pads as Caffe or PyTorch do in every block that is built inside the `with` statement.

    If the padding of a layer differs from TensorFlow's, a `ZeroPadding2D` layer stands before it,
    with the same name and `_pad`. Max pools of stride 2 are left alone: TensorFlow's "same" and the
    rounding up of the others agree on even grids, and pictures whose side is a multiple of 32
    pixels have no other grids.

    Args:
        symmetric: whether strided "same" convolutions get the same padding on both sides.
        counted: whether "same" average pools of stride 1 count the padding as pixels.

    Example:

    >>> with foreign_padding(symmetric=True):
    ...     grid = conv_relu(keras.Input((224, 224, 3)), 64, 7, 2, name="conv2d_1a_7x7")
    >>> grid.shape
    (None, 112, 112, 64)
    """
    tokens = _symmetric.set(symmetric), _counted.set(counted)
    try:
        yield
    finally:
        _symmetric.reset(tokens[0])
        _counted.reset(tokens[1])


def pad_convolution(
    x: keras.KerasTensor, kernel_size: Window, strides: int, padding: Padding, name: str
) -> tuple[keras.KerasTensor, Padding]:
    """Returns the input and the padding of the convolution `name`, padded in advance if needed."""
    if not _symmetric.get() or strides == 1 or padding != "same":
        return x, padding
    return _padded(x, kernel_size, name), "valid"


def pad_average_pool(
    x: keras.KerasTensor, pool_size: Window, strides: int, padding: Padding, name: str
) -> tuple[keras.KerasTensor, Padding]:
    """Returns the input and the padding of the average pool `name`, padded in advance if needed."""
    if not _counted.get() or strides != 1 or padding != "same":
        return x, padding
    return _padded(x, pool_size, name), "valid"


def _padded(x, window, name):
    sides = (window, window) if isinstance(window, int) else window
    padding = tuple((side - 1) // 2 for side in sides)
    return keras.layers.ZeroPadding2D(padding, name=f"{name}_pad")(x)
