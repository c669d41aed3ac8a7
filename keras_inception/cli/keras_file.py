"""A model from a file of Keras, for the commands that want the graph and not just answers."""

import pathlib

import keras_inception
from keras_inception.evaluation.predictors import keras_model


def is_network(model):
    """Whether it is the id of a network."""
    return model in {info.id for info in keras_inception.list_models()}


def load(file):
    """Reads a `.keras` or `.h5` file, where the id of a network would have done too.

    Raises:
        ValueError: there is no such file, or it is no model.
    """
    if not pathlib.Path(file).exists():
        known = ", ".join(dict.fromkeys(info.id for info in keras_inception.list_models()))
        raise ValueError(f"{file} is neither a network nor a file; the networks are {known}")
    return keras_model(file)
