"""The kernels of the first layer, and the channels of an end point, as tiles of one picture."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import ArrayLike

from keras_inception.analysis.visualize.network import Network
from keras_inception.analysis.visualize.pictures import (
    checked_picture,
    network_input,
    seen_size,
    tiled,
)


def filters(model: keras.Model, scale: int | None = None) -> np.ndarray:
    """Draws the kernels of a network's first convolution.

    Zero is grey, and each kernel is scaled by its largest weight. Kernels for three channels are
    drawn in colour. For other numbers each channel of each kernel is a tile, and the tiles of a
    kernel stand side by side. A separable convolution is drawn as the kernel that its two parts
    make together.

    Args:
        model: a functional model.
        scale: side in pixels of each weight; the default makes tiles of about 32 pixels.

    Returns:
        uint8 (height, width, 3), or (height, width) in grey.

    Raises:
        ValueError: the model has no convolution.
    """
    kernels = np.moveaxis(_first_kernel(Network(model)), -1, 0)  # (filters, rows, columns, in)
    peaks = np.abs(kernels).max(axis=(1, 2, 3), keepdims=True)
    pixels = np.round(127.5 + 127.5 * kernels / np.where(peaks > 0, peaks, 1)).astype("uint8")
    side = scale or max(1, round(32 / max(pixels.shape[1:3])))
    if pixels.shape[-1] == 3:
        return tiled(pixels, scale=side)
    channels = pixels.shape[-1]
    apart = np.moveaxis(pixels, -1, 1).reshape(-1, *pixels.shape[1:3])
    rows = max(1, round(np.sqrt(len(apart)) / channels))
    return tiled(apart, columns=rows * channels, scale=side)


def activations(
    model: keras.Model,
    image: ArrayLike,
    end_point: str,
    channels: int | None = None,
    scale: int | None = None,
    size: int | None = None,
) -> np.ndarray:
    """Draws the channels of an end point for a picture, in grey.

    Each channel is scaled from its least value, black, to its largest, white. A constant channel is
    black.

    Args:
        model: a functional model for pictures in [-1, 1].
        image: (height, width, channels), pixels in [0, 255]. A model of a fixed size sees it
            squashed to that size by default.
        end_point: name of an end point, or of any layer that makes a grid.
        channels: how many to draw, those with the largest mean first; the default is all, in order.
        scale: side in pixels of each value; the default makes tiles at least 32 pixels wide.
        size: shorter side in pixels at which the network sees the picture, its proportions kept.

    Returns:
        uint8 (height, width).

    Raises:
        ValueError: there is no such end point, `image` has the wrong shape or values, or `channels`
            is not between 1 and the number of channels.
    """
    network = Network(model)
    grid = network.grid(end_point)
    count = grid.shape[-1]
    if channels is not None and not 1 <= channels <= count:
        raise ValueError(f"channels must be from 1 to the {count} of {end_point}, got {channels!r}")
    pixels = checked_picture(image, network.input.shape[-1])
    seen = seen_size(network, [grid], pixels.shape[:2], size)
    (values,) = network.run([grid], network_input(pixels, seen))
    values = np.moveaxis(keras.ops.convert_to_numpy(values)[0].astype("float32"), -1, 0)
    if channels is not None:
        order = np.argsort(-values.mean(axis=(1, 2)), kind="stable")
        values = values[order[:channels]]
    least = values.min(axis=(1, 2), keepdims=True)
    spread = values.max(axis=(1, 2), keepdims=True) - least
    shares = (values - least) / np.where(spread > 0, spread, 1)
    side = scale or -(-32 // values.shape[2])
    return tiled(np.round(255 * shares).astype("uint8"), scale=side)


def _first_kernel(network):
    """Returns the first convolution's kernel, (rows, columns, channels, filters)."""
    for step in network.steps:
        layer = step.operation
        if isinstance(layer, keras.layers.SeparableConv2D):
            depthwise = keras.ops.convert_to_numpy(layer.depthwise_kernel)
            pointwise = keras.ops.convert_to_numpy(layer.pointwise_kernel)[0, 0]
            pointwise = pointwise.reshape(*depthwise.shape[2:], -1)
            return np.einsum("rcim,imf->rcif", depthwise, pointwise)
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            depthwise = keras.ops.convert_to_numpy(layer.kernel)
            return depthwise.reshape(*depthwise.shape[:2], 1, -1)
        if isinstance(layer, keras.layers.Conv2D):
            return keras.ops.convert_to_numpy(layer.kernel)
    raise ValueError(f"{network.model.name} has no convolution")
