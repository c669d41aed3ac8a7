"""A model from a file of Keras, for the commands that want the graph and not just answers."""

import pathlib

import keras

import keras_inception


def is_network(model):
    """Whether it is the id of a network."""
    return model in {info.id for info in keras_inception.list_models()}


def load(file):
    """Reads a `.keras` or `.h5` file.

    Raises:
        ValueError: there is no such file, or it is no model.
    """
    path = pathlib.Path(file)
    if not path.exists():
        known = ", ".join(dict.fromkeys(info.id for info in keras_inception.list_models()))
        raise ValueError(f"{file} is neither a network nor a file; the networks are {known}")
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:
        raise ValueError(f"{file} is no Keras model that can be read: {error}") from error
