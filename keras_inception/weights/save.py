"""Weights of a model into a file that `load` reads: one of Keras's, or `.safetensors`."""

import json
import os
import pathlib

import keras

from keras_inception.files import replacing
from keras_inception.weights.safetensors_file import LAYERS

FORMATS = (".weights.h5", ".keras", ".h5", ".safetensors")


def save(model, path):
    """Writes a model's weights; the file is whole or not there.

    Args:
        model: of this package or of `keras.applications`.
        path: ends in `.weights.h5` (weights), `.keras` or `.h5` (the network too) or
            `.safetensors` (weights, `layer/variable` each).

    Raises:
        ValueError: the path has another ending, or is a folder; or `.safetensors` is asked for
            a model with layers within layers.
        ImportError: it is `.safetensors`, and the package for these is not installed.
    """
    path = check_format(path)
    path = pathlib.Path(os.path.realpath(path))  # through a link, to the file that it names
    with replacing(path) as temporary:
        if path.name.endswith(".safetensors"):
            _save_safetensors(model, temporary)
        elif path.name.endswith(".weights.h5"):
            model.save_weights(temporary)
        else:
            model.save(temporary)


def check_format(path):
    """Returns the path of a file that can be written, a `pathlib.Path`; else raises ValueError."""
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"a path is wanted to write weights to, got {path!r}")
    path = pathlib.Path(os.path.expanduser(path))
    if not path.name.endswith(FORMATS):
        raise ValueError(f"{path} must end in one of {', '.join(FORMATS)}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; it is not replaced by a file")
    return path


def _save_safetensors(model, path):
    try:
        from safetensors.numpy import save_file
    except ImportError as error:
        raise ImportError(
            f"{path.name} needs a package that is missing: pip install keras_inception[safetensors]"
        ) from error
    if not all(variable.path.count("/") == 1 for variable in model.weights) or any(
        isinstance(layer, keras.Model) for layer in model.layers
    ):
        raise ValueError(
            f"{model.name} has layers within layers, which .safetensors cannot tell apart: "
            "save it as .keras or .weights.h5"
        )
    values = {variable.path: variable.numpy() for variable in model.weights}
    # The names of layers without weights tell which arithmetic the network has.
    layers = json.dumps([layer.name for layer in model.layers])
    save_file(values, path, metadata={LAYERS: layers})
    # The library makes files that only their owner can read.
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
