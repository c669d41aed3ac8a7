"""A functional model as a list of calls that can be changed and built again."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras

from keras_inception import graph


@dataclasses.dataclass(eq=False)
class Ref:
    """A tensor between two calls: its shape, batch first, and its dtype."""

    shape: tuple
    dtype: str


@dataclasses.dataclass(eq=False)
class Part:
    """A layer that `build` makes anew, or a function without state that it takes as it is.

    Attributes:
        source: the layer of the original model, or the function.
        config: what the new layer is made from; None for a function.
        weights: arrays for the new layer, in the order of `keras.Layer.get_weights`.
    """

    source: Any
    config: dict | None = None
    weights: list | None = None

    @property
    def kind(self) -> type:
        """The class of the layer."""
        return type(self.source)


@dataclasses.dataclass(eq=False)
class Step:
    """One call of a part. In `args` and `kwargs` each tensor is a `Ref`."""

    part: Part
    args: tuple
    kwargs: dict
    outputs: list[Ref]

    @property
    def inputs(self) -> list[Ref]:
        """The tensors among the arguments."""
        return [x for x in keras.tree.flatten((self.args, self.kwargs)) if isinstance(x, Ref)]


class EditableGraph:
    """The calls of a model, each after those that it needs; models inside are opened.

    A model inside stays one call if it is not functional. So it does if it is called with
    `training=True`, which would no longer reach its layers.

    Args:
        model: any functional model. It is not changed.

    Attributes:
        steps: list of `Step`.
        outputs: the outputs as `Ref`s, in the lists or dicts that the model's outputs form.

    Raises:
        ValueError: the model is not functional.
    """

    def __init__(self, model: keras.Model):
        graph.require_functional(model)
        self.steps: list[Step] = []
        self._parts: dict[int, Part] = {}
        self._given = [(_ref(tensor), tensor) for tensor in model.inputs]
        self._input_structure, _ = graph.structure_of(model)
        self.outputs = self._open(model, [ref for ref, _ in self._given])

    def keep_outputs(self, outputs: Any) -> None:
        """Makes `outputs` the outputs, and drops the steps that they do not need."""
        self.outputs = outputs
        needed = set(keras.tree.flatten(outputs))
        kept = []
        for step in reversed(self.steps):
            if not needed.isdisjoint(step.outputs):
                kept.append(step)
                needed.update(step.inputs)
        self.steps = kept[::-1]

    def made_by(self, ref: Ref) -> Step | None:
        """Returns the step that gives a tensor; None for an input of the model."""
        return next((step for step in self.steps if ref in step.outputs), None)

    def calls(self, part: Part) -> int:
        """Returns how many steps call a part."""
        return sum(step.part is part for step in self.steps)

    def readers(self, ref: Ref) -> int:
        """Returns how often a tensor is used, as an argument or as an output of the model."""
        used = [x for step in self.steps for x in step.inputs] + keras.tree.flatten(self.outputs)
        return used.count(ref)

    def bypass(self, step: Step) -> None:
        """Takes out a step with one input and one output."""
        (given,), (made,) = step.inputs, step.outputs
        self.steps.remove(step)
        self._replace(made, given)

    def exchange(self, first: Step, second: Step) -> None:
        """Moves `second`, the only reader of `first`, in front of it."""
        (given,), (made,) = first.inputs, second.outputs
        between = Ref((*given.shape[:-1], made.shape[-1]), given.dtype)
        i, j = self.steps.index(first), self.steps.index(second)
        self.steps[i] = Step(second.part, (given,), {}, [between])
        self.steps[j] = Step(first.part, (between,), {}, [made])

    def build(self, name: str) -> keras.Model:
        """Returns a model of new layers, with weights of its own."""
        values = {
            ref: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
            for ref, tensor in self._given
        }
        inputs = list(values.values())
        taken = {tensor.name for _, tensor in self._given}
        layers = {}
        for step in self.steps:
            if step.part not in layers:
                layers[step.part] = _made(step.part, taken)
            args, kwargs = _mapped((step.args, step.kwargs), Ref, values)
            made = keras.tree.flatten(layers[step.part](*args, **kwargs))
            values.update(zip(step.outputs, made))
        model = keras.Model(
            keras.tree.pack_sequence_as(self._input_structure, inputs),
            _mapped(self.outputs, Ref, values),
            name=name,
        )
        for part, layer in layers.items():
            if part.weights is not None:
                layer.set_weights(part.weights)
            if hasattr(part.source, "finalize_state"):  # Normalization computes with copies
                layer.finalize_state()
        return model

    def _open(self, model, inputs):
        """Adds the steps of a model that is called on `inputs`; returns its outputs as `Ref`s."""
        refs = {tensor: self._received(ref, tensor) for tensor, ref in zip(model.inputs, inputs)}
        for call in graph.calls(model):
            if call.is_input:
                continue
            if graph.is_functional(call.operation) and not call.in_training:
                made = self._open(call.operation, call.inputs_of_model(refs))
                outputs = keras.tree.flatten(made)
            else:
                outputs = [_ref(tensor) for tensor in call.outputs]
                step = Step(self._part(call.operation), *call.arguments_of(refs), outputs)
                self.steps.append(step)
            refs.update(zip(call.outputs, outputs))
        return _mapped(graph.structure_of(model)[1], keras.KerasTensor, refs)

    def _received(self, ref, tensor):
        """Adds what a model does to an input of another dtype or rank than the one it declares.

        Floats need no conversion: layers convert them by themselves.
        """
        if ref is None:  # an optional input that is left out
            return None
        are_floats = all(keras.backend.is_float_dtype(dtype) for dtype in (ref.dtype, tensor.dtype))
        if ref.dtype != tensor.dtype and not are_floats:
            ref = self._add(keras.ops.cast, ref, tensor.dtype, Ref(ref.shape, tensor.dtype))
        if len(ref.shape) == len(tensor.shape) + 1:
            ref = self._add(keras.ops.squeeze, ref, -1, Ref(ref.shape[:-1], ref.dtype))
        elif len(ref.shape) == len(tensor.shape) - 1:
            ref = self._add(keras.ops.expand_dims, ref, -1, Ref((*ref.shape, 1), ref.dtype))
        return ref

    def _add(self, function, ref, argument, made):
        self.steps.append(Step(Part(function), (ref, argument), {}, [made]))
        return made

    def _part(self, operation):
        if operation not in self._parts:
            if isinstance(operation, keras.Layer):
                part = Part(operation, operation.get_config(), operation.get_weights())
            else:
                part = Part(operation)
            self._parts[operation] = part
        return self._parts[operation]

    def _replace(self, old, new):
        def swap(x):
            return new if x is old else x

        for step in self.steps:
            step.args, step.kwargs = keras.tree.map_structure(swap, (step.args, step.kwargs))
        self.outputs = keras.tree.map_structure(swap, self.outputs)


def _ref(tensor):
    return Ref(tuple(tensor.shape), tensor.dtype)


def _made(part, taken):
    """Returns a copy of the layer under a name that no other layer has."""
    if part.config is None:
        return part.source
    name = part.config["name"]
    i = 1
    while part.config["name"] in taken:
        part.config["name"] = f"{name}_{i}"
        i += 1
    taken.add(part.config["name"])
    if part.kind is keras.layers.Lambda:  # Keras asks before it runs a function out of a file
        return part.kind.from_config(part.config, safe_mode=False)
    return part.kind.from_config(part.config)


def _mapped(structure, kind, values):
    return keras.tree.map_structure(lambda x: values[x] if isinstance(x, kind) else x, structure)
