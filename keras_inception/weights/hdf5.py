"""Keras's weight files, all of them HDF5: `.weights.h5`, the one inside a `.keras`, and `.h5`.

They are read with care, since a file may come from anywhere: only groups and plain datasets that
lie in the file itself are followed, and nothing is read or unpacked before its size is known.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_inception.weights.assignment import Source

if TYPE_CHECKING:
    import h5py

Contents = tuple[dict[str, Any], dict[str, str], tuple[str, ...]]  # datasets, skipped, layers

_VARIABLE = re.compile(
    r"(depthwise_kernel|pointwise_kernel|kernel|bias|gamma|beta|moving_mean|moving_variance)"
    r"(_\d+)?(:0)?$"
)
_BFLOAT16 = "|V2"  # how h5py sees what Keras writes: two bytes without a type
_RANDOM_STATE = "seed_generator"
_MOST = 20_000  # members of a group, names in a list: our choice; the largest network has 900
_LONGEST = 256  # bytes of a name in a list, on average
_SLACK = 1024  # bytes that packing may add to a chunk that cannot be packed
_DEFLATE, _SHUFFLE, _CHECKSUM = 1, 2, 3  # filters that libhdf5 has built in; "gzip" is deflate

_FAULTS = (  # what h5py raises if a file is not what it claims to be
    OSError,
    EOFError,
    RuntimeError,
    LookupError,
    TypeError,
    AttributeError,
    ValueError,
    MemoryError,
    zlib.error,
)


class NestedLayers(ValueError):
    """The file has layers within layers, which only Keras can tell apart."""


@contextlib.contextmanager
def open_hdf5(file: io.BufferedReader, path: str) -> Iterator[h5py.File]:
    """Opens a HDF5 file that is open already, for the time of a `with` statement.

    Args:
        file: the file.
        path: what messages call it.

    Raises:
        ValueError: it is not a HDF5 file, or it is damaged.
    """
    import h5py

    with contextlib.ExitStack() as stack:
        with _faults_named(path):
            opened = stack.enter_context(h5py.File(_Whole(file), "r"))
        yield opened


class _Whole:
    """A file for libhdf5, which takes whatever is in memory for the bytes that a file lacks."""

    def __init__(self, file: io.BufferedReader) -> None:
        self.file, self.read, self.seek, self.tell = file, file.read, file.seek, file.tell

    def readinto(self, buffer: memoryview) -> int:
        if self.file.readinto(buffer) < len(buffer):
            raise EOFError("it ends too early")
        return len(buffer)


@contextlib.contextmanager
def _faults_named(path: str) -> Iterator[None]:
    """Re-raises any failure as one ValueError that names the file."""
    try:
        yield
    except NestedLayers as error:
        raise NestedLayers(f"{path} has layers within layers: {error}") from error
    except _FAULTS as error:
        raise ValueError(f"{path} is not a readable HDF5 file of weights: {error}") from error


def open_keras(file: h5py.File, path: str) -> Source:
    """Makes a `Source` of a weight file of Keras.

    Args:
        file: the HDF5 file, which stays open as long as the `Source` is used.
        path: what messages call it.

    Returns:
        A `Source` of variables `layer/kernel`, or `layer/0` (position in the layer) in the newer
        files, which do not name them.

    Raises:
        NestedLayers: the file holds layers within layers.
        ValueError: it is not such a file, is damaged, or points outside of itself.
    """
    with _faults_named(path):
        if "layer_names" in file.attrs or _has(file, "model_weights"):
            datasets, skipped, layers = _legacy(file)
        elif _has(file, "layers"):
            datasets, skipped, layers = _by_layer(file)
        else:
            raise ValueError("it holds no layers")

    def read(name: str) -> np.ndarray:
        try:
            _check_values(datasets[name])
            value = np.asarray(datasets[name][()])
            return _from_bfloat16(value) if value.dtype.str == _BFLOAT16 else value
        except _FAULTS as error:
            raise ValueError(f"{path}: {name} cannot be read: {error}") from error

    shapes = {name: dataset.shape for name, dataset in datasets.items()}
    return Source(path, shapes, read, skipped, layers)


def _from_bfloat16(value: np.ndarray) -> np.ndarray:
    import ml_dtypes

    return value.view(ml_dtypes.bfloat16).astype(np.float32)


def _by_layer(file: h5py.File) -> Contents:
    """Reads Keras 3's layout: a group for each layer, named by an attribute; numbered variables."""
    datasets, skipped, layers = {}, {}, []
    groups = _child(file, "layers")
    for key in _keys(groups):
        group = _child(groups, key)
        if not _has(group, "vars"):
            raise NestedLayers(f"{key} holds layers of its own")
        variables = _child(group, "vars")
        if "name" not in variables.attrs:
            raise NestedLayers("the layers have no names")
        layer = _texts(variables, "name")[0]
        if layer in layers:
            raise ValueError(f"it has two layers {layer!r}")
        layers.append(layer)
        for inner in sorted(set(_keys(group)) - {"vars"}):
            if inner != _RANDOM_STATE:
                raise NestedLayers(f"{layer} holds {inner}")
            skipped[f"{layer}/{inner}"] = "state of a random generator"
        for position in _keys(variables):
            datasets[f"{layer}/{position}"] = _child(variables, position)
    if _has(file, "optimizer"):
        skipped["optimizer"] = "optimizer slots"
    return _plain(datasets), skipped, tuple(layers)


