"""Writes a model's weights into a file that `load` reads: one of Keras's, or `.safetensors`."""

from __future__ import annotations

import json
import os
import pathlib

import keras

from keras_inception.files import replacing
from keras_inception.types import PathLike
from keras_inception.weights.safetensors_file import LAYERS

FORMATS = (".weights.h5", ".keras", ".h5", ".safetensors")


def save(model: keras.Model, path: PathLike) -> None:
    """Writes a model's weights to a file, whole or not at all.

    Args:
        model: a network of this package or of `keras.applications`.
        path: ends in `.weights.h5` (weights), `.keras` or `.h5` (the network too) or
            `.safetensors` (weights, `layer/variable` each).

    Raises:
        ValueError: the path has another ending, or is a folder; or the model has layers within
            layers and the path ends in `.safetensors`.
        ImportError: the path ends in `.safetensors`, and that package is not installed.
    """
    path = check_format(path)
    path = pathlib.Path(os.path.realpath(path))  # of a link, the file that it leads to
    with replacing(path) as temporary:
        if path.name.endswith(".safetensors"):
            _save_safetensors(model, temporary)
        elif path.name.endswith(".weights.h5"):
            model.save_weights(temporary)
        else:
            model.save(temporary)


def check_format(path: PathLike) -> pathlib.Path:
    """Returns the path with the home folder in place of `~`, if `save` can write there.

    Raises:
        ValueError: it has another ending than those of `FORMATS`, is a folder, or is not a path.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"expected the path of a file to write weights to, got {path!r}")
    path = pathlib.Path(os.path.expanduser(path))
    if not path.name.endswith(FORMATS):
        raise ValueError(f"{path} must end in one of {', '.join(FORMATS)}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder, which a file does not replace")
    return path


def _save_safetensors(model: keras.Model, path: pathlib.Path) -> None:
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
            f"{model.name} has layers within layers, which .safetensors cannot tell apart; "
            "save it as .keras or .weights.h5"
        )
    values = {variable.path: variable.numpy() for variable in model.weights}
    # The names of layers without weights tell the conventions that the network was built for.
    layers = json.dumps([layer.name for layer in model.layers])
    save_file(values, path, metadata={LAYERS: layers})
    # The library makes files that nobody but their owner can read.
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
