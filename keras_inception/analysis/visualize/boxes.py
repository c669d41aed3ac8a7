"""The boxes of a drawing: layers that papers draw as one, or whole modules, and their links."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

import keras

from keras_inception.analysis.visualize.network import Step, Value
from keras_inception.analysis.visualize.svg import TIMES

_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)
_KINDS = {keras.layers.SeparableConv2D: "separable ", keras.layers.DepthwiseConv2D: "depthwise "}
_WEIGHTED = (*_CONVOLUTIONS, keras.layers.Dense)
_AFTER = (keras.layers.BatchNormalization, keras.layers.Activation, keras.layers.ReLU)
_JOINS = (keras.layers.Concatenate, keras.layers.Add)
_TIMES = f" {TIMES} "
_POOLS = {"Max": "max pool", "Average": "average pool"}
_NAMES = {"relu": "ReLU", "linear": "linear"}


@dataclasses.dataclass(eq=False)
class Box:
    """One box of a drawing.

    Attributes:
        steps: the calls of layers that the box stands for, in order; none for the input.
        kind: "conv", "pool", "join", "module", "other" or "input"; it decides the colour.
        title: first line, what the box does or what it is called.
        details: smaller lines below the title.
        shape: shape of the box's output, batch first.
        sources: the boxes whose outputs it takes, in order.
        first: name of the first of several equal modules in one box.
        count: number of equal modules in the box.
    """

    steps: list[Step]
    kind: str
    title: str
    details: list[str]
    shape: tuple
    sources: list[Box] = dataclasses.field(default_factory=list)
    first: str = ""
    count: int = 1

    def repeat(self, name: str, steps: Sequence[Step]) -> None:
        """Adds the next of several equal modules in a row."""
        if self.count == 1:
            self.first, self.details = self.title, ["", *self.details]
        self.count += 1
        self.steps = [*self.steps, *steps]
        self.title, self.details[0] = f"{self.first} to {name}", f"{self.count} times"

    @property
    def names(self) -> list[str]:
        """Names of the layers."""
        return [step.name for step in self.steps]

    @property
    def grid(self) -> str:
        """The shape as text, for example "8 \u00d7 8 \u00d7 1536"."""
        return _TIMES.join("?" if side is None else str(side) for side in self.shape[1:])


def input_box(shape: tuple, title: str = "input") -> Box:
    """Makes the box of a tensor that comes from outside."""
    return Box([], "input", title, [], shape)


def consumers_of(steps: Iterable[Step]) -> dict[Value, list[Step]]:
    """Returns `{value: steps that take it}`."""
    found: dict[Value, list[Step]] = {}
    for step in steps:
        for value in step.inputs:
            found.setdefault(value, []).append(step)
    return found


def layer_boxes(
    steps: Sequence[Step],
    consumers: Mapping[Value, list[Step]],
    outputs: Collection[Value] = (),
) -> list[Box]:
    """Makes a box for each layer; batch normalization and activation join the layer before them.

    Args:
        steps: the calls to draw.
        consumers: `consumers_of` all calls of the network.
        outputs: values that are needed elsewhere too; the call that makes one ends its box.

    Returns:
        Boxes in the order of computation, without `sources` (see `join`).
    """
    groups: list[list[Step]] = []
    group_of: dict[Step, list[Step]] = {}
    for step in steps:
        group = _continued(step, group_of, consumers, outputs)
        if group is None:
            group = []
            groups.append(group)
        group.append(step)
        group_of[step] = group
    return [_layer_box(group) for group in groups]


def join(boxes: Sequence[Box], inputs: Mapping[Value, Box]) -> Sequence[Box]:
    """Fills in the `sources` of boxes and returns them.

    Args:
        boxes: boxes in the order of computation.
        inputs: the boxes of values that come from outside.
    """
    maker = dict(inputs)
    for box in boxes:
        for step in box.steps:
            maker.update((value, box) for value in step.outputs)
    for box in boxes:
        taken = [value for step in box.steps for value in step.inputs]
        sources = [maker[value] for value in taken if maker.get(value, box) is not box]
        box.sources = list(dict.fromkeys(sources))
    return boxes


def module_box(
    name: str, steps: list[Step], consumers: Mapping[Value, list[Step]], is_output: bool
) -> Box:
    """Makes one box for all layers of an end point."""
    inner = layer_boxes(steps, consumers)
    shape = steps[-1].outputs[0].shape
    if len(inner) <= 2:
        texts = [", ".join([box.title, *box.details]) for box in inner]
        kind = inner[-1].kind
        title = "" if len(inner) == 1 and inner[0].kind == "other" else name
        return Box(steps, kind, title or texts[0], [text for text in texts if title], shape)
    return Box(steps, "other" if is_output else "module", name, [_summary(steps)], shape)


def structure(steps: Sequence[Step], consumers: Mapping[Value, list[Step]]) -> tuple:
    """Describes a module: modules that differ only in weights and place have equal descriptions."""
    boxes = layer_boxes(steps, consumers)
    number: dict[Value, int] = {}
    for step in steps:
        number.update((value, len(number)) for value in step.outputs)
    links = tuple(tuple(number.get(value, -1) for value in step.inputs) for step in steps)
    return links, tuple((box.title, *box.details, box.shape) for box in boxes)


def _summary(steps):
    """Describes the branches and convolutions of a module in words."""
    inside = {value for step in steps for value in step.outputs}
    entering = [step for step in steps if any(value not in inside for value in step.inputs)]
    branches = [step for step in entering if not isinstance(step.operation, keras.layers.Add)]
    words = ["residual"] if len(branches) < len(entering) else []
    if len(branches) > 1:
        words.append(f"{len(branches)} branches")
    for kinds, word in ((_CONVOLUTIONS, "convolution"), (keras.layers.Dense, "dense layer")):
        count = sum(isinstance(step.operation, kinds) for step in steps)
        if count:
            words.append(f"{count} {word}{'s' * (count > 1)}")
    return ", ".join(words or [f"{len(steps)} layers"])


def _continued(step, group_of, consumers, outputs):
    """Returns the group of the call before a step, if the step belongs to it, or `None`."""
    if len(step.inputs) != 1:
        return None
    (before,) = step.inputs
    group = group_of.get(before.step)
    alone = consumers.get(before) == [step] and before not in outputs
    if group is None or not alone or group[-1] is not before.step:
        return None
    return group if _goes_with(group, step) else None


def _goes_with(group, step):
    first = group[0].operation
    if isinstance(first, keras.layers.ZeroPadding2D) and len(group) == 1:
        return isinstance(step.operation, _CONVOLUTIONS)
    if isinstance(first, (*_WEIGHTED, keras.layers.ZeroPadding2D)):
        return isinstance(step.operation, _AFTER)
    is_relu = isinstance(step.operation, (keras.layers.Activation, keras.layers.ReLU))
    return isinstance(first, keras.layers.Add) and is_relu


def _layer_box(group):
    weighted = [step.operation for step in group if isinstance(step.operation, _WEIGHTED)]
    operation = weighted[0] if weighted else group[0].operation
    shape = group[-1].outputs[0].shape
    activations = [name for step in group if (name := _activation(step.operation)) is not None]
    if isinstance(operation, _CONVOLUTIONS):
        kind, title, details = _convolution(operation, group, activations)
    elif isinstance(operation, keras.layers.Dense):
        kind, title, details = "conv", f"dense, {operation.units}", [*activations] or ["linear"]
    elif isinstance(operation, _JOINS):
        word = "add" if isinstance(operation, keras.layers.Add) else "concatenate"
        kind, title, details = "join", ", ".join([word, *activations]), []
    else:
        kind, title, details = _plain(operation, activations)
    return Box(list(group), kind, title, details, shape)


def _activation(operation):
    """Returns the name of the activation that a layer ends in, or `None`."""
    if isinstance(operation, keras.layers.ReLU):
        return "ReLU"
    name = getattr(getattr(operation, "activation", None), "__name__", None)
    return None if name in (None, "linear") else _NAMES.get(name, name)


def _convolution(operation, group, activations):
    kernel = _TIMES.join(map(str, operation.kernel_size))
    word = next((word for kind, word in _KINDS.items() if isinstance(operation, kind)), "")
    title = f"{kernel} {word}conv, {group[-1].outputs[0].shape[-1]}"
    window = _window(operation, operation.kernel_size)
    if isinstance(group[0].operation, keras.layers.ZeroPadding2D):
        window = ["padded" if word == "valid" else word for word in window]
    if not activations:
        window.append("linear")
    elif activations != ["ReLU"]:
        window += activations
    return "conv", title, [", ".join(window)] if window else []


def _window(operation, size):
    """Describes how a window moves, unless it goes in steps of one over a padded grid."""
    strides, dilation = (getattr(operation, name, 1) for name in ("strides", "dilation_rate"))
    stride = max(strides) if isinstance(strides, (tuple, list)) else strides
    dilation = max(dilation) if isinstance(dilation, (tuple, list)) else dilation
    words = [f"stride {stride}"] if stride != 1 else []
    words += [f"dilation {dilation}"] if dilation != 1 and max(size) > 1 else []
    if operation.padding == "valid" and max(size) > 1:
        words.append("valid")
    return words


def _plain(operation, activations):
    """Returns kind, title and details of a layer without weights, or of an unknown one."""
    name = type(operation).__name__
    if name.startswith("Global"):
        pool = _POOLS["Max" if "Max" in name else "Average"]
        return "pool", f"global {pool}", []
    if isinstance(operation, (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)):
        pool = _POOLS["Max" if "Max" in name else "Average"]
        size = operation.pool_size
    elif name == "DilatedPooling2D":
        pool = _POOLS["Max" if operation.mode == "max" else "Average"]
        size = (operation.pool_size,) * 2
    else:
        return "other", _title(operation, name, activations), []
    window = _window(operation, size)
    return "pool", f"{_TIMES.join(map(str, size))} {pool}", [", ".join(window)] if window else []


def _title(operation, name, activations):
    if isinstance(operation, keras.layers.Activation):
        return activations[0] if activations else "linear"
    if isinstance(operation, keras.layers.Dropout):
        return f"dropout {operation.rate:g}"
    if isinstance(operation, keras.layers.Rescaling) and isinstance(operation.scale, float):
        return f"{_TIMES.strip()} {operation.scale:g}" if not operation.offset else "rescaling"
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in name.removesuffix("2D"))
    return words.strip()
