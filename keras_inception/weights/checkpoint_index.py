"""The index of a TensorFlow checkpoint, checked before TensorFlow reads it.

TensorFlow believes an index whose checksums are right: a negative axis or a type that it does not
know ends the whole process there. So the sorted table (tensorflow/core/lib/io/format.cc, LevelDB's
table without its filters) is walked here first, and each entry is held against the data files.
Checksums are left to TensorFlow.
"""

import math
import os

from keras_inception.weights.wire import varint

MAGIC = bytes.fromhex("57fb808b247547db")  # at the end of every sorted table
_FOOTER = 48  # bytes: two handles, padding, the magic
_TRAILER = 5  # bytes after a block: its compression, a checksum
# Our choice; the published indices have below 1e5 bytes. Names are counted as they unfold, since
# each is stored by what differs from the one before it.
_MAX_BYTES = 1 << 26
_MAX_SHARDS = 10_000


def check(prefix, path):
    """Checks the index of a checkpoint of the second format.

    Args:
        prefix: the checkpoint's path without `.index`.
        path: the file that messages name.

    Raises:
        ValueError: the index is damaged, or does not fit the data files.
    """
    try:
        size = os.path.getsize(f"{prefix}.index")
        if size > _MAX_BYTES:
            raise ValueError(f"its index has {size:,} bytes, over {_MAX_BYTES:,}")
        with open(f"{prefix}.index", "rb") as file:
            _check_entries(_in_order(entries(file.read())), prefix)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no readable TensorFlow checkpoint: {error}") from error


def _check_entries(pairs, prefix):
    from tensorflow.core.protobuf import tensor_bundle_pb2

    key, value = next(pairs, (None, b""))
    if key != b"":
        raise ValueError("its index does not begin with a header")
    header = _message(tensor_bundle_pb2.BundleHeaderProto, "the header", value)
    if not 1 <= header.num_shards <= _MAX_SHARDS or header.endianness:
        raise ValueError(
            f"its index declares {header.num_shards} data files or a foreign byte order"
        )
    sizes = {}
    for key, value in pairs:
        entry = _message(tensor_bundle_pb2.BundleEntryProto, repr(key), value)
        _check_shape(key, entry)
        if entry.slices:  # the values are at keys of their own
            _check_slices(key, entry)
        else:
            _check_place(key, entry, header.num_shards, prefix, sizes)


def _message(kind, name, value):
    from google.protobuf.message import DecodeError

    try:
        return kind.FromString(value)
    except DecodeError as error:
        raise ValueError(f"its index has no readable entry for {name}") from error


def _check_shape(key, entry):
    if _item_size(entry.dtype) is None:
        raise ValueError(f"{key!r} has a type without meaning, {entry.dtype}")
    axes = [axis.size for axis in entry.shape.dim]
    if entry.shape.unknown_rank or len(axes) > 254 or any(axis < 0 for axis in axes):
        raise ValueError(f"{key!r} has a shape without meaning, {axes[:8]}")
    if math.prod(max(1, axis) for axis in axes) >= 1 << 63:
        raise ValueError(f"{key!r} has a shape that is too large, {axes[:8]}")


def _item_size(number):
    """Bytes of one value of a type; 0 where they differ, `None` for no type of a variable."""
    import tensorflow as tf

    try:
        dtype = tf.dtypes.as_dtype(number)
    except TypeError:
        return None
    if number >= 100 or not dtype.is_numpy_compatible:  # references; handles
        return None
    return 0 if dtype == tf.string else dtype.size


def _check_slices(key, entry):
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


def _check_place(key, entry, shards, prefix, sizes):
    shard = entry.shard_id
    if not 0 <= shard < shards:
        raise ValueError(f"{key!r} lies in data file {shard} of {shards}")
    if shard not in sizes:
        sizes[shard] = os.path.getsize(f"{prefix}.data-{shard:05d}-of-{shards:05d}")
    if min(entry.offset, entry.size) < 0 or entry.offset + entry.size > sizes[shard]:
        raise ValueError(f"{key!r} lies outside of its data file, or that is truncated")
    count = math.prod(axis.size for axis in entry.shape.dim)
    item = _item_size(entry.dtype)
    if item and count * item != entry.size:
        raise ValueError(f"{key!r} has {entry.size} bytes, and {count} values of {item}")
    if not item and count > entry.size:
        raise ValueError(f"{key!r} has {entry.size} bytes, too few for {count} values")


def entries(table):
    """Yields (key, value) of a sorted table, in the order in which they stand."""
    if len(table) < _FOOTER or not table.endswith(MAGIC):
        raise ValueError("its index is truncated, or is none")
    footer = len(table) - _FOOTER
    position = 0
    for _ in range(2):  # of the metaindex, which nobody uses, to that of the index
        offset, position = varint(table[footer:], position)
        size, position = varint(table[footer:], position)
    for _, handle in _in_order(_block(table, offset, size, footer)):
        start, position = varint(handle, 0)
        length, _ = varint(handle, position)
        yield from _block(table, start, length, footer)


def _in_order(pairs):
    """Passes entries on, with names that only rise, and have a bound in all."""
    last, total = None, 0
    for key, value in pairs:
        if last is not None and key <= last:
            raise ValueError("its index is out of order")
        last, total = key, total + len(key)
        if total > _MAX_BYTES:
            raise ValueError(f"its index has names of more than {_MAX_BYTES:,} bytes in all")
        yield key, value


def _block(table, start, size, end):
    """Yields (key, value) of one block, whose keys leave out what they share with the last one."""
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
