"""The head of a network: its classifier, the logits in it, the last grid before it."""

from __future__ import annotations

from collections.abc import Callable

import keras

from keras_inception.analysis.visualize.network import Network, Value, is_grid

_POOLS = (keras.layers.AveragePooling2D, keras.layers.MaxPooling2D)
_GLOBAL_POOLS = (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D)
_SOFT = ("softmax", "sigmoid", "log_softmax")


def class_output(network: Network) -> Value:
    """Returns the `Value` (batch, classes) of a network's main classifier.

    Raises:
        ValueError: there is no classifier, or several outputs could be it.
    """
    outputs = network.outputs
    if len(outputs) > 1:
        names = [value.step.name.split("/")[-1] for value in outputs]
        main = [v for v, name in zip(outputs, names) if name == "predictions"]
        main = main or [v for v, n in zip(outputs, names) if not n.startswith("auxiliary")]
        if len(main) != 1:
            raise ValueError(
                f"{network.model.name} has the outputs {', '.join(names)}; one of them must be "
                "called predictions"
            )
        outputs = main
    (output,) = outputs
    is_vector = output.step is not None and len(output.shape) == 2 and output.shape[1] is not None
    if not is_vector or isinstance(output.step.operation, (*_GLOBAL_POOLS, keras.layers.Flatten)):
        raise ValueError(
            f"{network.model.name} has no classifier, its output is {output.shape}: build it with "
            "include_top=True, or add one"
        )
    return output


def logits(network: Network, output: Value) -> tuple[Value, Callable]:
    """Returns a `Value`, and the function that computes a classifier's logits from it.

    A saturated softmax has almost no gradient; the logits before it have one.
    """
    assert output.step is not None  # as in `class_output`
    operation = output.step.operation
    function = getattr(operation, "activation", None)
    is_soft = getattr(function, "__name__", "") in _SOFT
    if type(operation).__name__.lower() in _SOFT or (
        is_soft and isinstance(operation, keras.layers.Activation)
    ):
        return output.step.inputs[0], lambda x: x
    if is_soft and isinstance(operation, keras.layers.Dense):
        return output.step.inputs[0], lambda x: _without_activation(operation, x)
    return output, lambda x: x


def _without_activation(dense, x):
    y = keras.ops.matmul(keras.ops.cast(x, dense.compute_dtype), dense.kernel)
    return y if dense.bias is None else y + dense.bias


def last_grid(network: Network, output: Value | None = None) -> Value:
    """Returns the `Value` of the last feature map before an output: the input of global pooling.

    Args:
        network: a `Network`.
        output: one of its `Value`s; the default is its first output.

    Raises:
        ValueError: there is no grid before the output.
    """
    value = network.outputs[0] if output is None else output
    while value.step is not None:
        pooled = _pooled_from(value)
        if pooled is not None:
            return pooled
        if is_grid(value):
            return value
        # Follow the first input that a layer computes.
        value = next((v for v in value.step.inputs if v.step is not None), network.input)
    raise ValueError(f"{network.model.name} has no feature map: no layer gives (rows, columns)")


def _pooled_from(value):
    """Returns the grid that a vector, or a grid of 1 x 1 pixels, was pooled from, or `None`."""
    while value.step is not None and len(value.step.inputs) == 1:
        (source,) = value.step.inputs
        operation = value.step.operation
        if isinstance(operation, _GLOBAL_POOLS):
            return source
        if is_grid(value):
            if value.shape[1:3] != (1, 1):
                return None
            if isinstance(operation, _POOLS) and source.shape[1:3] != (1, 1):
                return source
        value = source
    return None
