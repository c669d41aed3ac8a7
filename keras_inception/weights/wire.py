"""Protocol buffers' wire format: enough of it to check a file before a library reads it."""

from __future__ import annotations

from collections.abc import Iterator


def varint(data: bytes, position: int) -> tuple[int, int]:
    """Reads an unsigned number of seven bits a byte; returns (number, position after it).

    Raises:
        ValueError: the number does not end within ten bytes, or within `data`.
    """
    number = 0
    for index, byte in enumerate(data[position : position + 10]):
        number |= (byte & 127) << 7 * index
        if byte < 128:
            return number, position + index + 1
    raise ValueError("it has a number without an end")


def fields(data: bytes, position: int, end: int) -> Iterator[tuple[int, int, int | None]]:
    """Yields the fields of a message, in the order of the file.

    Args:
        data: bytes that contain the message.
        position, end: where the message begins and ends in `data`.

    Yields:
        (field number, start, end) of each field; the end of a plain number is `None`.

    Raises:
        ValueError: the message is cut off, or has a group, which nobody writes any more.
    """
    while position < end:
        key, position = varint(data, position)
        kind, start = key & 7, position
        if kind == 0:
            _, position = varint(data, position)
        elif kind in (1, 5):
            position += 8 if kind == 1 else 4
        elif kind == 2:
            length, start = varint(data, position)
            position = start + length
        else:
            raise ValueError(f"it has a field of type {kind}")
        if position > end:
            raise ValueError("it ends within a field")
        yield key >> 3, start, position if kind == 2 else None
