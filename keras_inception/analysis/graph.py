"""The graph of a functional model: its calls in order, and what each of them makes of shapes."""

import keras

from keras_inception.models.surgery import end_points


def is_functional(operation):
    """Whether it is a model whose graph is known: functional, or a Sequential that is built."""
    if not isinstance(operation, keras.Model):
        return False
    try:
        return bool(operation.outputs)
    except (AttributeError, ValueError):  # a subclassed model; a Sequential that is not built
        return False


def nodes_of(model):
    """The calls of a model's graph, each after those it needs, one branch after the other."""
    start = {id(tensor) for tensor in model.inputs}
    order, pending = {}, [node_of(tensor) for tensor in reversed(model.outputs)]
    while pending:
        node = pending[-1]
        if id(node) in order:
            pending.pop()
            continue
        sources = [] if id(node.outputs[0]) in start else map(node_of, node.input_tensors)
        needed = [source for source in sources if id(source) not in order]
        pending.extend(reversed(needed))
        if not needed:
            order[id(node)] = pending.pop()
    return list(order.values())


def node_of(tensor):
    """The call that made a Keras tensor."""
    operation, node_index, _ = tensor._keras_history
    return operation._inbound_nodes[node_index]


def blocks_of(model, nodes):
    """The block of each node: the first end point, input or output at or after it."""
    grids = end_points(model)
    if any(len(grid.shape) == 4 for grid in grids.values()):
        outputs = {id(node_of(tensor)) for tensor in model.outputs}
        ends = [n.operation.name in grids or n.is_input or id(n) in outputs for n in nodes]
    else:
        ends = [True] * len(nodes)
    blocks = []
    for node, is_end in zip(reversed(nodes), reversed(ends)):
        blocks.append(node.operation.name if is_end else blocks[-1])
    return blocks[::-1]


def applied(operation, arguments, keywords):
    """The Keras tensors that a layer makes of others, as a flat list."""
    try:
        outputs = keras.tree.flatten(operation.compute_output_spec(*arguments, **keywords))
        reason = "nothing is left of it"
    except ValueError as error:
        outputs, reason = [], error
    # Keras 3.8 lets a grid of no pixel pass that 3.15 refuses.
    if not outputs or any(0 in output.shape[1:] for output in outputs):
        shapes = [tensor.shape for tensor in keras.tree.flatten(arguments) if _is_tensor(tensor)]
        shapes = ", ".join(map(str, shapes))
        raise ValueError(f"{operation.name} cannot take a grid of {shapes}: {reason}")
    return outputs


def _is_tensor(value):
    return isinstance(value, keras.KerasTensor)
