"""TF-Slim checkpoints (and facenet's, which TF-Slim wrote too) to models of this package.

There is no table of names. Both sides are read into places, (block, branch, position in the
branch), and equal places are paired: TF-Slim's inner names sort in the order in which a branch
runs, whatever slips they hold (`Conv_1_0c_5x5`, `Conv2d_0b_1x1`), and ours count.
"""

import os
import re

from keras_inception.weights import checkpoint_index
from keras_inception.weights.assign import Plan, Rule, Source
from keras_inception.weights.places import model_places

_SLOTS = re.compile(r"/(RMSProp(_\d+)?|Momentum|Adagrad|Adam(_\d+)?)$")
_AVERAGE = "/ExponentialMovingAverage"
_HEADS = {"Logits": "predictions", "AuxLogits": "auxiliary", "Bottleneck": "bottleneck"}
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


def open_checkpoint(prefix, use_ema=False, archive=None):
    """Opens a TensorFlow checkpoint as a `Source`.

    Args:
        prefix: its path without `.index`.
        use_ema: whether a variable that has an exponential moving average gets that.
        archive: the file that it was unpacked from, for messages.

    Raises:
        ValueError: it cannot be read.
    """
    import tensorflow as tf

    path = archive or prefix
    if os.path.isfile(f"{prefix}.index"):
        checkpoint_index.check(prefix, path)
    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes = {name: tuple(s) for name, s in reader.get_variable_to_shape_map().items()}
    except (tf.errors.OpError, ValueError, RuntimeError, LookupError) as error:
        raise ValueError(f"{path} is no readable TensorFlow checkpoint: {error}") from error

    faults = []

    def read(name):
        average = name + _AVERAGE
        if faults:  # its reader ends the process if it is asked again
            raise ValueError(faults[0])
        try:
            return reader.get_tensor(average if use_ema and average in shapes else name)
        except (tf.errors.OpError, ValueError, RuntimeError, LookupError) as error:
            faults.append(f"{path}: {name} cannot be read: {error}")
            raise ValueError(faults[0]) from error

    skipped = {name: _reason(name) for name in sorted(shapes) if _reason(name)}
    return Source(path, {n: shapes[n] for n in sorted(shapes) if n not in skipped}, read, skipped)


def _reason(name):
    """Why a variable is no weight of the network; empty for one that is."""
    if name == "global_step" or re.fullmatch(r"beta\d_power", name):
        return "step counter"
    if name.endswith(_AVERAGE):
        return "moving average of a variable"
    return "optimizer slot" if _SLOTS.search(name) else ""


def plan(model, names):
    """The name map of TF-Slim's variables for one model.

    Args:
        model: of this package, with or without its heads.
        names: names of a checkpoint's variables.

    Returns:
        A `Plan`.
    """
    ours = model_places(model)
    rules, skipped = [], {}
    for name, place in _source_places(names).items():
        target = ours.get(place)
        if target is not None:
            classes = target.path.split("/")[0] in ("predictions", "auxiliary")
            head = classes or target.path.startswith("bottleneck")
            rules.append(Rule(target, (name,), is_classifier=head, background=classes))
        elif place[0] in _HEADS.values():
            skipped[name] = "a head that the model does not have"
    return Plan(rules, skipped)


def _source_places(names):
    """Returns name to (block, branch, position, is normalization, variable); misfits left out."""
    boxes, parsed = {}, {}  # boxes: (block, branch) to the set of TF-Slim's inner names
    for name in names:
        tail = _TAIL.search(name)
        scope = name[: tail.start()].split("/") if tail else []
        if scope[:1] != ["Logits"]:  # facenet's classifier stands outside of its network
            scope = scope[1:]
        if not scope:
            continue
        scope = scope[1:] if re.fullmatch(r"Repeat(_\d+)?", scope[0]) else scope
        block, branch, box = _block_branch_box(scope)
        boxes.setdefault((block, branch), set()).add(box)
        parsed[name] = (block, branch, box, tail.group(1))
    order = {key: sorted(inner) for key, inner in boxes.items()}
    _classifier_last(order, parsed)
    return {
        name: (block, branch, order[block, branch].index(box), *_VARIABLES[tail])
        for name, (block, branch, box, tail) in parsed.items()
    }


def _block_branch_box(scope):
    if not scope:
        return "", None, ""
    block = _HEADS.get(scope[0], scope[0].lower())
    if len(scope) > 1 and re.fullmatch(r"Branch_\d+", scope[1]):
        return block, int(scope[1].removeprefix("Branch_")), "/".join(scope[2:])
    return block, None, "/".join(scope[1:])


def _classifier_last(order, parsed):
    """Puts the box with biases last in the auxiliary head: v4 calls it `Aux_logits`."""
    biased = {
        box for block, _, box, tail in parsed.values() if block == "auxiliary" and tail == "biases"
    }
    order.get(("auxiliary", None), []).sort(key=lambda box: (box in biased, box))
