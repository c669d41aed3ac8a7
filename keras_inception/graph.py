"""Keras's functional graphs: which models have one, and the calls that it consists of.

No other module of the package reads Keras's private attributes of graphs and layers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer, or of another operation, in a graph.

    Attributes:
        operation: what is called: a layer, a model, or an operation such as `keras.ops.relu` and
            `x + y` make.
        args, kwargs: the arguments. Tensors are Keras tensors, alone or in lists, tuples and dicts.
        inputs: the Keras tensors among the arguments, as a flat list.
        outputs: the Keras tensors that the call makes, as a flat list.
        is_input: whether the graph starts here: the outputs are given, not computed.
    """

    operation: keras.Operation
    args: tuple
    kwargs: dict[str, Any]
    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]
    is_input: bool

    @property
    def name(self) -> str:
        """Name of the layer or operation."""
        return self.operation.name

    @property
    def in_training(self) -> bool:
        """Whether the call itself says `training=True`."""
        return bool(self.kwargs.get("training"))

    def arguments_of(self, values: Mapping[keras.KerasTensor, Any]) -> tuple[tuple, dict[str, Any]]:
        """Returns `args` and `kwargs` with a value in place of each Keras tensor."""
        return keras.tree.map_structure(
            lambda x: values[x] if isinstance(x, keras.KerasTensor) else x,
            (self.args, self.kwargs),
        )

    def inputs_of_model(self, values: Mapping[keras.KerasTensor, Any]) -> list:
        """Returns the values that a called model starts from, if the model is functional.

        Keras pairs a dict with the names of inputs that were declared as a list, and everything
        else by position, dicts in the order of their sorted keys.

        Returns:
            One value for each of `operation.inputs`; None for an optional input that is left out.
        """
        given = self.args[0] if self.args else self.kwargs["inputs"]
        declared, _ = structure_of(self.operation)
        if isinstance(given, Mapping) and not isinstance(declared, Mapping):
            given = [given[tensor.name] for tensor in keras.tree.flatten(declared)]
        return [None if tensor is None else values[tensor] for tensor in keras.tree.flatten(given)]


def is_functional(operation: object) -> bool:
    """Returns whether the graph of a model is all that it computes.

    It is for `keras.Model(inputs, outputs)`, for a subclass of `keras.Model` that is made in this
    way and keeps Keras's `call` (as one with its own `train_step` does), and for a
    `keras.Sequential` that knows its input's shape; whether they come from code or from a file.

    It is not for layers; for models whose class defines `call`, which may compute anything, even if
    they are made of inputs and outputs; nor for a `keras.Sequential` before it is built, or with
    several inputs. What the calls of the graph are does not matter: each of these is a call in it.
    """
    if not isinstance(operation, keras.Model):
        return False
    if type(operation).call.__module__.partition(".")[0] != "keras":
        return False
    try:
        return bool(operation.outputs)
    except (AttributeError, ValueError):  # there is no graph, or not yet
        return False


def require_functional(model: object) -> None:
    """Raises ValueError if a model is not functional, as `is_functional` defines it."""
    if not is_functional(model):
        raise ValueError(
            f"{getattr(model, 'name', model)} (of class {type(model).__name__}) is not a "
            "functional model; expected a keras.Model(inputs, outputs) whose class does not define "
            "call, or a keras.Sequential that is built"
        )


def structure_of(model: keras.Model) -> tuple[Any, Any]:
    """Returns the inputs and the outputs of a functional model in the lists or dicts they form."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    return graph.input, graph.output


def calls(model: keras.Model) -> list[Call]:
    """Lists the calls that compute a functional model's outputs.

    These are the calls of this model alone, even if its layers are called elsewhere too. A model
    inside is one call: its own calls are those of `call.operation`, if that is functional.

    Args:
        model: any functional model.

    Returns:
        The calls, each after those that it needs, one branch after the other. Those that make the
        model's inputs are among them; one of an unused input is not.

    Raises:
        ValueError: the model is not functional.
    """
    require_functional(model)
    return calls_between(model.inputs, model.outputs)


def calls_between(
    inputs: Sequence[keras.KerasTensor], outputs: Sequence[keras.KerasTensor]
) -> list[Call]:
    """Lists the calls that lead from some Keras tensors to others, as `calls` does.

    Args:
        inputs: where the graph starts; what they were made from is not followed.
        outputs: Keras tensors that are made from `inputs` alone.
    """
    given, found = set(inputs), {}
    pending = [_node_of(tensor) for tensor in reversed(outputs)]
    while pending:
        node = pending[-1]
        if node in found:
            pending.pop()
            continue
        is_input = not given.isdisjoint(node.outputs)
        sources = [] if is_input else [_node_of(tensor) for tensor in node.input_tensors]
        missing = [source for source in sources if source not in found]
        pending.extend(reversed(missing))
        if not missing:
            found[pending.pop()] = _call(node, is_input)
    return list(found.values())


def ancestors(model: keras.Model, name: str) -> set[str]:
    """Returns the names of all layers that a layer of a model is computed from, and its own.

    If the model calls the layer several times, these are the ancestors of all its calls.

    Raises:
        ValueError: the model is not functional.
    """
    names: set[str] = {name}
    needed: set[keras.KerasTensor] = set()
    for call in reversed(calls(model)):
        if call.name == name or not needed.isdisjoint(call.outputs):
            names.add(call.name)
            needed.update(call.inputs)
    return names


def layer_outputs(model: keras.Model) -> dict[str, Any]:
    """Returns each layer's output within `model`; `layer.output` may belong to another model.

    Returns:
        dict of layer name to Keras tensor, or to a list if there are several. A layer that the
        model calls more than once has the outputs of its first call.

    Raises:
        ValueError: the model is not functional.
    """
    found: dict[str, Any] = {}
    for call in calls(model):
        outputs = call.outputs[0] if len(call.outputs) == 1 else list(call.outputs)
        found.setdefault(call.name, outputs)
    for tensor in model.inputs:  # one may be unused
        found.setdefault(_node_of(tensor).operation.name, tensor)
    return found


def layers_inside(layer: keras.Layer) -> list[keras.Layer]:
    """Lists the layers that a layer consists of, and theirs."""
    return layer._flatten_layers(include_self=False)


def output_specs(
    operation: keras.Operation, args: Sequence, kwargs: Mapping[str, Any]
) -> list[keras.KerasTensor]:
    """Returns the Keras tensors that a layer makes of others, as a flat list; nothing is computed.

    Raises:
        ValueError: the layer cannot take tensors of these shapes, or leaves no pixel of them.
    """
    reason: str | ValueError
    try:
        outputs = keras.tree.flatten(operation.compute_output_spec(*args, **kwargs))
        reason = "nothing is left of it"
    except ValueError as error:
        outputs, reason = [], error
    # Keras 3.8 lets a grid of no pixel pass that 3.15 refuses.
    if not outputs or any(0 in output.shape[1:] for output in outputs):
        shapes = ", ".join(str(tensor.shape) for tensor in _tensors_in(args))
        raise ValueError(f"{operation.name} cannot take a grid of {shapes}: {reason}")
    return outputs


def _tensors_in(structure: Any) -> Iterable[keras.KerasTensor]:
    return (x for x in keras.tree.flatten(structure) if isinstance(x, keras.KerasTensor))


def _node_of(tensor):
    """Returns Keras's record of the call that made a tensor."""
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def _call(node, is_input):
    arguments = node.arguments
    return Call(
        operation=node.operation,
        args=arguments.args,
        kwargs=arguments.kwargs,
        inputs=list(node.input_tensors),
        outputs=list(node.outputs),
        is_input=is_input,
    )
