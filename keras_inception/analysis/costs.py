"""Parameters and multiply-accumulates, layer by layer, counted from the graph of a network.

Convolutions and dense layers count one multiply-accumulate for each use of an entry of a kernel.
Biases, normalization, activations and pools count none, as in the papers. Nothing is run.
"""

from __future__ import annotations

import concurrent.futures
import contextvars
import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence

import keras

from keras_inception import graph
from keras_inception.models.surgery import end_points

_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
_COUNTED = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Dense,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
    *_TRANSPOSED,
)
_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


@dataclasses.dataclass(frozen=True)
class Row:
    """The cost of one layer, or of one block.

    Attributes:
        name: name of the layer; `outer/inner` inside a nested model.
        type: name of the layer's class, or how many layers the block has.
        output_shape: shape without the batch, (rows, columns, channels) for a grid.
        trainable, non_trainable: number of parameters. A layer that is called twice has two rows;
            the first one counts its parameters.
        macs: multiply-accumulates for one picture.
        block: name of the end point, or of the output, that the layer helps to compute.
    """

    name: str
    type: str
    output_shape: tuple
    trainable: int
    non_trainable: int
    macs: int
    block: str


@dataclasses.dataclass(frozen=True)
class Cost:
    """The cost of a model, one row for each layer. `str` makes a table of it.

    Attributes:
        model: name of the model.
        rows: a tuple of `Row`, in the order of computation, branch by branch.
    """

    model: str
    rows: tuple[Row, ...]

    @property
    def trainable(self) -> int:
        """Number of parameters that training changes."""
        return sum(row.trainable for row in self.rows)

    @property
    def non_trainable(self) -> int:
        """Number of parameters that gradients do not change (statistics, frozen layers)."""
        return sum(row.non_trainable for row in self.rows)

    @property
    def parameters(self) -> int:
        """Number of all parameters."""
        return self.trainable + self.non_trainable

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one picture."""
        return sum(row.macs for row in self.rows)

    def row(self, name: str) -> Row:
        """Returns the first row of that name.

        Raises:
            ValueError: there is none; the message lists the names.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise ValueError(f"{self.model} has no row {name!r}; there are {_list(self.rows)}")

    def by_block(self) -> Cost:
        """Returns a `Cost` with one row for each block: an end point and all layers before it.

        A block begins after the last end point. End points are those of
        `keras_inception.end_points`, inputs and outputs. If a model has no grid among them, each
        of its layers is a block.
        """
        blocks: dict[str, list[Row]] = {}
        for row in self.rows:
            blocks.setdefault(row.block, []).append(row)
        return Cost(self.model, tuple(_joined(name, rows) for name, rows in blocks.items()))

    def __str__(self) -> str:
        header = ("name", "type", "output", "trainable", "fixed", "multiply-accumulates")
        lines = [
            (
                row.name,
                row.type,
                " x ".join(map(str, row.output_shape)),
                row.trainable,
                row.non_trainable,
                row.macs,
            )
            for row in self.rows
        ]
        total = ("total", "", "", self.trainable, self.non_trainable, self.macs)
        title = f"{self.model}: {self.parameters:,} parameters, {self.macs:,} multiply-accumulates"
        return f"{title} for one picture\n\n{table(header, lines, total)}"


def cost(
    model: keras.Model, input_shape: Sequence[int] | list[Sequence[int]] | None = None
) -> Cost:
    """Counts the parameters and multiply-accumulates of a model, layer by layer.

    Args:
        model: a functional `keras.Model` or a built `keras.Sequential`. Nested models, auxiliary
            heads and other outputs are counted like everything else.
        input_shape: (height, width, channels) for a model of dynamic size. For several inputs a
            list of such shapes, in the order of `model.inputs`.

    Raises:
        ValueError: the model is not functional, a size is unknown, `input_shape` does not fit the
            model, or a layer that is not functional has convolutions or dense layers inside.
    """
    graph.require_functional(model)
    walk = _Walk()
    walk.through(model, _inputs(model, input_shape))
    return Cost(model.name, tuple(walk.rows))


def symbolic_cost(
    build: Callable[[], keras.Model],
    input_shape: Sequence[int] | list[Sequence[int]] | None = None,
) -> Cost:
    """Counts a model that exists only for the count: none of its weights are allocated.

    Most of the time that it takes to build a network goes into random weights. Here variables have
    a shape and no value, so that VGG-16 takes milliseconds and no memory.

    Args:
        build: function without arguments that returns the model, for example
            `lambda: keras_inception.InceptionV4(weights=None)`. It must not load weights.
        input_shape: as in `cost`.

    Raises:
        ValueError: as in `cost`.
    """

    def work():
        with keras.StatelessScope(initialize_variables=False):
            return cost(build(), input_shape)

    # Keras keeps a list of variables to initialize later, and the counters of its automatic names,
    # for each thread. Both end with this one.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(contextvars.copy_context().run, work).result()


def table(header: Sequence[str], rows: Iterable[Sequence], *footer: Sequence) -> str:
    """Formats rows as text: numbers to the right with thousands separators, words to the left.

    Args:
        header: names of the columns.
        rows: sequences as long as `header`. A column is numeric if all of its entries are.
        footer: rows to print below a rule.

    Returns:
        The lines, without a newline at the end.
    """
    main = [tuple(row) for row in rows]
    body = main + [tuple(row) for row in footer]
    numeric = [all(isinstance(row[i], int) for row in body) for i in range(len(header))]
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in body]
    widths = [max(map(len, column)) for column in zip(header, *cells)]

    def line(row):
        aligned = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric)
        )
        return "  ".join(aligned).rstrip()

    rule = "  ".join("-" * width for width in widths)
    lines = [line(header), rule, *map(line, cells[: len(main)])]
    return "\n".join(lines + ([rule, *map(line, cells[len(main) :])] if footer else []))


