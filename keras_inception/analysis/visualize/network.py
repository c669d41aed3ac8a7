"""A network as a flat list of calls, with nested models opened, which runs as far as needed.

Layers are called one by one. So a network that was built for one size takes pictures of any size
that its layers take: convolutions and pools do, and so does the dense layer after a global pool.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import keras

from keras_inception import graph
from keras_inception.models.surgery import end_points


@dataclasses.dataclass(eq=False)
class Value:
    """One tensor of the graph: its shape, batch first, and the call that makes it.

    `step` is None for the network's input.
    """

    shape: tuple
    step: Step | None = None


@dataclasses.dataclass(eq=False)
class Step:
    """One call of a layer.

    Attributes:
        name: name of the layer; `outer/inner` inside a nested model.
        operation: the layer.
        arguments, keywords: arguments of the call, with `Value`s in place of tensors.
        inputs, outputs: the `Value`s among the arguments, and those that the call makes.
    """

    name: str
    operation: keras.Operation
    arguments: tuple
    keywords: dict[str, Any]
    inputs: list[Value]
    outputs: list[Value]


class Network:
    """The graph of a functional model.

    Args:
        model: a functional `keras.Model` or a built `keras.Sequential`, with one input.
        input_shape: (height, width, channels) to compute all shapes for. The default is the model's
            own shape, with None for a side that is not fixed.

    Attributes:
        model: the model.
        input: `Value` of the pictures.
        outputs: list of `Value`, in the order of `model.outputs`.
        steps: list of `Step`, in the order of computation.

    Raises:
        ValueError: the model is not functional, has several inputs, or cannot take pictures of that
            shape.
    """

    def __init__(self, model: keras.Model, input_shape: Sequence[int] | None = None):
        graph.require_functional(model)
        if len(model.inputs) != 1:
            raise ValueError(f"{model.name} has {len(model.inputs)} inputs; expected one")
        shape = tuple(model.inputs[0].shape[1:])
        if input_shape is not None:
            if len(input_shape) != len(shape) or input_shape[-1] != shape[-1]:
                raise ValueError(
                    f"{model.name} takes pictures (height, width, {shape[-1]}), "
                    f"not {tuple(input_shape)}"
                )
            shape = tuple(input_shape)
        self.model = model
        self.steps: list[Step] = []
        self._recomputed = input_shape is not None
        self._end_points: set[str] = set()
        self.input = Value((None, *shape))
        self.outputs = self._through(model, [self.input], "")

    def _through(self, model, inputs, prefix):
        """Adds the steps of a model that is called on `inputs`; returns its outputs."""
        self._end_points.update(end_points(model))
        values = dict(zip(model.inputs, inputs))
        for call in graph.calls(model):
            if call.is_input:
                continue
            if graph.is_functional(call.operation):
                inner = call.inputs_of_model(values)
                made = self._through(call.operation, inner, f"{prefix}{call.name}/")
            else:
                made = self._add(call, prefix + call.name, values)
            values.update(zip(call.outputs, made))
        return [values[tensor] for tensor in model.outputs]

    def _add(self, call, name, values):
        arguments, keywords = call.arguments_of(values)
        specs = call.outputs
        if self._recomputed:
            symbols = _mapped((arguments, keywords), lambda value: keras.KerasTensor(value.shape))
            specs = graph.output_specs(call.operation, *symbols)
        made = [Value(tuple(spec.shape)) for spec in specs]
        sources = [values[tensor] for tensor in call.inputs]
        step = Step(name, call.operation, arguments, keywords, sources, made)
        for value in made:
            value.step = step
        self.steps.append(step)
        return made

    @property
    def grids(self) -> dict[str, Value]:
        """The end points that are grids, by name; every grid if there are none."""
        named = {step.name: step.outputs[0] for step in self.steps if is_grid(step.outputs[0])}
        ends = {n: value for n, value in named.items() if n.split("/")[-1] in self._end_points}
        return ends or named

    def end_point_steps(self) -> list[Step]:
        """Returns the calls that make end points or outputs; all calls if there is no end point."""
        named = {step.name.split("/")[-1] for step in self.steps if is_grid(step.outputs[0])}
        if not named & self._end_points:
            return self.steps
        outputs = {value.step for value in self.outputs}
        names = self._end_points
        return [s for s in self.steps if s.name.split("/")[-1] in names or s in outputs]

    def grid(self, name: str) -> Value:
        """Returns the `Value` of an end point, or of any layer that makes a grid.

        Raises:
            ValueError: there is no such grid; the message lists the end points.
        """
        for step in self.steps:
            if name in (step.name, step.name.split("/")[-1]) and is_grid(step.outputs[0]):
                return step.outputs[0]
        raise ValueError(
            f"{self.model.name} has no end point {name!r}; its end points are "
            + ", ".join(self.grids)
        )

    def needed(self, wanted: Iterable[Value]) -> list[Step]:
        """Returns, in order, the steps that are needed to compute the wanted values."""
        found, pending = set(), [value.step for value in wanted]
        while pending:
            step = pending.pop()
            if step is not None and id(step) not in found:
                found.add(id(step))
                pending.extend(value.step for value in step.inputs)
        return [step for step in self.steps if id(step) in found]

    def check_takes(self, wanted: Iterable[Value], size: tuple[int, int]) -> None:
        """Checks that pictures of this size do not shrink a wanted value to nothing.

        Sizes are followed up to these values only: a dense layer on a grid of fixed size does not
        keep the convolutions before it from pictures of another size.

        Args:
            wanted: `Value`s of this network.
            size: (rows, columns) of the pictures.

        Raises:
            ValueError: nothing is left, or a layer needs a fixed size.
        """
        specs = {self.input: keras.KerasTensor((1, *size, self.input.shape[-1]))}
        for step in self.needed(wanted):
            symbols = _mapped((step.arguments, step.keywords), specs.__getitem__)
            try:
                specs.update(zip(step.outputs, graph.output_specs(step.operation, *symbols)))
            except ValueError as error:
                rows, columns = size
                raise ValueError(
                    f"{self.model.name} cannot take pictures of {rows} x {columns}: {error}"
                ) from error

    def run(self, wanted: Sequence[Value], images: Any) -> list:
        """Computes the wanted values of images (batch, height, width, channels) in inference."""
        values = {self.input: images}
        for step in self.needed(wanted):
            arguments, keywords = _mapped((step.arguments, step.keywords), values.__getitem__)
            if _takes_training(step.operation):
                keywords["training"] = False
            made = keras.tree.flatten(step.operation(*arguments, **keywords))
            values.update(zip(step.outputs, made))
        return [values[value] for value in wanted]


def _takes_training(operation):
    call = getattr(operation, "call", None)
    return call is not None and "training" in inspect.signature(call).parameters


def _mapped(structure, function):
    """Applies a function to each `Value` in a nested structure."""
    return keras.tree.map_structure(lambda x: function(x) if isinstance(x, Value) else x, structure)


def is_grid(value: Value) -> bool:
    """Returns whether a `Value` is (batch, rows, columns, channels)."""
    return len(value.shape) == 4
