"""Drawings of blocks and networks, as papers draw them, made as SVG from the Keras graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

import keras

from keras_inception.analysis.visualize import svg
from keras_inception.analysis.visualize.boxes import (
    consumers_of,
    input_box,
    join,
    layer_boxes,
    module_box,
    structure,
)
from keras_inception.analysis.visualize.layout import GAP, lay_out
from keras_inception.analysis.visualize.network import Network
from keras_inception.types import PathLike

STEM = "stem"
EVERYTHING = "all"
_TITLE, _DETAIL, _CAPTION = 13, 11.5, 16  # font sizes
_MARGIN, _PADDING, _LINE = 20, 10, 16
_STYLE = ".arrow { fill: none; stroke: var(--line); stroke-width: 1.4; }\n"
_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" '
    'markerHeight="7" orient="auto"><path d="M0 0.5 L8 4 L0 7.5 z" fill="var(--line)"/>'
    "</marker></defs>"
)


def draw(
    what: keras.Model | keras.Layer | Callable,
    path: PathLike | None = None,
    *,
    block: str | None = None,
    expand: str | Sequence[str] = (),
    input_shape: Sequence[int] | None = None,
    repeats: bool = True,
) -> svg.Figure:
    """Draws a network, one of its modules, or a block of `keras_inception.layers`.

    The drawing of a network has a box for each end point, which says what is inside and has the
    shape of its output. Equal modules in a row are one box with their number. The drawing of a
    block has a box for each layer; batch normalization and activation go with their convolution.
    Branches stand side by side.

    Args:
        what: a functional `keras.Model`; a function of `keras_inception.layers` such as
            `layers.inception_b`, or one of your own; or any Keras layer.
        path: the SVG file to write; `None` writes none.
        block: name of an end point, to draw that module alone; or "stem" for everything before the
            first module that keeps its grid.
        expand: names of end points, or "stem", to draw layer by layer within the network; "all"
            for every one.
        input_shape: (height, width, channels), required for a function or a layer. The default for
            a network is its own shape, or its native size if it takes any.
        repeats: whether equal modules in a row are drawn as one box.

    Returns:
        A `Figure`, whose `svg` is the text of the file.

    Raises:
        ValueError: there is no such end point, the pictures are too small, or a function comes
            without `input_shape`.
    """
    name, network = _network(what, input_shape)
    blocks = _Blocks(network)
    if block is None:
        boxes = _whole(network, blocks, expand, repeats)
        title = name
    else:
        boxes = _alone(network, blocks, blocks.parts(block))
        title = f"{name}, {block}"
    drawing = _drawing(title, boxes)
    if path is not None:
        drawing.save(path)
    return drawing


def _network(what, input_shape):
    """Returns the name of what is drawn, and its `Network`."""
    if isinstance(what, keras.Model):
        architecture = getattr(what, "architecture", None)
        if input_shape is None and architecture is not None and None in what.inputs[0].shape[1:]:
            input_shape = (architecture.size,) * 2 + (what.inputs[0].shape[-1],)
        return what.name, Network(what, input_shape)
    if not callable(what):
        raise ValueError(f"expected a model, a layer or a function of a block, got {what!r}")
    name = getattr(what, "__name__", None) or getattr(what, "name", None) or type(what).__name__
    if input_shape is None:
        raise ValueError(f"{name} is not a model: give input_shape=(height, width, channels)")
    images = keras.Input(tuple(input_shape), name="input")
    is_layer = isinstance(what, keras.Layer)
    named = not is_layer and "name" in inspect.signature(what).parameters
    outputs = what(images, name="block") if named else what(images)
    return name, Network(keras.Model(images, outputs, name=name))


class _Blocks:
    """The end points of a network, each with the calls that lead to it from the one before."""

    def __init__(self, network):
        self.network, self.consumers = network, consumers_of(network.steps)
        ends = network.end_point_steps()
        self.steps = {}
        group = []
        for step in network.steps:
            group.append(step)
            if step in ends:
                self.steps[step.name] = group
                group = []
        if group:
            self.steps[group[-1].name] = group

    def parts(self, name: str) -> list[str]:
        """Returns the end points that `name` stands for: itself, or all of the stem."""
        if name == STEM:
            stem = self.stem()
            if not stem:
                raise ValueError(f"{self.network.model.name} has no stem before its modules")
            return stem
        for known in self.steps:
            if name in (known, known.split("/")[-1]):
                return [known]
        raise ValueError(
            f"{self.network.model.name} has no end point {name!r}; its end points are "
            + ", ".join(self.steps)
        )

    def stem(self) -> list[str]:
        """Returns the names of the end points before the first module that keeps its grid."""
        names: list[str] = []
        for name, steps in self.steps.items():
            inside = {value for step in steps for value in step.outputs}
            (outside, *more) = dict.fromkeys(
                value for step in steps for value in step.inputs if value not in inside
            )
            takers = [step for step in self.consumers[outside] if step in steps]
            is_same_grid = outside.shape[1:3] == steps[-1].outputs[0].shape[1:3]
            if more or len(outside.shape) != 4 or len(steps[-1].outputs[0].shape) != 4:
                return []
            if len(takers) > 1 and is_same_grid:
                return names
            names.append(name)
        return []


def _whole(network, blocks, expand, repeats):
    wanted = set()
    for name in [expand] if isinstance(expand, str) else expand:
        wanted.update(blocks.steps if name == EVERYTHING else blocks.parts(name))
    outputs = set(network.outputs)
    start = input_box(network.input.shape, network.model.inputs[0].name)
    boxes, last = [], None
    for name, steps in blocks.steps.items():
        if name in wanted:
            boxes += layer_boxes(steps, blocks.consumers, outputs)
            last = None
            continue
        kind = structure(steps, blocks.consumers)
        if repeats and kind == last and _follows(boxes[-1], steps, blocks.consumers):
            boxes[-1].repeat(name, steps)
        else:
            is_output = steps[-1].outputs[0] in outputs
            boxes.append(module_box(name, steps, blocks.consumers, is_output))
        last = kind
    return [start, *join(boxes, {network.input: start})]


def _follows(box, steps, consumers):
    """Whether a box's output is all that `steps` take from outside, and goes nowhere else."""
    inside = {value for step in steps for value in step.outputs}
    taken = {value for step in steps for value in step.inputs if value not in inside}
    given = box.steps[-1].outputs[0]
    return taken == {given} and set(consumers[given]) <= set(steps)


