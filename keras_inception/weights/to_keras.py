"""Converts a network of this package to the network of `keras.applications`."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from keras_inception.weights.from_keras import keras_names

_BUILDERS = {
    "inception_v3": "InceptionV3",
    "inception_resnet_v2": "InceptionResNetV2",
    "xception": "Xception",
}
_ONLY = ("released", None)  # variants that `keras.applications` has


def to_keras_applications(model: keras.Model) -> keras.Model:
    """Makes the network of `keras.applications` with a model's weights.

    The files that it saves (`.keras`, `.weights.h5`, `.h5`) have the layout of Keras's own.

    Args:
        model: InceptionV3 or InceptionResNetV2 as released, or Xception, of the full width, with
            the classifier or without a head.

    Returns:
        A network with the same outputs, without dropout.

    Raises:
        ValueError: `keras.applications` does not have this network, or not with these options.
    """
    architecture = getattr(model, "architecture", None)
    if (
        architecture is None
        or architecture.id not in _BUILDERS
        or architecture.variant not in _ONLY
    ):
        raise ValueError(
            f"keras.applications does not have the network of {model.name}; it has "
            f"{', '.join(_BUILDERS)} (as released, not made from a file)"
        )
    names = {layer.name for layer in model.layers}
    head: dict[str, Any] = {"include_top": "predictions" in names}
    if head["include_top"]:
        dense = model.get_layer("predictions")
        head |= {"classes": dense.units, "classifier_activation": dense.activation}
    else:
        head["pooling"] = {"avg_pool": "avg", "max_pool": "max"}.get(model.layers[-1].name)
    builder = getattr(keras.applications, _BUILDERS[architecture.id])
    if "name" in inspect.signature(builder).parameters:
        head["name"] = model.name
    theirs = builder(weights=None, input_shape=model.input_shape[1:], **head)
    _copy(model, theirs)
    return theirs


def _copy(model: keras.Model, theirs: keras.Model) -> None:
    with_weights = [layer for layer in theirs.layers if layer.weights]
    renamed = keras_names(model, [layer.name for layer in with_weights])
    ours = {layer.name: layer for layer in model.layers if layer.weights}
    values = []
    for layer in with_weights:
        same = ours.pop(renamed.get(layer.name, layer.name), None)
        found = {} if same is None else {v.name: v for v in same.weights}
        for variable in layer.weights:
            if tuple(getattr(found.get(variable.name), "shape", ())) != tuple(variable.shape):
                raise ValueError(
                    f"keras.applications has {variable.path} {tuple(variable.shape)}, which "
                    f"{model.name} lacks: is it of another width, or are layers added?"
                )
            values.append((variable, found[variable.name]))
    if ours:
        raise ValueError(f"keras.applications does not have a layer for {', '.join(ours)}")
    for variable, value in values:
        variable.assign(value)
