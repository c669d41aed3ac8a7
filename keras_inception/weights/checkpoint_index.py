"""The index of a TensorFlow checkpoint, checked before TensorFlow reads it.

TensorFlow believes an index whose checksums are right: a negative axis or a type that it does not
know ends the whole process there. So the sorted table (tensorflow/core/lib/io/format.cc, LevelDB's
table without its filters) is walked here first, and each entry is compared with the data files.
Checksums are left to TensorFlow.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from keras_inception.weights.wire import varint

MAGIC = bytes.fromhex("57fb808b247547db")  # at the end of every sorted table
_FOOTER = 48  # bytes: two handles, padding, `MAGIC`
_TRAILER = 5  # bytes after a block: its compression, a checksum
# Our choice; the published indices have fewer than 1e5 bytes. Names are counted as they unfold,
# since each is stored as what differs from the one before it.
_MAX_BYTES = 1 << 26
_MAX_SHARDS = 10_000


def check(prefix: str, path: str, index: BinaryIO | None = None) -> None:
    """Checks the index of a checkpoint of the second format.

    Args:
        prefix: the checkpoint's path without `.index`.
        path: the file that messages name.
        index: the index, if it is open already.

    Raises:
        ValueError: the index is damaged, or does not fit the data files.
    """
    try:
        with contextlib.ExitStack() as stack:
            file = index or stack.enter_context(open(f"{prefix}.index", "rb"))
            size = file.seek(0, os.SEEK_END)
            if size > _MAX_BYTES:
                raise ValueError(f"its index has {size:,} bytes, over {_MAX_BYTES:,}")
            file.seek(0)
            _check_entries(_in_order(entries(file.read())), prefix)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a readable TensorFlow checkpoint: {error}") from error


def _check_entries(pairs: Iterator[tuple[bytes, bytes]], prefix: str) -> None:
    from tensorflow.core.protobuf import tensor_bundle_pb2

    key, value = next(pairs, (None, b""))
    if key != b"":
        raise ValueError("its index does not begin with a header")
    header = _message(tensor_bundle_pb2.BundleHeaderProto, "the header", value)
    if not 1 <= header.num_shards <= _MAX_SHARDS or header.endianness:
        raise ValueError(
            f"its index declares {header.num_shards} data files or a foreign byte order"
        )
    sizes: dict[int, int] = {}
    for key, value in pairs:
        entry = _message(tensor_bundle_pb2.BundleEntryProto, repr(key), value)
        _check_shape(key, entry)
        if entry.slices:  # the values have keys of their own
            _check_slices(key, entry)
        else:
            _check_place(key, entry, header.num_shards, prefix, sizes)


def _message(kind: Any, name: str, value: bytes) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return kind.FromString(value)
    except DecodeError as error:
        raise ValueError(f"its index has no readable entry for {name}") from error


def _check_shape(key: bytes, entry: Any) -> None:
    if _item_size(entry.dtype) is None:
        raise ValueError(f"{key!r} has an unknown type, {entry.dtype}")
    axes = [axis.size for axis in entry.shape.dim]
    if entry.shape.unknown_rank or len(axes) > 254 or any(axis < 0 for axis in axes):
        raise ValueError(f"{key!r} has an impossible shape, {axes[:8]}")
    if math.prod(max(1, axis) for axis in axes) >= 1 << 63:
        raise ValueError(f"{key!r} has a shape that is too large, {axes[:8]}")


def _item_size(number: int) -> int | None:
    """Returns the bytes of a value of a type: 0 if they vary, `None` if variables never have it."""
    import tensorflow as tf

    try:
        dtype = tf.dtypes.as_dtype(number)
    except TypeError:
        return None
    if number >= 100 or not dtype.is_numpy_compatible:  # references; handles
        return None
    return 0 if dtype == tf.string else dtype.size


def _check_slices(key: bytes, entry: Any) -> None:
    axes = [axis.size for axis in entry.shape.dim]
    seen = set()
    for piece in entry.slices:
        if len(piece.extent) != len(axes):
            raise ValueError(f"{key!r} has a slice of another rank")
        for axis, extent in zip(axes, piece.extent, strict=True):
            length = extent.length if extent.HasField("length") else axis
            if extent.start < 0 or length < 0 or extent.start + length > axis:
                raise ValueError(f"{key!r} has a slice that lies outside of it")
        place = tuple((e.start, e.length if e.HasField("length") else None) for e in piece.extent)
        if place in seen:
            raise ValueError(f"{key!r} has a slice twice")
        seen.add(place)


def _check_place(key: bytes, entry: Any, shards: int, prefix: str, sizes: dict[int, int]) -> None:
    shard = entry.shard_id
    if not 0 <= shard < shards:
        raise ValueError(f"{key!r} lies in data file {shard} of {shards}")
    if shard not in sizes:
        sizes[shard] = os.path.getsize(f"{prefix}.data-{shard:05d}-of-{shards:05d}")
    if min(entry.offset, entry.size) < 0 or entry.offset + entry.size > sizes[shard]:
        raise ValueError(f"{key!r} lies outside of its data file, or the data file is cut off")
    count = math.prod(axis.size for axis in entry.shape.dim)
    item = _item_size(entry.dtype)
    if item and count * item != entry.size:
        raise ValueError(f"{key!r} has {entry.size} bytes, and {count} values of {item}")
    if not item and count > entry.size:
        raise ValueError(f"{key!r} has {entry.size} bytes, too few for {count} values")


def entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields (key, value) of a sorted table, in the order of the file.

    Raises:
        ValueError: the table is damaged, or is not a table.
    """
    if len(table) < _FOOTER or not table.endswith(MAGIC):
        raise ValueError("its index is cut off, or is not an index")
    footer = len(table) - _FOOTER
    position = 0
    for _ in range(2):  # the metaindex, which nobody uses, then the index
        offset, position = varint(table[footer:], position)
        size, position = varint(table[footer:], position)
    for _, handle in _in_order(_block(table, offset, size, footer)):
        start, position = varint(handle, 0)
        length, _ = varint(handle, position)
        yield from _block(table, start, length, footer)


def _in_order(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Passes entries on as long as their names rise and are not too long in all."""
    last: bytes | None = None
    total = 0
    for key, value in pairs:
        if last is not None and key <= last:
            raise ValueError("its index is out of order")
        last, total = key, total + len(key)
        if total > _MAX_BYTES:
            raise ValueError(f"its index has names of more than {_MAX_BYTES:,} bytes in all")
        yield key, value


def _block(table: bytes, start: int, size: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Yields (key, value) of one block, in which a key leaves out what it shares with the last."""
    if start + size + _TRAILER > end or size < 4:
        raise ValueError("its index has a block that lies outside of it")
    block = table[start : start + size]
    if table[start + size] != 0:
        raise ValueError("its index is compressed, as TensorFlow never writes it")
    restarts = int.from_bytes(block[-4:], "little")
    limit = size - 4 - 4 * restarts
    if limit < 0:
        raise ValueError("its index has a block without an end")
    position, key = 0, b""
    while position < limit:
        shared, position = varint(block, position)
        added, position = varint(block, position)
        length, position = varint(block, position)
        if shared > len(key) or position + added + length > limit:
            raise ValueError("its index has an entry that lies outside of its block")
        key = key[:shared] + block[position : position + added]
        position += added + length
        yield key, block[position - length : position]