def _legacy(file: h5py.File) -> Contents:
    """Reads the layout of Keras 2 and of Keras 3's `.h5`: named variables, listed in attributes."""
    skipped = {"optimizer_weights": "optimizer slots"} if _has(file, "optimizer_weights") else {}
    root = _child(file, "model_weights") if _has(file, "model_weights") else file
    datasets, layers = {}, _texts(root, "layer_names")
    if len(set(layers)) < len(layers):
        raise ValueError("it names a layer twice")
    for layer in layers:
        group = _child(root, layer)
        for name in _texts(group, "weight_names"):
            match = _VARIABLE.search(name)
            if not match or f"{layer}/{match[1]}" in datasets:
                raise NestedLayers(f"{layer} holds {name}")
            datasets[f"{layer}/{match[1]}"] = _child(group, name)
    return _plain(datasets), skipped, tuple(layers)


def _texts(group: h5py.Group, name: str) -> list[str]:
    """Returns the texts of an attribute after a look at their size."""
    attribute = group.attrs.get_id(name)
    count = math.prod(attribute.shape)
    if count > _MOST or count * attribute.get_type().get_size() > _MOST * _LONGEST:
        raise ValueError(f"its attribute {name!r} is longer than {_MOST:,} names")
    values = np.ravel(group.attrs[name])
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]


def _has(group: Any, name: str) -> bool:
    """Returns whether a group has a member; unlike `in`, follows no link to find out."""
    import h5py

    return isinstance(group, h5py.Group) and group.id.links.exists(name.encode())


def _keys(group: Any) -> list[str]:
    import h5py

    if not isinstance(group, h5py.Group) or len(group) > _MOST:
        raise ValueError(f"{group.name!r} is not a group of at most {_MOST:,} members")
    return list(group)


def _child(group: Any, path: str) -> Any:
    """Returns what a path leads to from a group, if all of it lies in this file."""
    import h5py

    for name in path.split("/"):
        key = name.encode("utf-8", "surrogateescape")
        if not name or not isinstance(group, h5py.Group) or not group.id.links.exists(key):
            raise ValueError(f"it lists {path!r} and does not hold it")
        if group.id.links.get_info(key).type != h5py.h5l.TYPE_HARD:
            raise ValueError(f"{path!r} is a link to another place, which is not followed")
        group = group[name]
    return group