class _Walk:
    """One pass through a graph with the shapes of one picture, which writes the rows."""

    def __init__(self):
        self.rows = []
        self._seen = set()  # ids of variables that a row has counted

    def through(self, model: keras.Model, inputs: list, prefix: str = "") -> list:
        """Adds the rows of a model; takes and returns lists of Keras tensors."""
        tensors = dict(zip(model.inputs, inputs))
        calls = graph.calls(model)
        for call, block in zip(calls, _blocks(model, calls)):
            name, is_nested = prefix + call.name, graph.is_functional(call.operation)
            if call.is_input:
                outputs = [tensors[tensor] for tensor in call.outputs]
            elif is_nested:
                inner = call.inputs_of_model(tensors)
                outputs = self.through(call.operation, inner, prefix=f"{name}/")
            else:
                outputs = graph.output_specs(call.operation, *call.arguments_of(tensors))
            tensors.update(zip(call.outputs, outputs))
            # A nested model has added its own rows. Its input is the output of another layer.
            if not is_nested and not (prefix and call.is_input):
                before = [tensors[tensor].shape for tensor in call.inputs]
                self._count(call.operation, name, before, outputs[0].shape, prefix + block)
        return [tensors[tensor] for tensor in model.outputs]

    def _count(self, operation, name, input_shapes, output_shape, block):
        trainable = self._new_parameters(getattr(operation, "trainable_weights", ()))
        non_trainable = self._new_parameters(getattr(operation, "non_trainable_weights", ()))
        self.rows.append(
            Row(
                name=name,
                type=type(operation).__name__,
                output_shape=tuple(output_shape[1:]),
                trainable=trainable,
                non_trainable=non_trainable,
                macs=_macs(operation, input_shapes, output_shape),
                block=block,
            )
        )

    def _new_parameters(self, variables):
        new = {id(variable): variable for variable in variables if id(variable) not in self._seen}
        self._seen.update(new)
        return sum(math.prod(variable.shape) for variable in new.values())


def _blocks(model, calls):
    """Returns the block of each call: the first end point, input or output at or after it."""
    grids = end_points(model)
    if any(len(grid.shape) == 4 for grid in grids.values()):
        outputs = set(model.outputs)
        ends = [
            call.name in grids or call.is_input or not outputs.isdisjoint(call.outputs)
            for call in calls
        ]
    else:
        ends = [True] * len(calls)
    blocks = []
    for call, is_end in zip(reversed(calls), reversed(ends)):
        blocks.append(call.name if is_end else blocks[-1])
    return blocks[::-1]


def _macs(layer, input_shapes, output_shape):
    """Returns multiply-accumulates for one picture: entries of the kernels times their places."""
    if not isinstance(layer, _COUNTED):
        _check_plain(layer)
        return 0
    # Every pixel that a transposed convolution reads, or that another one writes, is a place.
    shape = input_shapes[0] if isinstance(layer, _TRANSPOSED) else output_shape
    is_first = getattr(layer, "data_format", None) == "channels_first"
    places = shape[2:] if is_first else shape[1:-1]
    if None in places:
        raise ValueError(
            f"the size of {layer.name}'s output, {tuple(output_shape)}, is unknown; "
            "give input_shape=(height, width, channels)"
        )
    kernels = [w for w in layer.weights if w.name in _KERNELS]
    return math.prod(places) * sum(math.prod(kernel.shape) for kernel in kernels)


def _check_plain(operation):
    if not isinstance(operation, keras.Layer):
        return
    if any(isinstance(layer, _COUNTED) for layer in graph.layers_inside(operation)):
        raise ValueError(
            f"{operation.name} ({type(operation).__name__}) has convolutions or dense layers "
            "inside and no graph that says how often they run; expected a functional model"
        )


def _inputs(model, input_shape):
    """Returns Keras tensors of one picture's shape for the inputs of a model."""
    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if input_shape is not None:
        is_several = isinstance(input_shape, list) and len(shapes) > 1
        given = input_shape if is_several else [input_shape]
        if len(given) != len(shapes) or not all(map(_fits, given, shapes)):
            raise ValueError(f"input_shape {input_shape} does not fit the inputs, {shapes}")
        shapes = given
    return [
        keras.KerasTensor((None, *shape), dtype=tensor.dtype)
        for shape, tensor in zip(shapes, model.inputs)
    ]


def _fits(given, own):
    if not isinstance(given, (tuple, list)) or len(given) != len(own):
        return False
    return all(
        side == fixed or (fixed is None and isinstance(side, int) and side > 0)
        for side, fixed in zip(given, own)
    )


def _joined(name, rows):
    is_single = len(rows) == 1
    return Row(
        name=name,
        type=rows[0].type if is_single else f"{len(rows)} layers",
        output_shape=rows[-1].output_shape,
        trainable=sum(row.trainable for row in rows),
        non_trainable=sum(row.non_trainable for row in rows),
        macs=sum(row.macs for row in rows),
        block=name,
    )


def _list(rows):
    return ", ".join(row.name for row in rows)
