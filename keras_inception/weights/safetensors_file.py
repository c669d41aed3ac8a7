"""`.safetensors` files: a JSON header of names, types, shapes and offsets, then the numbers."""

from __future__ import annotations

import collections
import json
from collections.abc import Collection, Mapping
from typing import BinaryIO

import numpy as np

from keras_inception.weights.assignment import Source

_LENGTH = 8  # bytes of the header's length, little-endian
_HEADER_LIMIT = 1 << 22  # bytes; the headers of the family have below 2e5
_FLOATS = ("F16", "BF16", "F32", "F64")
LAYERS = "keras_inception.layers"  # key in the metadata of this package's files: a JSON list
_STEPS = "num_batches_tracked"  # PyTorch's batch normalization counts its steps


def is_safetensors(head: bytes, size: int) -> bool:
    """Returns whether a file looks like a `.safetensors` file, which may still be damaged.

    Args:
        head: its first 9 bytes, or more.
        size: bytes of the file.
    """
    return size > _LENGTH and head[_LENGTH : _LENGTH + 1] == b"{"


def open_safetensors(file: BinaryIO, path: str) -> Source:
    """Makes a `Source` of a `.safetensors` file, which reads one array at a time.

    Floats of any width come out as float32. Integers are not weights, and are skipped.

    Args:
        file: the file, open, for a look at its header.
        path: where it is: the package `safetensors` opens files by their paths.

    Raises:
        ImportError: the package `safetensors` is not installed.
        ValueError: the file is damaged, or has an array of a type that weights never have.
    """
    try:
        import ml_dtypes  # noqa: F401  (numpy knows bfloat16 from then on)
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise ImportError(
            f"{path} is a .safetensors file, and the package that reads it is missing: "
            "pip install keras_inception[safetensors]"
        ) from error

    # The library checks the header's types, and that shapes and offsets cover the file without gap
    # or overlap. But of two arrays with the same name it takes the last.
    _check_names(file, path)
    try:
        arrays = safe_open(path, "numpy")
        slices = {name: arrays.get_slice(name) for name in arrays.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise _damaged(path, error) from error
    shapes, skipped = {}, {}
    for name, piece in sorted(slices.items()):
        kind = piece.get_dtype()
        if kind in _FLOATS:
            shapes[name] = tuple(piece.get_shape())
        elif kind[0] in "IU":
            skipped[name] = "step counter" if name.endswith(_STEPS) else "integers, not weights"
        else:
            raise ValueError(f"{path}: {name} is of type {kind}, not one of {', '.join(_FLOATS)}")

    def read(name: str) -> np.ndarray:
        try:
            return arrays.get_tensor(name).astype(np.float32, copy=False)
        except (SafetensorError, OSError, TypeError, ValueError, MemoryError) as error:
            raise ValueError(f"{path}: {name} cannot be read: {error}") from error

    return Source(path, shapes, read, skipped, _layers(path, arrays.metadata() or {}, shapes))


def _layers(path: str, metadata: Mapping[str, str], names: Collection[str]) -> tuple[str, ...]:
    """Returns the names of the saved network's layers, which files of this package hold."""
    try:
        layers = json.loads(metadata.get(LAYERS, "[]"))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its metadata are not JSON ({error})") from error
    if not isinstance(layers, list) or not all(isinstance(layer, str) for layer in layers):
        raise _damaged(path, f"its {LAYERS} is not a list of names")
    return tuple(layers) or tuple(dict.fromkeys(name.rpartition("/")[0] for name in names))


def _damaged(path: str, fault: object) -> ValueError:
    return ValueError(f"{path} is not a readable .safetensors file: {fault}")


def _check_names(file: BinaryIO, path: str) -> None:
    """Raises ValueError if the header is too long, is not JSON, or has a name twice."""
    file.seek(0)
    length = int.from_bytes(file.read(_LENGTH), "little")
    if length > _HEADER_LIMIT:
        raise _damaged(path, f"it claims a header of {length} bytes")
    header = file.read(length)
    if len(header) < length:
        raise _damaged(path, f"it ends within its header, of {length} bytes")
    try:
        json.loads(header, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its header is not JSON ({error})") from error


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = dict(pairs)
    if len(names) < len(pairs):
        ((twice, _),) = collections.Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{twice!r} is there twice")
    return names
