"""The inference form of a network, without anything that a server or a phone need not compute.

`optimize` rebuilds a functional model. Batch normalization, with its fixed statistics, is a factor
and an offset for each channel, as `Rescaling` is. After a layer whose last step is linear, they go
into its kernel and bias. Dropout and auxiliary heads are left out. A model inside the model becomes
part of it. Outputs stay. Layers that are left keep their names, and so do end points.
"""

from __future__ import annotations

import keras
import numpy as np

from keras_inception.export.editable import EditableGraph

_NOTHING_IN_INFERENCE = (
    keras.layers.ActivityRegularization,
    keras.layers.AlphaDropout,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
# Linear except for an activation of their own. The last of their kernels makes the output channels.
_LINEAR = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Dense,
    *_SEPARABLE,
    *_DEPTHWISE,
    *_TRANSPOSED,
)
_AUXILIARY = "auxiliary"  # beginning of the names of auxiliary outputs (`with_auxiliary_heads`)


def optimize(model: keras.Model, exchange_pools: bool = False) -> keras.Model:
    """Makes the inference form of a functional model: the same outputs, fewer layers.

    Args:
        model: any functional model. It may have your own head, and models inside. It is not
            changed. Layers and models that are called with `training=True` are kept as they are.
        exchange_pools: whether to move a 1x1 convolution in front of the average pool of stride 1
            that it follows, if it makes fewer channels than it takes. For TFLite's `dynamic` mode
            only: in `int8` its sums would be clipped to the range of the pool's outputs.

    Returns:
        A `keras.Model` with weights of its own, which plain Keras saves and loads. If the outputs
        are a dict, those named `auxiliary...` are gone; if only one is left, it is the output
        itself.

    Raises:
        ValueError: the model is not functional: its class defines `call`, or it is a
            `keras.Sequential` that is not built.
    """
    graph = EditableGraph(model)
    graph.keep_outputs(_without_auxiliary(graph.outputs))
    _drop(graph)
    _fold(graph)
    if exchange_pools:
        _exchange(graph)
    return graph.build(model.name)


def fold_batch_norm(model: keras.Model) -> keras.Model:
    """Folds batch normalization into the layers before it, and keeps all else, dropout too.

    Args:
        model: any functional model. It is not changed.

    Returns:
        A `keras.Model` with weights of its own.

    Raises:
        ValueError: the model is not functional.
    """
    graph = EditableGraph(model)
    _fold(graph, affine=(keras.layers.BatchNormalization,))
    return graph.build(model.name)


def in_dtype(model: keras.Model, dtype: str) -> keras.Model:
    """Copies a functional model, with weights and computation in `float32` or `bfloat16`.

    Layers that give an output stay in float32: probabilities that are rounded to 8 bits rank badly.
    """
    graph = EditableGraph(model)
    outputs = {id(ref) for ref in keras.tree.flatten(graph.outputs)}
    for step in graph.steps:
        if step.part.config is not None:
            is_last = outputs & {id(ref) for ref in step.outputs}
            step.part.config["dtype"] = "float32" if is_last else dtype
    return graph.build(model.name)


def _without_auxiliary(outputs):
    if not isinstance(outputs, dict):
        return outputs
    kept = {name: ref for name, ref in outputs.items() if not name.startswith(_AUXILIARY)}
    if not kept:
        return outputs
    return next(iter(kept.values())) if len(kept) < len(outputs) and len(kept) == 1 else kept


def _in_training(step):
    return bool(step.kwargs.get("training"))


def _drop(graph):
    for step in list(graph.steps):
        if step.part.kind in _NOTHING_IN_INFERENCE and not _in_training(step):
            graph.bypass(step)


def _fold(graph, affine=(keras.layers.BatchNormalization, keras.layers.Rescaling)):
    """Multiplies factors into the kernels before them, as often as that is possible."""
    for step in list(graph.steps):
        if step.part.kind not in affine or _in_training(step) or graph.calls(step.part) > 1:
            continue
        before = graph.made_by(step.inputs[0])
        if before is None or not _is_linear(graph, before):
            continue
        factors = _factors(step.part, step.inputs[0].shape)
        if factors is not None:
            _multiply(before.part, *factors)
            graph.bypass(step)


def _is_linear(graph, step):
    """Returns whether the layer is linear, and only one step reads what it gives."""
    part = step.part
    if part.kind not in _LINEAR:
        return False
    return (
        part.config["activation"] == "linear"
        and len(part.weights) == len(_kernels(part)) + part.config["use_bias"]  # no LoRA
        and part.config.get("data_format", "channels_last") == "channels_last"
        and graph.calls(part) == 1
        and graph.readers(step.outputs[0]) == 1
    )


def _factors(part, shape):
    """Returns factors and offsets, float64 (channels,); None if they differ within a channel."""
    config, channels = part.config, shape[-1]
    if part.kind is keras.layers.Rescaling:
        values = [np.asarray(value, "float64") for value in (part.source.scale, part.source.offset)]
        if any(value.ndim > 1 or value.size not in (1, channels) for value in values):
            return None
        return tuple(np.broadcast_to(value, (channels,)) for value in values)
    axis = config["axis"][0] if isinstance(config["axis"], (list, tuple)) else config["axis"]
    if axis not in (-1, len(shape) - 1):
        return None
    weights = iter(np.asarray(weight, "float64") for weight in part.weights)
    gamma = next(weights) if config["scale"] else 1.0
    beta = next(weights) if config["center"] else 0.0
    mean, variance = weights
    factor = gamma / np.sqrt(variance + config["epsilon"])
    return factor, beta - mean * factor


def _multiply(part, factor, offset):
    """Makes the layer give `factor * y + offset` in place of `y`."""
    kernels = _kernels(part)
    bias = np.asarray(part.weights[-1], "float64") if part.config["use_bias"] else 0.0
    kernel = np.asarray(kernels[-1], "float64")
    if part.kind in _DEPTHWISE:  # (..., channels in, multiplier)
        kernel = kernel * factor.reshape(kernel.shape[-2:])
    elif part.kind in _TRANSPOSED:  # (..., channels out, channels in)
        kernel = kernel * factor[:, np.newaxis]
    else:
        kernel = kernel * factor
    part.weights = [*kernels[:-1], kernel, bias * factor + offset]
    part.config["use_bias"] = True


def _kernels(part):
    return part.weights[: 2 if part.kind in _SEPARABLE else 1]


def _exchange(graph):
    """Moves 1x1 convolutions before average pools; a mean leaves their bias as it is."""
    for convolution in list(graph.steps):
        if convolution.part.kind is not keras.layers.Conv2D:
            continue
        pool = graph.made_by(convolution.inputs[0])
        if pool is None or pool.part.kind is not keras.layers.AveragePooling2D:
            continue
        if _is_one_by_one(convolution.part.config) and _commutes(graph, pool, convolution):
            graph.exchange(pool, convolution)


def _is_one_by_one(config):
    plain = all(tuple(config[key]) == (1, 1) for key in ("kernel_size", "strides"))
    return plain and config["activation"] == "linear" and config["groups"] == 1


def _commutes(graph, pool, convolution):
    weights = convolution.part.weights
    return (
        tuple(pool.part.config["strides"]) == (1, 1)
        and graph.readers(pool.outputs[0]) == 1
        and graph.calls(pool.part) == graph.calls(convolution.part) == 1
        and weights[0].shape[-1] < weights[0].shape[-2]
    )
