"""Positions of variables in a network, in terms that no publisher's names change.

A place is (block, branch, position in the branch, whether it is normalization's, variable): for
`mixed_5b_branch1_1_3x3_conv/kernel` that is ("mixed_5b", 1, 1, False, "kernel"). Outside of
branches, branch is `None`. Name maps turn a source's names into places and pair equal places.
"""

from __future__ import annotations

import re

import keras

Place = tuple[str, int | None, int, bool, str]

_BRANCHED = re.compile(r"(?P<block>.+?)_branch(?P<branch>\d+)_(?P<box>\d+[ab]?)_\d+x\d+$")


def model_places(model: keras.Model) -> dict[Place, keras.Variable]:
    """Returns the variables of a model of this package by their places.

    The layers of the auxiliary head are one block, `auxiliary`, in the order in which they run;
    GoogLeNet's two are `auxiliary_1` and `auxiliary_2`.
    """
    places: dict[Place, keras.Variable] = {}
    boxes: dict[tuple[str, int | None], list[str]] = {}
    for layer in model.layers:
        if not layer.weights:
            continue
        name = re.sub("_(conv|bn|linear|dense)$", "", layer.name)
        match = _BRANCHED.match(name)
        head = re.match(r"auxiliary(_[12](?!x))?(?=_|$)", name)
        key: tuple[str, int | None]
        if match:
            key, box = (match["block"], int(match["branch"])), match["box"]
        elif head:
            key, box = (head[0], None), layer.name.removesuffix("_bn").removesuffix("_conv")
        else:
            key, box = (name, None), ""
        inner = boxes.setdefault(key, [])
        if box not in inner:
            inner.append(box)
        is_norm = any("moving_mean" in variable.path for variable in layer.weights)
        for variable in layer.weights:
            places[(*key, inner.index(box), is_norm, variable.name)] = variable
    return places
