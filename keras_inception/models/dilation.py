"""`output_stride` below 32: the same weights on a finer grid, by dilation in place of strides.

A network is written once, with the paper's strides. Here its graph is built again. If the strides
so far would pass the limit, a layer keeps its input's grid, and every later window is dilated by
the strides that were left out. Blocks and networks know nothing of it.

Every nth pixel of the finer grid is then the plain network's, borders included. There is one
exception: "same" padding of an even grid puts the odd pixel behind. So if a window of 3 and the 1x1
shortcut beside it both lose a stride on an even grid (Xception at some sizes, not at 299), they are
a pixel apart.
"""

from __future__ import annotations

import keras

from keras_inception import graph
from keras_inception.layers import DilatedPooling2D

_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)
_POOLS = {keras.layers.MaxPooling2D: "max", keras.layers.AveragePooling2D: "avg"}


def dilate(
    images: keras.KerasTensor, grid: keras.KerasTensor, output_stride: int
) -> keras.KerasTensor:
    """Rebuilds the graph between two Keras tensors with at most the given output stride.

    Args:
        images: Keras tensor at the start, (batch, height, width, channels).
        grid: Keras tensor made from it.
        output_stride: the largest product of strides along any path.

    Returns:
        A Keras tensor made from `images` by new layers of the same names and weight shapes,
        about (batch, height / output_stride, width / output_stride, channels).
    """
    done = {images: (images, 1, 1)}  # tensor: (its successor, stride so far, dilation)
    for call in graph.calls_between([images], [grid]):
        if call.is_input:
            continue
        successors, strides, dilations = zip(*(done[tensor] for tensor in call.inputs))
        stride, dilation = max(strides), max(dilations)
        step = _stride(call.operation)
        keeps = stride * step <= output_stride
        new = _dilated(call.operation, keeps, dilation)
        result = new(successors[0] if len(successors) == 1 else list(successors))
        stride, dilation = (stride * step, dilation) if keeps else (stride, dilation * step)
        done[call.outputs[0]] = (result, stride, dilation)
    return done[grid][0]


def _stride(layer):
    strides = getattr(layer, "strides", 1)
    return max(strides) if isinstance(strides, (tuple, list)) else strides


def _dilated(layer, keeps_stride, dilation):
    """Returns a new layer like `layer`, without its stride or with a dilated window if due."""
    config = layer.get_config()
    if not keeps_stride or dilation > 1:
        for pool, mode in _POOLS.items():
            if isinstance(layer, pool):
                return DilatedPooling2D(
                    mode,
                    layer.pool_size[0],
                    dilation_rate=dilation,
                    padding=layer.padding,
                    name=layer.name,
                    dtype=config["dtype"],
                )
        if isinstance(layer, keras.layers.ZeroPadding2D):
            config["padding"] = [[dilation * side for side in sides] for sides in layer.padding]
        if isinstance(layer, _CONVOLUTIONS):
            config["strides"] = (1, 1)
            config["dilation_rate"] = (dilation, dilation)
    return layer.__class__.from_config(config)
