"""`.safetensors` files: a JSON header of names, types, shapes and offsets, then the numbers."""

import json

import numpy as np

from keras_inception.weights.assign import Source

_LENGTH = 8  # bytes of the header's length, little-endian
_HEADER_LIMIT = 1 << 22  # bytes; the headers of the family have below 2e5
_FLOATS = ("F16", "BF16", "F32", "F64")
LAYERS = "keras_inception.layers"  # in the metadata of files of this package: JSON, a list
_STEPS = "num_batches_tracked"  # PyTorch's batch normalization counts its steps


def is_safetensors(head, size):
    """Whether a file is one by its look, be it damaged: `open_safetensors` says how.

    Args:
        head: its first 9 bytes, or more.
        size: of the file, bytes.
    """
    return size > _LENGTH and head[_LENGTH : _LENGTH + 1] == b"{"


def open_safetensors(path):
    """Opens a `.safetensors` file as a `Source`, which reads one array at a time.

    Floats of any width come out as float32. Integers are no weights, and skipped.

    Raises:
        ImportError: the package `safetensors` is not installed.
        ValueError: the file is damaged, or has an array of a type that no weights have.
    """
    try:
        import ml_dtypes  # noqa: F401  (numpy knows bfloat16 from then on)
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise ImportError(
            f"{path} is a .safetensors file, and the package for these is missing: "
            "pip install keras_inception[safetensors]"
        ) from error

    # The library checks the header's types, and that shapes and offsets cover the file without gap
    # or overlap. It takes the last of two arrays of one name, though.
    _check_names(path)
    try:
        file = safe_open(path, "numpy")
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise _damaged(path, error) from error
    shapes, skipped = {}, {}
    for name, piece in sorted(slices.items()):
        kind = piece.get_dtype()
        if kind in _FLOATS:
            shapes[name] = tuple(piece.get_shape())
        elif kind[0] in "IU":
            skipped[name] = "step counter" if name.endswith(_STEPS) else "integers, no weights"
        else:
            raise ValueError(f"{path}: {name} is of type {kind}, not one of {', '.join(_FLOATS)}")

    def read(name):
        try:
            return file.get_tensor(name).astype(np.float32, copy=False)
        except (SafetensorError, OSError, TypeError, ValueError, MemoryError) as error:
            raise ValueError(f"{path}: {name} cannot be read: {error}") from error

    return Source(path, shapes, read, skipped, _layers(path, file.metadata() or {}, shapes))


def _layers(path, metadata, names):
    """Names of the layers of the network that was saved, if it was this package that did it."""
    try:
        layers = json.loads(metadata.get(LAYERS, "[]"))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its metadata are no JSON ({error})") from error
    if not isinstance(layers, list) or not all(isinstance(layer, str) for layer in layers):
        raise _damaged(path, f"its {LAYERS} is no list of names")
    return tuple(layers) or tuple(dict.fromkeys(name.rpartition("/")[0] for name in names))


def _damaged(path, fault):
    return ValueError(f"{path} is no readable .safetensors file: {fault}")


def _check_names(path):
    """Raises ValueError if the header is too long, no JSON, or has a name twice."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        if length > _HEADER_LIMIT:
            raise _damaged(path, f"it claims a header of {length} bytes")
        header = file.read(length)
    if len(header) < length:
        raise _damaged(path, f"it ends within its header, of {length} bytes")
    try:
        json.loads(header, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its header is no JSON ({error})") from error


def _without_repetition(pairs):
    names = dict(pairs)
    if len(names) < len(pairs):
        seen = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise ValueError(f"{twice!r} is there twice")
    return names
