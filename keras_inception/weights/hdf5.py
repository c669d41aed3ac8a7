"""Keras's weight files, all of them HDF5: `.weights.h5`, the same inside a `.keras`, and `.h5`.

They are read with care, since a file may come from anywhere: only groups and plain datasets that
lie in the file itself are followed, and nothing is read before its declared size is known.
"""

import contextlib
import math
import re

import numpy as np

from keras_inception.weights.assign import Source

_VARIABLE = re.compile(
    r"(depthwise_kernel|pointwise_kernel|kernel|bias|gamma|beta|moving_mean|moving_variance)"
    r"(_\d+)?(:0)?$"
)
_BFLOAT16 = "|V2"  # as h5py sees what Keras writes: two bytes of no type
_RANDOM_STATE = "seed_generator"


class NestedLayers(ValueError):
    """The file has layers within layers, which only Keras can tell apart."""


@contextlib.contextmanager
def open_keras(path, name=None):
    """Opens a weight file of Keras for the time of a `with` statement.

    Args:
        path: of the HDF5 file.
        name: what messages call it, where that is another file (the `.keras` around it).

    Yields:
        A `Source` of variables `layer/kernel`, or `layer/0` (position in the layer) in the newer
        files, which do not name them.

    Raises:
        NestedLayers: it holds layers within layers.
        ValueError: it is no such file, or damaged, or points outside of itself.
    """
    import h5py

    name = name or path
    try:
        with h5py.File(path, "r") as file:
            yield _source(file, name)
    except ValueError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{name} is no readable HDF5 file of weights: {error}") from error


def _source(file, path):
    if "layer_names" in file.attrs or "model_weights" in file:
        datasets, skipped, layers = _legacy(file, path)
    elif "layers" in file:
        datasets, skipped, layers = _by_layer(file, path)
    else:
        raise ValueError(f"{path} holds no layers: it is no weight file of Keras")

    def read(name):
        try:
            value = np.asarray(datasets[name][()])
            return _from_bfloat16(value) if value.dtype.str == _BFLOAT16 else value
        except (OSError, RuntimeError, ValueError, MemoryError) as error:
            raise ValueError(f"{path}: {name} cannot be read: {error}") from error

    shapes = {name: dataset.shape for name, dataset in datasets.items()}
    return Source(path, shapes, read, skipped, layers)


def _from_bfloat16(value):
    import ml_dtypes

    return value.view(ml_dtypes.bfloat16).astype(np.float32)


def _by_layer(file, path):
    """Keras 3: a group for each layer, the layer's name an attribute, variables by position."""
    datasets, skipped, layers = {}, {}, []
    for key in file["layers"]:
        group = _child(file["layers"], key, path)
        if "vars" not in group:
            raise NestedLayers(f"{path}: {key} holds layers of its own")
        variables = _child(group, "vars", path)
        if "name" not in variables.attrs:
            raise NestedLayers(f"{path} was written by a Keras that names no layers")
        layer = _text(variables.attrs["name"])
        if layer in layers:
            raise ValueError(f"{path} has two layers {layer!r}")
        layers.append(layer)
        for inner in sorted(set(group) - {"vars"}):
            if inner != _RANDOM_STATE:
                raise NestedLayers(f"{path}: {layer} holds {inner}")
            skipped[f"{layer}/{inner}"] = "state of a random generator"
        for position in variables:
            datasets[f"{layer}/{position}"] = _child(variables, position, path)
    if "optimizer" in file:
        skipped["optimizer"] = "optimizer slots"
    return _plain(datasets, path), skipped, tuple(layers)


def _legacy(file, path):
    """Keras 2, and Keras 3 where asked: lists of names as attributes, variables by name."""
    skipped = {"optimizer_weights": "optimizer slots"} if "optimizer_weights" in file else {}
    root = _child(file, "model_weights", path) if "model_weights" in file else file
    datasets, layers = {}, [_text(name) for name in root.attrs["layer_names"]]
    if len(set(layers)) < len(layers):
        raise ValueError(f"{path} names a layer twice")
    for layer in layers:
        group = _child(root, layer, path)
        for name in map(_text, group.attrs["weight_names"]):
            match = _VARIABLE.search(name)
            if not match or f"{layer}/{match[1]}" in datasets:
                raise NestedLayers(f"{path}: {layer} holds {name}")
            dataset = group
            for part in name.split("/"):
                dataset = _child(dataset, part, path)
            datasets[f"{layer}/{match[1]}"] = dataset
    return _plain(datasets, path), skipped, tuple(layers)


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def _child(group, name, path):
    """A member of a group, if it lies in this file."""
    import h5py

    if not isinstance(group, h5py.Group) or name not in group:
        raise ValueError(f"{path}: there is no {name!r} where the file lists it")
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{path}: {name!r} is a link to another place, which is not followed")
    return group[name]


def _plain(datasets, path):
    """Checks that all are arrays of numbers in the file, in chunks no larger than themselves."""
    import h5py

    for name, dataset in datasets.items():
        is_numbers = isinstance(dataset, h5py.Dataset) and (
            dataset.dtype.kind in "fiu" or dataset.dtype.str == _BFLOAT16
        )
        if not is_numbers:
            raise ValueError(f"{path}: {name} is no array of numbers")
        if dataset.shape is None or dataset.external or dataset.is_virtual:
            raise ValueError(f"{path}: {name} has its values outside of the file")
        if dataset.chunks and math.prod(dataset.chunks) > max(1024, 2 * dataset.size):
            raise ValueError(f"{path}: {name} is stored in chunks larger than itself")
    return datasets


def audit(path):
    """Checks every link and dataset of a file that Keras itself is to read.

    Returns:
        How many bytes its arrays have, unpacked.

    Raises:
        ValueError: as `open_keras`.
    """
    import h5py

    datasets, pending = {}, []
    try:
        with h5py.File(path, "r") as file:
            pending.append(("", file, 0))
            while pending:
                prefix, group, depth = pending.pop()
                if depth > 64:
                    raise ValueError(f"{path} has groups within groups without an end")
                for key in group:
                    child = _child(group, key, path)
                    if isinstance(child, h5py.Group):
                        pending.append((f"{prefix}{key}/", child, depth + 1))
                    else:
                        datasets[f"{prefix}{key}"] = child
            arrays = {n: d for n, d in datasets.items() if d.shape is not None}
            return sum(d.size * d.dtype.itemsize for d in _plain(arrays, path).values())
    except (OSError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no readable HDF5 file of weights: {error}") from error