def _alone(network, blocks, names):
    steps = [step for name in names for step in blocks.steps[name]]
    inside = {value for step in steps for value in step.outputs}
    inputs = {}
    for step in steps:
        for value in step.inputs:
            if value not in inside and value not in inputs:
                title = value.step.name if value.step else network.model.inputs[0].name
                inputs[value] = input_box(value.shape, title)
    outer = {v for v in inside if any(s not in steps for s in blocks.consumers.get(v, []))}
    boxes = layer_boxes(steps, blocks.consumers, outer | set(network.outputs))
    return [*inputs.values(), *join(boxes, inputs)]


def _lines(box):
    """Returns (text, font size, faint) of each line in a box."""
    lines = [(box.title, _TITLE, False), *((text, _DETAIL, False) for text in box.details)]
    return [*lines, (box.grid, _DETAIL, True)]


def _size(box):
    lines = _lines(box)
    width = max(svg.text_width(text, size) for text, size, _ in lines)
    return width + 2 * _PADDING, len(lines) * _LINE + _PADDING


def _drawing(title, boxes):
    links = [(source, box) for box in boxes for source in box.sources]
    layout = lay_out(boxes, links, _size)
    shift = max((1.15 * svg.text_width(title, _CAPTION) - layout.width) / 2, 0) + _MARGIN
    top = 2 * _MARGIN + _CAPTION
    places, lanes = layout.moved(shift, top)
    width = layout.width + 2 * shift
    body = [_ARROW, svg.text(width / 2, _MARGIN + _CAPTION, title, _CAPTION, weight="bold")]
    for link in links:
        body.append(_arrow(*link, places, lanes.get(link)))
    for box in boxes:
        body += _box(box, *places[box])
    words = "; ".join(", ".join([box.title, *box.details, box.grid]) for box in boxes)
    height = layout.height + top + _MARGIN
    return svg.figure(width, height, title, f"From top to bottom: {words}", body, _STYLE)


def _box(box, x, top):
    width, height = _size(box)
    names = " ".join(box.names)
    yield f'<g class="box {box.kind}" data-layers={svg.attribute(names)}>'
    if box.kind != "module" and names:
        yield f"<title>{svg.escape(names)}</title>"
    yield (
        f'<rect x="{svg.number(x - width / 2)}" y="{svg.number(top)}" '
        f'width="{svg.number(width)}" height="{svg.number(height)}" rx="5" '
        f'fill="var(--{box.kind})" stroke="var(--line)"/>'
    )
    for i, (text, size, faint) in enumerate(_lines(box)):
        yield svg.text(x, top + _PADDING / 2 + _LINE * i + 12, text, size, faint=faint)
    yield "</g>"


def _arrow(source, target, places, lanes):
    """Draws an arrow from a box's lower edge, along its lanes, to another box's upper edge."""
    x, y = places[source][0], places[source][1] + _size(source)[1]
    end, bottom = places[target]
    points = [(x, y)]
    for lane, top, _ in lanes or [(x, y + GAP, 0)]:
        points += [(points[-1][0], top - GAP / 2), (lane, top - GAP / 2)]
    points += [(points[-1][0], bottom - GAP / 2), (end, bottom - GAP / 2), (end, bottom)]
    return f'<path class="arrow" d="{svg.rounded_path(points)}" marker-end="url(#arrow)"/>'
