"""How Caffe and PyTorch pad, for weights that were trained there.

TensorFlow's "same" padding puts the odd pixel of a strided window behind, and its average pools
divide by the pixels inside the picture. Caffe and PyTorch pad both sides alike, and torchvision's
Inception-v3 divides by the whole window. Which of it holds belongs to a whole network, as the width
does, so a block's code says nothing of it.
"""

import contextlib
import contextvars

import keras

_symmetric = contextvars.ContextVar("symmetric_padding", default=False)
_counted = contextvars.ContextVar("pool_counts_padding", default=False)


@contextlib.contextmanager
def foreign_padding(symmetric=False, counted=False):
    """Pads as Caffe or PyTorch do in every block that is built inside the `with` statement.

    Where the padding differs, a `ZeroPadding2D` layer stands before the layer, of the same name and
    `_pad`. Stride-2 max pools are left alone: TensorFlow's "same" and the others' rounding up agree
    on even grids, which pictures of a multiple of 32 pixels have throughout.

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


def pad_convolution(x, kernel_size, strides, padding, name):
    """Returns the input and the padding of convolution `name`, padded already where it is due."""
    if not _symmetric.get() or strides == 1 or padding != "same":
        return x, padding
    return _padded(x, kernel_size, name), "valid"


def pad_average_pool(x, pool_size, strides, padding, name):
    """The same for an average pool."""
    if not _counted.get() or strides != 1 or padding != "same":
        return x, padding
    return _padded(x, pool_size, name), "valid"


def _padded(x, window, name):
    sides = (window, window) if isinstance(window, int) else window
    padding = tuple((side - 1) // 2 for side in sides)
    return keras.layers.ZeroPadding2D(padding, name=f"{name}_pad")(x)
