"""A network as a flat list of calls, nested models opened, that runs up to wherever one looks.

Layers are called one by one, so a network that was built for one size takes pictures of any size as
far as its layers do: convolutions and pools, and the dense layer behind a global pool.
"""

import dataclasses
import inspect
from collections.abc import Mapping

import keras

from keras_inception.analysis.graph import applied, is_functional, nodes_of
from keras_inception.models.surgery import end_points


@dataclasses.dataclass(eq=False)
class Value:
    """One tensor of the graph: its shape, batch first, and the call that makes it."""

    shape: tuple
    step: "Step | None" = None


@dataclasses.dataclass(eq=False)
class Step:
    """One call of a layer.

    Attributes:
        name: of the layer; `outer/inner` inside a nested model.
        operation: the layer.
        arguments, keywords: of the call, with `Value`s for the tensors.
        inputs, outputs: the `Value`s among them, and those that it makes.
    """

    name: str
    operation: keras.Operation
    arguments: tuple
    keywords: Mapping
    inputs: list
    outputs: list


class Network:
    """The graph of a functional model.

    Args:
        model: a functional `keras.Model` or built `Sequential` with one input.
        input_shape: (height, width, channels) to compute all shapes for; by default the model's
            own, with `None` where it has no fixed size.

    Attributes:
        model; input and outputs, `Value`s; steps, in the order of computation.

    Raises:
        ValueError: it is another kind of model, or cannot take pictures of that shape.
    """

    def __init__(self, model, input_shape=None):
        if not is_functional(model) or len(model.inputs) != 1:
            raise ValueError(
                "a functional keras.Model (or a built Sequential) with one input is wanted, got "
                + (f"{model.name}" if isinstance(model, keras.Model) else type(model).__name__)
            )
        shape = tuple(model.inputs[0].shape[1:])
        if input_shape is not None:
            if len(input_shape) != len(shape) or input_shape[-1] != shape[-1]:
                raise ValueError(
                    f"{model.name} takes pictures (height, width, {shape[-1]}), "
                    f"not {tuple(input_shape)}"
                )
            shape = tuple(input_shape)
        self.model, self.steps = model, []
        self._recomputed = input_shape is not None
        self._end_points = end_points(model)
        self.input = Value((None, *shape))
        self.outputs = self._through(model, [self.input], "")

    def _through(self, model, inputs, prefix):
        values = {id(tensor): value for tensor, value in zip(model.inputs, inputs)}
        if prefix:
            self._end_points = {**end_points(model), **self._end_points}
        for node in nodes_of(model):
            if id(node.outputs[0]) in values:  # an input
                continue
            name, operation = prefix + node.operation.name, node.operation
            sources = [values[id(tensor)] for tensor in node.input_tensors]
            if is_functional(operation):
                made = self._through(operation, sources, f"{name}/")
            else:
                made = self._add(name, operation, *node.arguments.fill_in(values), sources, node)
            values.update((id(tensor), value) for tensor, value in zip(node.outputs, made))
        return [values[id(tensor)] for tensor in model.outputs]

    def _add(self, name, operation, arguments, keywords, sources, node):
        specs = node.outputs
        if self._recomputed:
            symbols = keras.tree.map_structure(
                lambda x: keras.KerasTensor(x.shape) if isinstance(x, Value) else x,
                (arguments, keywords),
            )
            specs = applied(operation, *symbols)
        made = [Value(tuple(spec.shape)) for spec in specs]
        step = Step(name, operation, arguments, keywords, sources, made)
        for value in made:
            value.step = step
        self.steps.append(step)
        return made

    @property
    def grids(self):
        """Names of the end points that are grids; of every grid where there are none."""
        named = {step.name: step.outputs[0] for step in self.steps if is_grid(step.outputs[0])}
        ends = {n: value for n, value in named.items() if n.split("/")[-1] in self._end_points}
        return ends or named

    def end_point_steps(self):
        """The calls that make end points or outputs; all calls where there is no end point."""
        named = {step.name.split("/")[-1] for step in self.steps if is_grid(step.outputs[0])}
        if not named & set(self._end_points):
            return self.steps
        outputs = {value.step for value in self.outputs}
        names = self._end_points
        return [s for s in self.steps if s.name.split("/")[-1] in names or s in outputs]

    def grid(self, name):
        """The `Value` of an end point, or of any layer that makes a grid.

        Raises:
            ValueError: there is none of that name; the message lists the end points.
        """
        for step in self.steps:
            if name in (step.name, step.name.split("/")[-1]) and is_grid(step.outputs[0]):
                return step.outputs[0]
        raise ValueError(
            f"{self.model.name} has no end point {name!r}; its end points are "
            + ", ".join(self.grids)
        )

    def needed(self, wanted):
        """The steps, in order, that some `Value`s are computed from."""
        found, pending = set(), [value.step for value in wanted]
        while pending:
            step = pending.pop()
            if step is not None and id(step) not in found:
                found.add(id(step))
                pending.extend(value.step for value in step.inputs)
        return [step for step in self.steps if id(step) in found]

    def check_takes(self, wanted, size):
        """Raises ValueError where pictures of `size`, (rows, columns), leave nothing of a `Value`.

        Sizes are followed up to the wanted values only: a dense layer on a grid of fixed size does
        not keep the convolutions before it from pictures of another size.
        """
        specs = {self.input: keras.KerasTensor((1, *size, self.input.shape[-1]))}
        for step in self.needed(wanted):
            symbols = keras.tree.map_structure(
                lambda x: specs[x] if isinstance(x, Value) else x, (step.arguments, step.keywords)
            )
            try:
                specs.update(zip(step.outputs, applied(step.operation, *symbols)))
            except ValueError as error:
                rows, columns = size
                raise ValueError(
                    f"{self.model.name} cannot take pictures of {rows} x {columns}: {error}"
                ) from error

    def run(self, wanted, images):
        """Computes some `Value`s of images (batch, height, width, channels), in inference."""
        values = {self.input: images}
        for step in self.needed(wanted):
            arguments, keywords = keras.tree.map_structure(
                lambda x: values[x] if isinstance(x, Value) else x,
                (step.arguments, dict(step.keywords)),
            )
            if _takes_training(step.operation):
                keywords["training"] = False
            made = keras.tree.flatten(step.operation(*arguments, **keywords))
            values.update(zip(step.outputs, made))
        return [values[value] for value in wanted]


def _takes_training(operation):
    call = getattr(operation, "call", None)
    return call is not None and "training" in inspect.signature(call).parameters


def is_grid(value):
    """Whether a `Value` is (batch, rows, columns, channels)."""
    return len(value.shape) == 4
