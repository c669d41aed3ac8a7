"""Encoded pictures inside a SavedModel: how large they are before they are decoded, then decoded.

TensorFlow's decoders make room for whatever size a header names: 12 KB of PNG become 300 MB. So the
size is read first, in the graph, from the bytes where each format has it:

| format | where | source |
| --- | --- | --- |
| JPEG | the frame header | `tf.io.extract_jpeg_shape` |
| PNG | `IHDR`, the first chunk | PNG specification (W3C, third edition), section 11.2.1 |
| GIF | the first frame's descriptor, behind any extensions | GIF89a, section 20 |
| BMP | the information header | Windows GDI, BITMAPINFOHEADER |
| WebP | the chunk `VP8 `, `VP8L` or `VP8X` | RFC 9649, sections 2.5 to 2.7 |

Of a GIF only the bytes of the first frame are handed on: the decoder would unpack all of them.
"""

import tensorflow as tf

from keras_inception.data import preprocessing

MEGAPIXELS = 64  # decoded at most, by default: 192 MB of bytes. Our choice; cameras make up to 61.
UNKNOWN = -1  # pixels of what is none of the formats
_HEADER = 32  # bytes: all of the headers' places but GIF's are below
_GIF_EXTENSION, _GIF_FRAME = 0x21, 0x2C  # how blocks begin
# A GIF's blocks are walked one by one, which takes a microsecond or more each. So many of full
# length are 67 MB; what is longer, or cut into smaller ones on purpose, is not read to its end.
_GIF_BLOCKS = 1 << 18
_GIF_EXTENSIONS = 1 << 18  # bytes before the first frame


def pixel_count(image_bytes):
    """How many pixels the header of an encoded picture names, int64 ().

    Of what is none of the formats it is `UNKNOWN`: the decoder may know it nevertheless (JPEG XL),
    so it is not to be asked.
    """
    head = _numbers(image_bytes, _HEADER)

    def starts(text, at=0):
        return tf.reduce_all(head[at : at + len(text)] == list(text))

    def number(places):
        """Of bytes, the lowest first. A side is never longer; products fit 63 bits."""
        return tf.minimum(_little_endian(tf.gather(head, places)), 2**31 - 1)

    def of_jpeg():
        return tf.reduce_prod(tf.io.extract_jpeg_shape(image_bytes, tf.int64)[:2])

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
            (starts(b"GIF8"), lambda: _first_frame(image_bytes)[0]),
            (starts(b"BM"), of_bmp),
            (starts(b"RIFF") & starts(b"WEBP", 8), of_webp),
        ],
        default=lambda: tf.constant(UNKNOWN, tf.int64),
    )


def refusal(pixels, limit):
    """Why a picture of so many pixels is not decoded, a string (); empty where it is."""
    too_large = f"is larger than {limit / 1e6:g} megapixels"
    unknown = "is no JPEG, PNG, GIF, BMP or WebP"
    return tf.where(pixels > limit, too_large, tf.where(pixels == UNKNOWN, unknown, ""))


def decode(image_bytes):
    """`preprocessing.decode_image`, a GIF cut off behind its first frame."""

    def cut():
        end = _first_frame(image_bytes)[1]
        whole = tf.strings.length(image_bytes)
        shorter = tf.strings.substr(image_bytes, 0, end) + tf.constant(b"\x3b")  # the trailer
        return tf.cond(end < whole, lambda: shorter, lambda: image_bytes)

    is_gif = tf.strings.substr(image_bytes, 0, 4) == b"GIF8"
    return preprocessing.decode_image(tf.cond(is_gif, cut, lambda: image_bytes))


def _numbers(image_bytes, count=None):
    """The first bytes as int64, zeros beyond the end; or all bytes as uint8."""
    if count is None:
        return tf.io.decode_raw(image_bytes, tf.uint8)
    piece = tf.strings.substr(image_bytes, 0, count)
    return tf.cast(tf.io.decode_raw(piece, tf.uint8, fixed_length=count), tf.int64)


def _little_endian(places):
    return tf.reduce_sum(places * [256**i for i in range(places.shape[0])])


def _first_frame(image_bytes):
    """Pixels of a GIF's first frame, int64 (), and where its bytes end, int32 ().

    The end is the file's where the frame is not complete.
    """
    data, length = _numbers(image_bytes), tf.strings.length(image_bytes)

    def byte(at):
        return tf.cast(data[tf.clip_by_value(at, 0, length - 1)], tf.int32)

    def colours(at):
        """Bytes of the colour table that the flags there announce."""
        flags = byte(at)
        return tf.where(flags >= 128, 3 * 2 ** (flags % 8 + 1), 0)

    def behind_sub_blocks(at):
        """The first byte after a chain of blocks, each with its length in front."""
        last = tf.while_loop(
            lambda at: (at < length) & (byte(at) > 0),
            lambda at: (at + 1 + byte(at),),
            (at,),
            maximum_iterations=_GIF_BLOCKS,
        )[0]
        return tf.minimum(last + 1, length)

    at = tf.while_loop(
        lambda at: (at < tf.minimum(length, _GIF_EXTENSIONS)) & (byte(at) == _GIF_EXTENSION),
        lambda at: (behind_sub_blocks(at + 2),),
        (tf.minimum(13 + colours(10), length),),
    )[0]

    def frame():
        sides = [byte(at + 5 + i) + 256 * byte(at + 6 + i) for i in (0, 2)]
        pixels = tf.reduce_prod(tf.cast(tf.stack(sides), tf.int64))
        return pixels, behind_sub_blocks(tf.minimum(at + 11 + colours(at + 9), length))

    has_one = (at + 10 < length) & (byte(at) == _GIF_FRAME)
    return tf.cond(has_one, frame, lambda: (tf.constant(0, tf.int64), length))
