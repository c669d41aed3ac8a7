"""Files of Keras, by names: this package's own, and those of `keras.applications`.

Our own layers have the same names in the file. `keras.applications` names some layers and numbers
the others in the order of its code, which is the order of the figures: block after block, branch
after branch. So the numbered ones are paired in that order, without a table.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import keras

from keras_inception.weights.assignment import Plan, Rule
from keras_inception.weights.places import model_places

CLASSIFIERS = ("predictions", "auxiliary", "auxiliary_1", "auxiliary_2")
HEADS = ("predictions", "auxiliary", "bottleneck", "embeddings")
_NUMBERED = re.compile(r"(conv2d|batch_normalization)(?:_(\d+))?")
_RENAMED = (  # layers of `keras.applications.InceptionResNetV2`
    (re.compile(r"block8_10_conv"), "block8_linear"),
    (re.compile(r"(block(?:35|17|8)_\d+)_conv"), r"\1_linear"),
    (re.compile(r"conv_7b(_bn)?"), lambda match: "conv2d_7b_1x1" + (match[1] or "_conv")),
)


def plan(model: keras.Model, names: Collection[str]) -> Plan:
    """Maps the variables of a file of Keras to those of a model.

    Args:
        model: a network of this package, with or without its heads.
        names: `layer/variable` each, the variable by its name or its position in the layer.
    """
    ours = {layer.name: layer for layer in model.layers if layer.weights}
    renamed = keras_names(model, dict.fromkeys(name.rpartition("/")[0] for name in names))
    rules, skipped = [], {}
    for name in names:
        layer, _, variable = name.rpartition("/")
        layer = renamed.get(layer, layer)
        target = _variable(ours[layer], variable) if layer in ours else None
        head = layer.startswith(HEADS)
        if target is not None:
            classes = layer in CLASSIFIERS
            last = classes or layer.startswith("bottleneck")
            rules.append(Rule(target, (name,), is_classifier=last, background=classes))
        elif head and layer not in ours:
            skipped[name] = "a head that the model does not have"
    return Plan(rules, skipped)


def _variable(layer: keras.Layer, variable: str) -> keras.Variable | None:
    """Returns a variable of a layer by its name or position; `None` if there is none."""
    if not re.fullmatch("[0-9]{1,3}", variable):
        return next((v for v in layer.weights if v.name == variable), None)
    # Keras writes them in this order, whether or not the layer is frozen.
    return layer.weights[int(variable)] if int(variable) < len(layer.weights) else None


def keras_names(model: keras.Model, layers: Collection[str]) -> dict[str, str]:
    """Pairs the layer names of `keras.applications` with ours.

    Args:
        model: a network of this package.
        layers: names of the layers of `keras.applications.InceptionV3`, `InceptionResNetV2` or
            `Xception` that have weights; or our own, which need no other name.

    Returns:
        Our names by Keras's, for the layers whose names differ.
    """
    matches = ((name, _NUMBERED.fullmatch(name)) for name in layers)
    numbered = {name: match for name, match in matches if match}
    if not numbered:
        return {}
    renamed: dict[str, str] = {}
    for name in layers:
        for pattern, new in _RENAMED:
            if pattern.fullmatch(name):
                renamed.setdefault(name, pattern.sub(new, name))
    taken = set(renamed.values()) | set(layers)
    for kind, is_norm in ("conv2d", False), ("batch_normalization", True):
        theirs = [name for name, match in numbered.items() if match[1] == kind]
        theirs.sort(key=lambda name: int(numbered[name][2] or 0))
        rest = [name for name in _in_order(model, is_norm) if name not in taken]
        renamed.update(zip(theirs, rest))
    return renamed


def _in_order(model: keras.Model, is_norm: bool) -> list[str]:
    """Lists a model's convolutions or normalizations, block after block, branch after branch."""
    places = model_places(model)
    blocks = list(dict.fromkeys(place[0] for place in places))
    chosen = [place for place in places if place[3] == is_norm]
    chosen.sort(key=lambda place: (blocks.index(place[0]), place[1] or 0, place[2]))
    return list(dict.fromkeys(places[place].path.split("/")[0] for place in chosen))
