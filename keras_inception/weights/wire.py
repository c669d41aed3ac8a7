"""Protocol buffers' wire format, as far as files are looked over before a library reads them."""


def varint(data, position):
    """Reads an unsigned number of seven bits a byte; returns (number, position after it)."""
    number = 0
    for index, byte in enumerate(data[position : position + 10]):
        number |= (byte & 127) << 7 * index
        if byte < 128:
            return number, position + index + 1
    raise ValueError("it has a number without an end")


def fields(data, position, end):
    """Yields the fields of a message, in the order in which they stand.

    Args:
        data: bytes.
        position, end: of the message in it.

    Yields:
        (number, start, end) of each; `None` for the end of a plain number.

    Raises:
        ValueError: it is cut, or has a group, which nobody writes any more.
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
