"""What is done to a finished network: looking inside, side heads, freezing."""

import keras

from keras_inception import graph
from keras_inception import weights as weights_package
from keras_inception.layers import width_multiplier
from keras_inception.models.registry import MODELS

_HEADS = ("avg_pool", "max_pool", "bottleneck", "embeddings", "predictions")
BATCH_NORM_MODES = ("inference", "train")


def _architectures():
    return [a for _, architectures in MODELS.values() for a in architectures]


def end_points(model):
    """Returns the end points of a model: the named grids of its paper, and its head.

    Args:
        model: made by a constructor of this package, or loaded from a file of one; layers of the
            caller's own in front or behind do not matter.

    Returns:
        dict of name to Keras tensor, (batch, rows, columns, channels) for the grids, in order;
        empty for a model that is not functional.
    """
    if not graph.is_functional(model):
        return {}
    known = set(_HEADS)
    for architecture in _architectures():
        known.update(architecture.end_points)
    outputs = graph.layer_outputs(model)
    return {layer.name: outputs[layer.name] for layer in model.layers if layer.name in known}


def feature_extractor(model, names):
    """Makes a model of the same layers that returns some of its inner grids.

    Args:
        model: as in `end_points`.
        names: names of end points, or of any other layers.

    Returns:
        A `keras.Model` with a dict of outputs, name to (batch, rows, columns, channels), which
        shares its layers with `model`.

    Raises:
        ValueError: there is no layer of that name, and the message lists the end points; or the
            model is not functional.
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


def architecture_of(model):
    """Returns the `Architecture` of a model, by its layer names where it was loaded from a file.

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
        raise ValueError(f"{model.name} has not the layers of any network of keras_inception")
    return best


def with_auxiliary_heads(model, weights=None):
    """Makes the model to train with: the same layers, and the auxiliary classifiers beside them.

    Args:
        model: a network with its classifier. It stays as it is: what is trained through the
            result is trained in it, and it never contains the heads.
            A model that was loaded from a file gets the head of its network's default options:
            `batch_norm_auxiliary=False` is nothing that a file keeps.
        weights: file of weights for the result, as in `keras_inception.weights.load`.

    Returns:
        A `keras.Model` with a dict of outputs, each (batch, classes): "predictions" and
        "auxiliary", or "auxiliary_1" and "auxiliary_2" for GoogLeNet.

    Raises:
        ValueError: the network has no auxiliary head, or `model` no classifier.
    """
    architecture = architecture_of(model)
    if not architecture.auxiliary:
        having = dict.fromkeys(a.id for a in _architectures() if a.auxiliary)
        which = architecture.id + (f" ({architecture.variant})" if architecture.variant else "")
        raise ValueError(f"{which} has no auxiliary head; those that have: {', '.join(having)}")
    if "predictions" not in {layer.name for layer in model.layers}:
        raise ValueError(f"{model.name} has no classifier (include_top=False), so no auxiliary one")
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


def freeze(model, until, batch_norm="inference"):
    """Freezes the first part of a network, in place.

    Args:
        model: any functional model.
        until: name of an end point (or any layer): it and all that it is computed from are frozen,
            everything else is trainable. `None` makes everything trainable.
        batch_norm: "inference" keeps the statistics and beta of the frozen part; "train" leaves its
            batch normalization trainable, so that it follows the new data.

    Returns:
        `model`. A model that was compiled before has to be compiled again.

    Raises:
        ValueError: there is no layer `until`, the model is not functional (unless `until` is
            None), or `batch_norm` is something else.
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
