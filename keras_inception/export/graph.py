"""A functional model taken apart in a list of calls, which can be changed and built again."""

import dataclasses

import keras


@dataclasses.dataclass(eq=False)
class Ref:
    """A tensor between layers."""

    shape: tuple


@dataclasses.dataclass(eq=False)
class Part:
    """A layer that is to be made, or an operation without state, which is taken as it is."""

    source: object
    config: dict | None = None
    weights: list | None = None

    @property
    def kind(self):
        return type(self.source)


@dataclasses.dataclass(eq=False)
class Step:
    """One call of a layer. In `args` and `kwargs` each tensor is a `Ref`."""

    part: Part
    args: tuple
    kwargs: dict
    outputs: list

    @property
    def inputs(self):
        return [x for x in keras.tree.flatten((self.args, self.kwargs)) if isinstance(x, Ref)]


class Graph:
    """The calls of a model in an order in which they can be made, models inside it opened."""

    def __init__(self, model):
        functional = _functional(model)
        if functional is None:
            raise ValueError(
                f"{model.name} is no functional model: only those can be taken apart; make it by "
                "keras.Model(inputs, outputs)"
            )
        self.steps = []
        self._parts = {}
        self._given = [(Ref(tuple(t.shape)), t) for t in functional.inputs]
        self._input_structure = functional.input
        self.outputs = self._open(functional, [ref for ref, _ in self._given])

    def keep_outputs(self, outputs):
        """Drops what only other outputs need."""
        self.outputs = outputs
        needed = {id(ref) for ref in keras.tree.flatten(outputs)}
        kept = []
        for step in reversed(self.steps):
            if needed & {id(ref) for ref in step.outputs}:
                kept.append(step)
                needed.update(id(ref) for ref in step.inputs)
        self.steps = kept[::-1]

    def made_by(self, ref):
        """The step that gives a tensor; None for an input of the model."""
        return next((step for step in self.steps if any(o is ref for o in step.outputs)), None)

    def calls(self, part):
        return sum(step.part is part for step in self.steps)

    def readers(self, ref):
        """How many steps and outputs of the model use a tensor."""
        used = [x for step in self.steps for x in step.inputs] + keras.tree.flatten(self.outputs)
        return sum(x is ref for x in used)

    def bypass(self, step):
        """Takes out a step with one input and one output."""
        (given,), (made,) = step.inputs, step.outputs
        self.steps.remove(step)
        self._replace(made, given)

    def exchange(self, first, second):
        """Lets `second`, the only reader of `first`, come before it."""
        (given,), (made,) = first.inputs, second.outputs
        between = Ref((*given.shape[:-1], made.shape[-1]))
        i, j = self.steps.index(first), self.steps.index(second)
        self.steps[i] = Step(second.part, (given,), {}, [between])
        self.steps[j] = Step(first.part, (between,), {}, [made])

    def build(self, name):
        """Makes the layers anew and calls them; returns the model."""
        values, layers = {}, {}
        for ref, tensor in self._given:
            values[id(ref)] = keras.Input(
                batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name
            )
        inputs = [values[id(ref)] for ref, _ in self._given]
        taken = {tensor.name for _, tensor in self._given}
        for step in self.steps:
            layer = layers.get(id(step.part))
            if layer is None:
                layer = layers[id(step.part)] = _made(step.part, taken)
            args, kwargs = _mapped((step.args, step.kwargs), Ref, values)
            for ref, tensor in zip(step.outputs, keras.tree.flatten(layer(*args, **kwargs))):
                values[id(ref)] = tensor
        model = keras.Model(
            keras.tree.pack_sequence_as(self._input_structure, inputs),
            _mapped(self.outputs, Ref, values),
            name=name,
        )
        for step in self.steps:
            if step.part.weights is not None:
                layers[id(step.part)].set_weights(step.part.weights)
            if hasattr(step.part.source, "finalize_state"):  # Normalization computes with copies
                layers[id(step.part)].finalize_state()
        return model

    def _open(self, functional, inputs):
        """Adds the steps of a model that is called on `inputs`; returns its outputs as `Ref`s."""
        refs = {id(tensor): ref for tensor, ref in zip(functional.inputs, inputs)}
        depths = sorted(functional._nodes_by_depth, reverse=True)
        for node in (node for depth in depths for node in functional._nodes_by_depth[depth]):
            if node.is_input:
                continue
            arguments = node.arguments.args, node.arguments.kwargs
            args, kwargs = _mapped(arguments, keras.KerasTensor, refs)
            inner = None if kwargs.get("training") else _functional(node.operation)
            if inner is not None:
                given = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, Ref)]
                outputs = keras.tree.flatten(self._open(inner, given))
            else:
                outputs = [Ref(tuple(tensor.shape)) for tensor in node.outputs]
                self.steps.append(Step(self._part(node.operation), args, kwargs, outputs))
            refs.update((id(tensor), ref) for tensor, ref in zip(node.outputs, outputs))
        return _mapped(functional.output, keras.KerasTensor, refs)

    def _part(self, operation):
        if id(operation) not in self._parts:
            if isinstance(operation, keras.Layer):
                part = Part(operation, operation.get_config(), operation.get_weights())
            else:
                part = Part(operation)
            self._parts[id(operation)] = part
        return self._parts[id(operation)]

    def _replace(self, old, new):
        def swap(x):
            return new if x is old else x

        for step in self.steps:
            step.args, step.kwargs = keras.tree.map_structure(swap, (step.args, step.kwargs))
        self.outputs = keras.tree.map_structure(swap, self.outputs)


def _functional(layer):
    """The graph of a model that has one, else None."""
    if isinstance(layer, keras.Sequential):
        return layer._functional if layer.built else None
    # A subclass that computes in its own way has a graph too, of something else.
    is_plain = type(layer).call.__qualname__ == "Functional.call"
    return layer if is_plain else None


def _made(part, taken):
    """The layer anew, under a name that no other has."""
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
    return keras.tree.map_structure(
        lambda x: values[id(x)] if isinstance(x, kind) else x, structure
    )
