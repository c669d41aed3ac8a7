"""Finds the model that --model names: a file, a folder, or the id of a network."""

from __future__ import annotations

import pathlib

import keras

import keras_inception
from keras_inception import labels
from keras_inception.evaluation import predictors


def is_network(model: str) -> bool:
    """Returns whether `model` is the id of a network, such as inception_v3."""
    return model in _networks()


def load(model: str) -> keras.Model:
    """Reads a `.keras` or `.h5` file, or builds a network with its public weights.

    Args:
        model: the path of the file, or the network's id.

    Raises:
        FileNotFoundError: it is neither a file nor a network.
        ValueError: the file is not a model, or the network has no public weights.
        OSError: the weights cannot be downloaded.
    """
    if is_network(model):
        return _with_public_weights(model)
    check(model)
    return predictors.keras_model(model)


def source(model: str) -> str | keras.Model:
    """Returns what `evaluate` and `predictor` take: a path as it is, or a network that is built.

    Raises:
        FileNotFoundError: it is neither a file, a folder nor a network.
        ValueError: the network has no public weights.
        OSError: the weights cannot be downloaded.
    """
    if is_network(model):
        return _with_public_weights(model)
    check(model)
    return model


def check(model: str) -> None:
    """Checks that `model` exists.

    Raises:
        FileNotFoundError: it is neither a file, a folder nor a network.
    """
    if not is_network(model) and not pathlib.Path(model).exists():
        known = ", ".join(_networks())
        raise FileNotFoundError(
            f"{model} is neither a file nor a network; the networks are {known}"
        )


def class_names(model: str, classes: int) -> tuple[str, ...]:
    """Returns the names of a model's classes, as files beside it tell, or ImageNet's."""
    return labels.class_names(None if is_network(model) else model, classes)


def _networks() -> dict[str, bool]:
    """Returns each network's id, and whether it has public weights."""
    networks: dict[str, bool] = {}
    for info in keras_inception.list_models():  # a network's default variant comes first
        networks.setdefault(info.id, bool(info.weights))
    return networks


def _with_public_weights(network: str) -> keras.Model:
    if not _networks()[network]:
        known = ", ".join(id for id, has_weights in _networks().items() if has_weights)
        raise ValueError(
            f"{network} has no public weights, which this command needs; {known} have some"
        )
    return keras_inception.create_model(network)
