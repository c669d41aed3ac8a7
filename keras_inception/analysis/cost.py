"""Parameters and multiply-accumulates, layer by layer, counted from the graph of a network.

Convolutions and dense layers count, one multiply-accumulate for each use of an entry of a kernel;
biases, normalization, activations and pools count none, as in the papers. Nothing is run.
"""

import concurrent.futures
import contextvars
import dataclasses
import math

import keras

from keras_inception.analysis.graph import applied, blocks_of, is_functional, nodes_of

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
        name: of the layer; `outer/inner` inside a nested model.
        type: name of the layer's class, or how many layers the block has.
        output_shape: without the batch, (rows, columns, channels) for a grid.
        trainable, non_trainable: parameters. A layer that is called twice has two rows and its
            parameters in the first.
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
    """What `cost` found: a row for each layer, in the order of computation, branch by branch.

    `str` of it is a table. Attributes: `model`, the model's name; `rows`, a tuple of `Row`.
    """

    model: str
    rows: tuple

    @property
    def trainable(self):
        """How many parameters training changes."""
        return sum(row.trainable for row in self.rows)

    @property
    def non_trainable(self):
        """How many parameters gradients do not change (statistics, frozen layers)."""
        return sum(row.non_trainable for row in self.rows)

    @property
    def parameters(self):
        """How many parameters in all."""
        return self.trainable + self.non_trainable

    @property
    def macs(self):
        """Multiply-accumulates for one picture."""
        return sum(row.macs for row in self.rows)

    def row(self, name):
        """Returns the first row of that name; `ValueError` where there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        raise ValueError(f"{self.model} has no row {name!r}; there are {_list(self.rows)}")

    def by_block(self):
        """Returns a `Cost` with one row for each end point: all that leads to it from the last.

        End points are those of `keras_inception.end_points`, inputs and outputs. Of a model without
        a grid of that name every layer is a block.
        """
        blocks = {}
        for row in self.rows:
            blocks.setdefault(row.block, []).append(row)
        return Cost(self.model, tuple(_joined(name, rows) for name, rows in blocks.items()))

    def __str__(self):
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


def cost(model, input_shape=None):
    """Counts the parameters and multiply-accumulates of a model, layer by layer.

    Args:
        model: a functional `keras.Model` or a built `keras.Sequential`, nested models included;
            auxiliary heads and other outputs are counted like everything else.
        input_shape: (height, width, channels) for a model of dynamic size; for several inputs a
            list of such shapes, in the order of `model.inputs`.

    Returns:
        A `Cost`.

    Raises:
        ValueError: a size is unknown, `input_shape` does not fit the model, or a layer is not
            functional and has convolutions or dense layers inside.
    """
    if not is_functional(model):
        raise ValueError(
            "cost needs a functional keras.Model or a built Sequential, whose graph is known; "
            f"got {type(model).__name__}"
        )
    walk = _Walk()
    walk.through(model, _inputs(model, input_shape))
    return Cost(model.name, tuple(walk.rows))


def symbolic_cost(build, input_shape=None):
    """Counts a model that exists only for the count: no weight of it is allocated.

    Building a network takes most of its time to draw random weights. Here it is built where
    variables have a shape and no value, so that VGG-16 takes milliseconds and no memory.

    Args:
        build: function without arguments that returns the model, for example
            `lambda: keras_inception.InceptionV4(weights=None)`. It must not load weights.
        input_shape: as in `cost`.

    Returns:
        A `Cost`.

    Raises:
        ValueError: as in `cost`.
    """

    def work():
        with keras.StatelessScope(initialize_variables=False):
            return cost(build(), input_shape)

    # Keras keeps a list of the variables that it is to initialize later, and the counters of its
    # automatic names, for each thread: both go with this one.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(contextvars.copy_context().run, work).result()


def table(header, rows, *footer):
    """Formats rows as text: numbers to the right with thousands separators, words to the left.

    Args:
        header: names of the columns.
        rows: sequences as long as the header; a column is numeric if all of its rows are.
        footer: rows that a rule sets apart.

    Returns:
        The lines, without a last newline.
    """
    rows, footer = [tuple(row) for row in rows], [tuple(row) for row in footer]
    body = rows + footer
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
    lines = [line(header), rule, *map(line, cells[: len(rows)])]
    return "\n".join(lines + ([rule, *map(line, cells[len(rows) :])] if footer else []))


class _Walk:
    """Goes once through a graph with the shapes of one picture, and writes down the rows."""

    def __init__(self):
        self.rows = []
        self._seen = set()  # ids of variables that a row has counted

    def through(self, model, inputs, prefix=""):
        """Returns the Keras tensors that `model` makes of `inputs`, as flat lists both."""
        tensors = {id(tensor): value for tensor, value in zip(model.inputs, inputs)}
        nodes = nodes_of(model)
        for node, block in zip(nodes, blocks_of(model, nodes)):
            operation, name = node.operation, prefix + node.operation.name
            if node.is_input:
                outputs = [tensors[id(tensor)] for tensor in node.outputs]
            elif is_functional(operation):
                inner = [tensors[id(tensor)] for tensor in node.input_tensors]
                outputs = self.through(operation, inner, prefix=f"{name}/")
            else:
                outputs = applied(operation, *node.arguments.fill_in(tensors))
            tensors.update((id(tensor), value) for tensor, value in zip(node.outputs, outputs))
            # A nested model has given its own rows, the input of one is nothing new.
            if not is_functional(operation) and not (prefix and node.is_input):
                before = [tensors[id(tensor)].shape for tensor in node.input_tensors]
                self._count(operation, name, before, outputs[0].shape, prefix + block)
        return [tensors[id(tensor)] for tensor in model.outputs]

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


def _macs(layer, input_shapes, output_shape):
    """Multiply-accumulates for one picture: entries of the kernels times places they are put to."""
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
    inner = operation._flatten_layers(include_self=False)
    if any(isinstance(layer, _COUNTED) for layer in inner):
        raise ValueError(
            f"{operation.name} ({type(operation).__name__}) has convolutions or dense layers "
            "inside and no graph that tells how often they run; make it a functional model"
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