def _plain(datasets: dict[str, Any]) -> dict[str, Any]:
    """Checks that all are arrays of numbers in the file, in chunks no larger than themselves."""
    import h5py

    for name, dataset in datasets.items():
        is_numbers = isinstance(dataset, h5py.Dataset) and (
            dataset.dtype.kind in "fiu" or dataset.dtype.str == _BFLOAT16
        )
        if not is_numbers:
            raise ValueError(f"{name} is not an array of numbers")
        if dataset.shape is None or dataset.external or dataset.is_virtual:
            raise ValueError(f"{name} has its values outside of the file")
        if dataset.chunks and math.prod(dataset.chunks) > max(1024, 2 * dataset.size):
            raise ValueError(f"{name} is stored in chunks larger than itself")
        if not set(_filters(dataset)) <= {_DEFLATE, _SHUFFLE, _CHECKSUM}:
            raise ValueError(f"{name} is packed by another filter than gzip")
    return datasets


def _filters(dataset: h5py.Dataset) -> list[int]:
    """Returns the numbers of the filters that chunks go through when they are written, in order."""
    made = dataset.id.get_create_plist()
    return [made.get_filter(i)[0] for i in range(made.get_nfilters())]


def _check_values(dataset: h5py.Dataset) -> None:
    """Checks that all values are in the file, packed or not.

    libhdf5 makes up those that are not, and it unpacks a chunk whole before it looks at the size.
    """
    if not dataset.chunks:
        if dataset.id.get_storage_size() != dataset.size * dataset.dtype.itemsize:
            raise ValueError("not all of its values are in the file")
        return
    axes = [range(0, axis, step) for axis, step in zip(dataset.shape, dataset.chunks)]
    if dataset.id.get_num_chunks() != math.prod(map(len, axes)):
        raise ValueError("not all of its values are in the file")
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize
    filters = _filters(dataset)
    for offset in itertools.product(*axes):
        stored = dataset.id.get_chunk_info_by_coord(offset).size
        if filters and stored <= 2 * size + _SLACK:
            mask, chunk = dataset.id.read_direct_chunk(offset)
            stored = _unpacked_size(chunk, mask, filters, 2 * size + _SLACK)
        if stored != size:
            raise ValueError("a chunk does not have the size of its values")


def _unpacked_size(chunk: bytes, mask: int, filters: Sequence[int], limit: int) -> int | None:
    """Returns the bytes of a chunk without its filters; bits of `mask` tell those left out."""
    for index, number in reversed(list(enumerate(filters))):
        if mask >> index & 1 or number == _SHUFFLE:
            continue
        if number == _CHECKSUM:
            chunk = chunk[:-4]
        else:
            unpacker = zlib.decompressobj()
            chunk = unpacker.decompress(chunk, limit)
            if not unpacker.eof:
                return None
    return len(chunk)


def audit(file: h5py.File, path: str) -> int:
    """Checks every link and dataset of a file that Keras itself is to read.

    Args:
        file: the HDF5 file.
        path: what messages call it.

    Returns:
        How many bytes its arrays have, unpacked.

    Raises:
        ValueError: it is damaged, or points outside of itself.
    """
    import h5py

    datasets, seen = {}, 0
    pending: list[tuple[str, h5py.Group, int]] = [("", file, 0)]
    with _faults_named(path):
        while pending:
            prefix, group, depth = pending.pop()
            seen += len(group)
            if depth > 64 or seen > _MOST:
                raise ValueError("it has groups within groups without an end")
            for key in _keys(group):
                child = _child(group, key)
                if isinstance(child, h5py.Group):
                    pending.append((f"{prefix}{key}/", child, depth + 1))
                else:
                    datasets[f"{prefix}{key}"] = child
        arrays = {n: d for n, d in datasets.items() if getattr(d, "shape", None) is not None}
        for dataset in _plain(arrays).values():
            _check_values(dataset)
        return sum(d.size * d.dtype.itemsize for d in arrays.values())
