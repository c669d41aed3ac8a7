"""TF-Slim checkpoints (and facenet's, which TF-Slim wrote too) to models of this package.

There is no table of names. Names of both sides become places, (block, branch, position in the
branch), and equal places are paired: TF-Slim's inner names sort in the order in which a branch
runs, in spite of their slips (`Conv_1_0c_5x5`, `Conv2d_0b_1x1`), and ours count.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import BinaryIO

import keras
import numpy as np

from keras_inception.weights import checkpoint_index
from keras_inception.weights.assignment import Plan, Rule, Source
from keras_inception.weights.places import Place, model_places

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


def open_checkpoint(
    prefix: str,
    use_ema: bool = False,
    archive: str | None = None,
    index: BinaryIO | None = None,
) -> Source:
    """Makes a `Source` of a TensorFlow checkpoint, which TensorFlow opens by its path.

    Args:
        prefix: its path without `.index`.
        use_ema: whether to read the exponential moving average of a variable that has one.
        archive: the file that it was unpacked from, for messages.
        index: its `.index` file, if that is open already.

    Raises:
        ValueError: it cannot be read.
    """
    import tensorflow as tf

    path = archive or prefix
    if os.path.isfile(f"{prefix}.index"):
        checkpoint_index.check(prefix, path, index)
    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes = {name: tuple(s) for name, s in reader.get_variable_to_shape_map().items()}
    except (tf.errors.OpError, ValueError, RuntimeError, LookupError) as error:
        raise ValueError(f"{path} is not a readable TensorFlow checkpoint: {error}") from error

    faults: list[str] = []

    def read(name: str) -> np.ndarray:
        average = name + _AVERAGE
        if faults:  # TensorFlow's reader ends the process if it is asked again
            raise ValueError(faults[0])
        try:
            return reader.get_tensor(average if use_ema and average in shapes else name)
        except (tf.errors.OpError, ValueError, RuntimeError, LookupError) as error:
            faults.append(f"{path}: {name} cannot be read: {error}")
            raise ValueError(faults[0]) from error

    skipped = {name: _reason(name) for name in sorted(shapes) if _reason(name)}
    return Source(path, {n: shapes[n] for n in sorted(shapes) if n not in skipped}, read, skipped)


def _reason(name: str) -> str:
    """Returns why a variable is not a weight of the network; empty for one that is."""
    if name == "global_step" or re.fullmatch(r"beta\d_power", name):
        return "step counter"
    if name.endswith(_AVERAGE):
        return "moving average of a variable"
    return "optimizer slot" if _SLOTS.search(name) else ""


def plan(model: keras.Model, names: Iterable[str]) -> Plan:
    """Maps TF-Slim's variables to those of a model.

    Args:
        model: a network of this package, with or without its heads.
        names: names of a checkpoint's variables.
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


def _source_places(names: Iterable[str]) -> dict[str, Place]:
    """Returns the places of the names that have one."""
    boxes: dict[tuple[str, int | None], set[str]] = {}  # TF-Slim's inner names of each branch
    parsed: dict[str, tuple[str, int | None, str, str]] = {}
    for name in names:
        tail = _TAIL.search(name)
        if tail is None:
            continue
        scope = name[: tail.start()].split("/")
        if scope[:1] != ["Logits"]:  # facenet's classifier is outside of its network
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


def _block_branch_box(scope: list[str]) -> tuple[str, int | None, str]:
    if not scope:
        return "", None, ""
    block = _HEADS.get(scope[0], scope[0].lower())
    if len(scope) > 1 and re.fullmatch(r"Branch_\d+", scope[1]):
        return block, int(scope[1].removeprefix("Branch_")), "/".join(scope[2:])
    return block, None, "/".join(scope[1:])


def _classifier_last(order: dict, parsed: dict) -> None:
    """Puts the box with biases last in the auxiliary head, which v4 calls `Aux_logits`."""
    biased = {
        box for block, _, box, tail in parsed.values() if block == "auxiliary" and tail == "biases"
    }
    order.get(("auxiliary", None), []).sort(key=lambda box: (box in biased, box))
