"""TF-Slim checkpoints (and facenet's, which TF-Slim wrote too) to models of this package.

There is no table of names. Both sides are read into places, (block, branch, position in the
branch), and equal places are paired: TF-Slim's inner names sort in the order in which a branch
runs, whatever slips they hold (`Conv_1_0c_5x5`, `Conv2d_0b_1x1`), and ours count.
"""

import re

import numpy as np

_OURS = re.compile(r"(?P<block>.+?)_branch(?P<branch>\d+)_(?P<box>\d+[ab]?)_\d+x\d+$")
_SLOTS = re.compile(r"/(RMSProp(_\d+)?|Momentum|Adagrad|Adam(_\d+)?|ExponentialMovingAverage)$")
_VARIABLES = {  # TF-Slim's name of a variable: (is it normalization's?, Keras's name)
    "weights": (False, "kernel"),
    "biases": (False, "bias"),
    "depthwise_weights": (False, "depthwise_kernel"),
    "pointwise_weights": (False, "pointwise_kernel"),
    "BatchNorm/beta": (True, "beta"),
    "BatchNorm/gamma": (True, "gamma"),
    "BatchNorm/moving_mean": (True, "moving_mean"),
    "BatchNorm/moving_variance": (True, "moving_variance"),
}
_TAIL = re.compile("/(" + "|".join(_VARIABLES) + ")$")


def read(prefix):
    """Returns the variables of a TensorFlow checkpoint, name to array, optimizer slots left out.

    Args:
        prefix: path of the checkpoint without `.index`.
    """
    import tensorflow as tf

    reader = tf.train.load_checkpoint(prefix)
    names = sorted(reader.get_variable_to_shape_map())
    return {n: reader.get_tensor(n) for n in names if n != "global_step" and not _SLOTS.search(n)}


def pair(model, names):
    """Pairs TF-Slim's variable names with the model's variables.

    Args:
        model: a model of this package.
        names: names of a checkpoint's variables.

    Returns:
        pairs: source name to `keras.Variable`.
        skipped: source names of heads that the model does not have.
        left_over: source names without a counterpart.
        missing: paths of the model's variables without a counterpart.
    """
    theirs, left_over = _source_places(names)
    ours = _model_places(model)
    pairs, skipped = {}, []
    for name, place in theirs.items():
        variable = ours.pop(place, None)
        if variable is not None:
            pairs[name] = variable
        elif place[0] in ("predictions", "auxiliary", "bottleneck"):
            skipped.append(name)
        else:
            left_over.append(name)
    return pairs, skipped, left_over, [variable.path for variable in ours.values()]


def _source_places(names):
    """Returns name to (block, branch, position, is normalization, variable), and misfits."""
    boxes, unknown = {}, []  # boxes: (block, branch) to the set of TF-Slim's inner names
    parsed = {}
    for name in names:
        tail = _TAIL.search(name)
        scope = name[: tail.start()].split("/")[1:] if tail else []
        if not scope:
            unknown.append(name)
            continue
        scope = scope[1:] if re.fullmatch(r"Repeat(_\d+)?", scope[0]) else scope
        block, branch, box = _block_branch_box(scope)
        boxes.setdefault((block, branch), set()).add(box)
        parsed[name] = (block, branch, box, tail.group(1))
    order = {key: sorted(inner) for key, inner in boxes.items()}
    _classifier_last(order, parsed)
    places = {
        name: (block, branch, order[block, branch].index(box), *_VARIABLES[tail])
        for name, (block, branch, box, tail) in parsed.items()
    }
    return places, unknown


def _block_branch_box(scope):
    heads = {"Logits": "predictions", "AuxLogits": "auxiliary", "Bottleneck": "bottleneck"}
    block = heads.get(scope[0], scope[0].lower())
    if len(scope) > 1 and scope[1].startswith("Branch_"):
        return block, int(scope[1].removeprefix("Branch_")), "/".join(scope[2:])
    return block, None, "/".join(scope[1:])


def _classifier_last(order, parsed):
    """Puts the box with biases last in the auxiliary head: v4 calls it `Aux_logits`."""
    biased = {
        box for block, _, box, tail in parsed.values() if block == "auxiliary" and tail == "biases"
    }
    order.get(("auxiliary", None), []).sort(key=lambda box: (box in biased, box))


def _model_places(model):
    """Returns the same places for the variables of a model."""
    places, boxes = {}, {}
    for layer in model.layers:
        if not layer.weights:
            continue
        name = re.sub("_(conv|bn|linear|dense)$", "", layer.name)
        match = _OURS.match(name)
        if match:
            key, box = (match["block"], int(match["branch"])), match["box"]
        elif name == "auxiliary" or name.startswith("auxiliary_"):
            key, box = ("auxiliary", None), name
        else:
            key, box = (name, None), ""
        inner = boxes.setdefault(key, [])
        if box not in inner:
            inner.append(box)
        is_norm = any("moving_mean" in variable.path for variable in layer.weights)
        for variable in layer.weights:
            places[(*key, inner.index(box), is_norm, variable.name)] = variable
    return places


def fit(array, variable, name):
    """Returns `array` in the variable's shape: classes dropped, channels adapted; else unchanged.

    A classifier of one output fewer loses TF-Slim's first, "background". A first convolution on
    other than three channels gets the sum over RGB for one channel, or RGB repeated and rescaled.
    """
    shape = tuple(variable.shape)
    if array.ndim == 4 and len(shape) == 2 and array.shape[:2] == (1, 1):
        array = array[0, 0]
    is_classifier = name.split("/")[1] in ("Logits", "AuxLogits")
    if is_classifier and shape[-1] == array.shape[-1] - 1:
        array = array[..., 1:]
    elif array.ndim == 4 and len(shape) == 4 and array.shape[2] == 3 != shape[2]:
        channels = shape[2]
        if channels == 1:
            array = array.sum(axis=2, keepdims=True)
        else:
            array = array[:, :, np.arange(channels) % 3] * np.float32(3 / channels)
    return array
