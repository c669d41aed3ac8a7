"""Works on a finished network: looks inside, adds side heads, freezes layers."""

from collections.abc import Sequence
from typing import Literal

import keras

from keras_inception import graph
from keras_inception import weights as weights_package
from keras_inception.layers import width_multiplier
from keras_inception.models.building import Architecture
from keras_inception.models.registry import MODELS
from keras_inception.types import PathLike

_HEADS = ("avg_pool", "max_pool", "bottleneck", "embeddings", "predictions")
BATCH_NORM_MODES = ("inference", "train")


def _architectures():
    return [a for _, architectures in MODELS.values() for a in architectures]


def end_points(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Returns the end points of a model: the named grids of its paper, and its head.

    Args:
        model: made by a constructor of this package, or loaded from the file of such a model. It
            may have more layers, in front or behind.

    Returns:
        Name to Keras tensor, in order; a grid is (batch, rows, columns, channels). It is empty for
        a model that is not functional.
    """
    if not graph.is_functional(model):
        return {}
    known = set(_HEADS)
    for architecture in _architectures():
        known.update(architecture.end_points)
    outputs = graph.layer_outputs(model)
    return {layer.name: outputs[layer.name] for layer in model.layers if layer.name in known}


def feature_extractor(model: keras.Model, names: str | Sequence[str]) -> keras.Model:
    """Makes a model of the same layers that returns some of the inner grids.

    Args:
        model: as in `end_points`.
        names: name or names of end points, or of any other layers.

    Returns:
        A `keras.Model` that shares its layers with `model`. Its output is a dict of name to
        (batch, rows, columns, channels).

    Raises:
        ValueError: `names` is empty, there is no layer of that name (the message lists the end
            points), or the model is not functional.
    """
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        raise ValueError("names is empty; " + _end_point_list(model))
    for name in names:
        _check_layer(model, name)
    outputs = graph.layer_outputs(model)
    inputs, _ = graph.structure_of(model)
    features = {name: outputs[name] for name in names}
    return keras.Model(inputs, features, name=f"{model.name}_features")


def _check_layer(model, name):
    if name not in {layer.name for layer in model.layers}:
        raise ValueError(f"{model.name} has no end point {name!r}; " + _end_point_list(model))


def _end_point_list(model):
    names = end_points(model)
    if names:
        return "end points are " + ", ".join(names)
    inner = [repr(layer.name) for layer in model.layers if isinstance(layer, keras.Model)]
    within = f"; look inside its model {' or '.join(inner)}" if inner else ""
    return "it has no end points of its own" + within


def architecture_of(model: keras.Model) -> Architecture:
    """Returns the `Architecture` of a model; if a file was loaded, the layer names tell it.

    Raises:
        ValueError: no network of this package has such layers.
    """
    if getattr(model, "architecture", None) is not None:
        return model.architecture
    names = {layer.name for layer in model.layers}

    def likeness(architecture):
        share = len(names & set(architecture.end_points)) / len(architecture.end_points)
        return share, len(architecture.end_points), architecture.id == model.name

    best = max(_architectures(), key=likeness)
    # Options leave out some of the stem's end points (`receptive_field`, `factorized_7x7`).
    if likeness(best)[0] < 0.8 or not names.issuperset(best.auxiliary.values()):
        raise ValueError(f"{model.name} does not have the layers of a network of keras_inception")
    return best


def with_auxiliary_heads(model: keras.Model, weights: PathLike | None = None) -> keras.Model:
    """Makes a model for training: the same layers, and the auxiliary classifiers beside them.

    Args:
        model: a network with its classifier. It never contains the heads, but it shares its layers
            with the result, so training the result trains it too. If it was loaded from a file, the
            result has the head of the network's default options, because a file does not keep
            `batch_norm_auxiliary=False`.
        weights: weights file for the result, as in `keras_inception.weights.load`.

    Returns:
        A `keras.Model`. Its output is a dict of "predictions" and "auxiliary", or "auxiliary_1" and
        "auxiliary_2" for GoogLeNet; each is (batch, classes).

    Raises:
        ValueError: the network has no auxiliary head, `model` has no classifier, or `weights` does
            not fit.
    """
    architecture = architecture_of(model)
    if not architecture.auxiliary:
        having = dict.fromkeys(a.id for a in _architectures() if a.auxiliary)
        which = architecture.id + (f" ({architecture.variant})" if architecture.variant else "")
        raise ValueError(f"{which} has no auxiliary head; these networks do: {', '.join(having)}")
    if "predictions" not in {layer.name for layer in model.layers}:
        raise ValueError(
            f"{model.name} has no classifier (include_top=False), and so cannot get auxiliary ones"
        )
    predictions = model.get_layer("predictions")
    grids = graph.layer_outputs(model)
    outputs = {"predictions": grids["predictions"]}
    for name, end_point in architecture.auxiliary.items():
        grid = grids[end_point]
        with width_multiplier(grid.shape[-1] / architecture.end_points[end_point][-1]):
            outputs[name] = architecture.auxiliary_head(
                grid, predictions.units, name=name, activation=predictions.activation
            )
    inputs, _ = graph.structure_of(model)
    training_model = keras.Model(inputs, outputs, name=model.name)
    training_model.architecture = architecture
    if weights is not None:
        weights_package.load(training_model, weights)
    return training_model


def freeze(
    model: keras.Model,
    until: str | None,
    batch_norm: Literal["inference", "train"] = "inference",
) -> keras.Model:
    """Freezes the first part of a network, in place.

    Args:
        model: any functional model.
        until: name of an end point or of any other layer. This layer and all that it is computed
            from are frozen; all others are trainable. `None` makes everything trainable.
        batch_norm: "inference" keeps the statistics and beta of the frozen part; "train" leaves its
            batch normalization trainable, so that it follows the new data.

    Returns:
        `model`. If it was compiled before, compile it again.

    Raises:
        ValueError: there is no layer `until`, `batch_norm` is not allowed, or the model is not
            functional.
    """
    if batch_norm not in BATCH_NORM_MODES:
        raise ValueError(f"batch_norm must be one of {BATCH_NORM_MODES}, got {batch_norm!r}")
    if until is not None:
        _check_layer(model, until)
    frozen = set() if until is None else graph.ancestors(model, until)
    model.trainable = True
    for layer in model.layers:
        follows = batch_norm == "train" and isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer.name not in frozen or follows
    return model
