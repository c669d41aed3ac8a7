"""Decodes encoded pictures inside a SavedModel, once their size is known to be harmless.

TensorFlow's decoders allocate whatever size a header names: 12 KB of PNG become 300 MB. So the
graph first reads the size from the header:

| format | place of the size | source |
| --- | --- | --- |
| JPEG | the frame header | `tf.io.extract_jpeg_shape` |
| PNG | `IHDR`, the first chunk | PNG specification (W3C, third edition), section 11.2.1 |
| GIF | the first frame's descriptor, after any extensions | GIF89a, section 20 |
| BMP | the information header | Windows GDI, BITMAPINFOHEADER |
| WebP | the chunk `VP8 `, `VP8L` or `VP8X` | RFC 9649, sections 2.5 to 2.7 |

The decoder would unpack all frames of a GIF, so it is given the bytes of the first one only.
"""

from __future__ import annotations

import tensorflow as tf

from keras_inception.data import preprocessing

MEGAPIXELS = 64  # the default limit: 192 MB once decoded. Our choice; cameras make up to 61.
UNKNOWN = -1  # number of pixels if the bytes are in none of the formats
_HEADER = 32  # bytes; every format but GIF has its size in them
_GIF_EXTENSION, _GIF_FRAME = 0x21, 0x2C  # how blocks begin
# A GIF's blocks are visited one by one, which takes a microsecond or more each. This many blocks of
# full length are 67 MB; a longer file, or one cut into small blocks on purpose, is not read to its
# end.
_GIF_BLOCKS = 1 << 18
_GIF_EXTENSIONS = 1 << 18  # bytes that extensions may take before the first frame


def pixel_count(encoded: tf.Tensor) -> tf.Tensor:
    """Reads from the header of an encoded picture how many pixels it has.

    Args:
        encoded: the picture's bytes, string ().

    Returns:
        int64 (). It is `UNKNOWN` if the bytes are in none of the formats. The decoder must not see
        them even then: it knows other formats (JPEG XL), whose size was not looked at.
    """
    head = _numbers(encoded, _HEADER)

    def starts(text, at=0):
        return tf.reduce_all(head[at : at + len(text)] == list(text))

    def number(places):
        """Combines bytes, the lowest first. A side is never longer; products fit 63 bits."""
        return tf.minimum(_little_endian(tf.gather(head, places)), 2**31 - 1)

    def of_jpeg():
        return tf.reduce_prod(tf.io.extract_jpeg_shape(encoded, tf.int64)[:2])

    def of_png():
        # A decoder that met another chunk first would read on to a size that was not looked at.
        pixels = number((19, 18, 17, 16)) * number((23, 22, 21, 20))
        return tf.where(starts(b"IHDR", 12), pixels, UNKNOWN)

    def of_bmp():
        height = number((22, 23, 24, 25))
        negative = _little_endian(head[22:26]) >= 2**31  # the top row comes first
        height = tf.where(negative, 2**32 - _little_endian(head[22:26]), height)
        return number((18, 19, 20, 21)) * height

    def of_webp():
        bits = number((21, 22, 23, 24))
        lossless = (bits % 2**14 + 1) * (bits // 2**14 % 2**14 + 1)
        lossy = (number((26, 27)) % 2**14) * (number((28, 29)) % 2**14)
        extended = (number((24, 25, 26)) + 1) * (number((27, 28, 29)) + 1)
        simple = tf.where(starts(b"VP8 ", 12), lossy, extended)
        return tf.where(starts(b"VP8L", 12), lossless, simple)

    return tf.case(
        [
            (starts(b"\xff\xd8\xff"), of_jpeg),
            (starts(b"\x89PNG\r\n\x1a\n"), of_png),
            (starts(b"GIF8"), lambda: _first_frame(encoded)[0]),
            (starts(b"BM"), of_bmp),
            (starts(b"RIFF") & starts(b"WEBP", 8), of_webp),
        ],
        default=lambda: tf.constant(UNKNOWN, tf.int64),
    )


def refusal(pixels: tf.Tensor | int, limit: int) -> tf.Tensor:
    """Returns why a picture is not decoded, string (); empty if it is decoded.

    Args:
        pixels: what `pixel_count` returned.
        limit: the most pixels that are decoded.
    """
    too_large = f"is larger than {limit / 1e6:g} megapixels"
    unknown = "is not a JPEG, PNG, GIF, BMP or WebP"
    return tf.where(pixels > limit, too_large, tf.where(pixels == UNKNOWN, unknown, ""))


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a picture as `preprocessing.decode_image` does, but only the first frame of a GIF.

    Args:
        encoded: the picture's bytes, string ().

    Returns:
        uint8 (height, width, 3).
    """

    def cut():
        end = _first_frame(encoded)[1]
        whole = tf.strings.length(encoded)
        shorter = tf.strings.substr(encoded, 0, end) + tf.constant(b"\x3b")  # the trailer
        return tf.cond(end < whole, lambda: shorter, lambda: encoded)

    is_gif = tf.strings.substr(encoded, 0, 4) == b"GIF8"
    return preprocessing.decode_image(tf.cond(is_gif, cut, lambda: encoded))


def _numbers(encoded, count=None):
    """Returns the first `count` bytes as int64, with zeros after the end; or all bytes as uint8."""
    if count is None:
        return tf.io.decode_raw(encoded, tf.uint8)
    piece = tf.strings.substr(encoded, 0, count)
    return tf.cast(tf.io.decode_raw(piece, tf.uint8, fixed_length=count), tf.int64)


def _little_endian(places):
    return tf.reduce_sum(places * [256**i for i in range(places.shape[0])])


def _first_frame(encoded):
    """Returns the pixels of a GIF's first frame, int64 (), and where its bytes end, int32 ().

    The end is the file's if the frame is not complete.
    """
    data, length = _numbers(encoded), tf.strings.length(encoded)

    def byte(at):
        return tf.cast(data[tf.clip_by_value(at, 0, length - 1)], tf.int32)

    def colours(at):
        """Returns the bytes of the colour table that the flags at `at` announce."""
        flags = byte(at)
        return tf.where(flags >= 128, 3 * 2 ** (flags % 8 + 1), 0)

    def after_sub_blocks(at):
        """Returns the place after a chain of blocks, each of which starts with its length."""
        last = tf.while_loop(
            lambda at: (at < length) & (byte(at) > 0),
            lambda at: (at + 1 + byte(at),),
            (at,),
            maximum_iterations=_GIF_BLOCKS,
        )[0]
        return tf.minimum(last + 1, length)

    at = tf.while_loop(
        lambda at: (at < tf.minimum(length, _GIF_EXTENSIONS)) & (byte(at) == _GIF_EXTENSION),
        lambda at: (after_sub_blocks(at + 2),),
        (tf.minimum(13 + colours(10), length),),
    )[0]

    def frame():
        sides = [byte(at + 5 + i) + 256 * byte(at + 6 + i) for i in (0, 2)]
        pixels = tf.reduce_prod(tf.cast(tf.stack(sides), tf.int64))
        return pixels, after_sub_blocks(tf.minimum(at + 11 + colours(at + 9), length))

    has_one = (at + 10 < length) & (byte(at) == _GIF_FRAME)
    return tf.cond(has_one, frame, lambda: (tf.constant(0, tf.int64), length))
