"""`output_stride` below 32: the same weights on a finer grid, by holes in place of strides.

A stack is written once, with the paper's strides. Here its graph is walked and built again: where
the strides so far would pass the limit, a layer keeps its input's grid, and every later window is
spread out by the strides that were left out. Blocks and networks know nothing of it.

Every nth pixel of the finer grid then is the plain network's, borders included. One exception:
"same" padding of an even grid puts the odd pixel behind, so where a window of 3 and the 1x1
shortcut beside it both lose a stride on an even grid (Xception at some sizes, not at 299), they are
a pixel apart.
"""

import keras

from keras_inception.layers import DilatedPooling2D

_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)
_POOLS = {keras.layers.MaxPooling2D: "max", keras.layers.AveragePooling2D: "avg"}


def dilate(images, grid, output_stride):
    """Builds the graph between two Keras tensors again, with at most `output_stride` pixels a step.

    Args:
        images: Keras tensor at the start, (batch, height, width, channels).
        grid: Keras tensor made from it.
        output_stride: the largest product of strides along any path.

    Returns:
        A Keras tensor made from `images` by new layers of the same names and weight shapes,
        about (batch, height / output_stride, width / output_stride, channels).
    """
    done = {id(images): (images, 1, 1)}  # tensor to (its successor, stride so far, dilation)
    pending = [grid]
    while pending:
        tensor = pending[-1]
        if id(tensor) in done:
            pending.pop()
            continue
        layer, inputs = _made_by(tensor)
        missing = [t for t in inputs if id(t) not in done]
        if missing:
            pending.extend(missing)
            continue
        successors, strides, dilations = zip(*(done[id(t)] for t in inputs))
        stride, dilation = max(strides), max(dilations)
        step = _stride(layer)
        keeps = stride * step <= output_stride
        new = _dilated(layer, keeps, dilation)
        result = new(successors[0] if len(successors) == 1 else list(successors))
        done[id(tensor)] = (
            (result, stride * step, dilation) if keeps else (result, stride, dilation * step)
        )
    return done[id(grid)][0]


def _made_by(tensor):
    """Returns the layer that made a Keras tensor, and the tensors that it was made from."""
    layer, node, _ = tensor._keras_history
    return layer, keras.tree.flatten(layer._inbound_nodes[node].input_tensors)


def _stride(layer):
    strides = getattr(layer, "strides", 1)
    return max(strides) if isinstance(strides, (tuple, list)) else strides


def _dilated(layer, keeps_stride, dilation):
    """A new layer like `layer`, its stride left out or its window spread where that is due."""
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
