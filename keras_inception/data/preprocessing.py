"""Decoding, pixel scaling and the evaluation view, shared by training, evaluation and export.

The view is TF-Slim's (`preprocessing/inception_preprocessing.py`, `preprocess_for_eval`), with
which the released checkpoints were measured: the central 87.5 % of each side, squashed to a square
by TensorFlow 1's bilinear resize, pixels in [-1, 1]. That resize puts pixel 0 of the output on
pixel 0 of the input. Today's `tf.image.resize` aligns pixel centres and gives other numbers.
"""

from __future__ import annotations

import tensorflow as tf

from keras_inception.data import exif
from keras_inception.renamed import renamed_arguments

# Pillow, browsers and phones use this decoder too. TensorFlow's default, the fast one, is off by
# one level on average and by 16 at most, and saves 3 to 5 % of the time.
JPEG_DCT = "INTEGER_ACCURATE"
# The part of each side that the central crop of evaluation keeps (TF-Slim, as above).
CENTRAL_FRACTION = 0.875
_BMP_HEADER = 54  # bytes
_LARGE = 1 << 22  # values in a picture, or 1.4 megapixels: our choice


@renamed_arguments(image_bytes="encoded")
def decode_image(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG, PNG, BMP or GIF (its first frame).

    A JPEG that its camera marked as turned comes out upright. Grey becomes three equal channels,
    transparent pixels keep the colour that is stored for them, 16 bits become 8, CMYK becomes RGB.

    Args:
        encoded: scalar string, the bytes of the picture.

    Returns:
        uint8 (height, width, 3).

    Raises:
        tf.errors.InvalidArgumentError: the picture is broken, or in another format.
    """

    def decode_jpeg():
        image = tf.io.decode_jpeg(encoded, channels=3, dct_method=JPEG_DCT)
        return exif.upright(image, exif.orientation(encoded))

    image = tf.cond(tf.io.is_jpeg(encoded), decode_jpeg, lambda: _decode_other(encoded))
    return tf.ensure_shape(image, (None, None, 3))


def _decode_other(encoded):
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    head = tf.strings.substr(encoded, 0, _BMP_HEADER)
    head = tf.cast(tf.io.decode_raw(head, tf.uint8, fixed_length=_BMP_HEADER), tf.int32)
    # TensorFlow mistakes the numbers of a BMP's colours for grey levels.
    has_palette = (head[0] == ord("B")) & (head[1] == ord("M")) & (head[28] == 8)
    return tf.cond(has_palette, lambda: _colored(image, encoded, head), lambda: image)


def _colored(numbers, encoded, head):
    """Looks up the colours, uint8 (height, width, 3), of an 8-bit BMP (BITMAPINFOHEADER)."""
    compressed = tf.debugging.Assert(head[30] == 0, ["a compressed BMP of 8 bits"])
    with tf.control_dependencies([compressed]):
        table_at = 14 + head[14] + 256 * head[15]
    count = head[46] + 256 * head[47]
    count = tf.where((count == 0) | (count > 256), 256, count)
    table = tf.strings.substr(encoded, table_at, 4 * count)
    table = tf.reshape(tf.io.decode_raw(table, tf.uint8, fixed_length=1024), (256, 4))
    return tf.gather(table[:, 2::-1], tf.cast(numbers[..., 0], tf.int32))  # blue comes first


def scale_pixels(image: tf.Tensor) -> tf.Tensor:
    """Scales pixels in [0, 255], uint8 or float, to float32 in [-1, 1]."""
    return tf.cast(image, tf.float32) * (2.0 / 255.0) - 1.0  # a division takes longer


def resize_bilinear(image: tf.Tensor, size: int, half_pixel_centers: bool = False) -> tf.Tensor:
    """Squashes a picture to a square, bilinearly, as TensorFlow 1 did.

    Neither corners nor pixel centres are aligned, and nothing is smoothed before shrinking.

    Args:
        image: (height, width, channels), uint8 or float, in any range, which stays.
        size: side of the result, in pixels.
        half_pixel_centers: whether to align pixel centres, as PyTorch does.

    Returns:
        float32 (size, size, channels).
    """
    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, not {size}.")
    # TensorFlow has vector instructions for float32 only.
    return _resize(tf.cast(image, tf.float32), size, half_pixel_centers)


def _resize(image, size, half_pixel_centers=False):
    """Resizes as `resize_bilinear` does, without a cast to float32."""
    resized = tf.raw_ops.ResizeBilinear(
        images=image[tf.newaxis],
        size=(size, size),
        align_corners=False,
        half_pixel_centers=half_pixel_centers,
    )
    return resized[0]


def central_margin(length: tf.Tensor, fraction: float = CENTRAL_FRACTION) -> tf.Tensor:
    """Returns how many pixels the central crop takes from each end of a side.

    The number is rounded down as in `tf.image.central_crop`, which computes it in float64.

    Args:
        length: the side, in pixels; an integer scalar.
        fraction: the part of the side that is kept.

    Returns:
        int32 scalar.

    Raises:
        ValueError: `fraction` is not in (0, 1].
    """
    if not 0.0 < fraction <= 1.0:
        raise ValueError(f"the central fraction must be in (0, 1], not {fraction}")
    length = tf.cast(length, tf.float64)
    return tf.cast((length - length * fraction) / 2.0, tf.int32)


def evaluation_view(
    image: tf.Tensor, size: int, central_fraction: float = CENTRAL_FRACTION
) -> tf.Tensor:
    """Returns a picture as a network sees it in evaluation.

    Args:
        image: uint8 or float (height, width, channels) in [0, 255]; 3 channels, or 1 for grey,
            which is repeated.
        size: side of the result, in pixels.
        central_fraction: the part of each side that is kept (the default keeps 76.6 % of the area).

    Returns:
        float32 (size, size, 3) in [-1, 1].

    Raises:
        ValueError: the picture has another shape, or a number is out of its range.
    """
    image = _as_rgb(tf.convert_to_tensor(image))
    rows, columns = tf.shape(image)[0], tf.shape(image)[1]
    top = central_margin(rows, central_fraction)
    left = central_margin(columns, central_fraction)
    image = image[top : rows - top, left : columns - left]
    if image.dtype != tf.uint8:
        return scale_pixels(resize_bilinear(image, size))
    # As float32 a large picture would take four times the memory, nearly all of it for pixels that
    # the resize does not read.
    resized = tf.cond(
        tf.size(image) > _LARGE,
        lambda: _resize(image, size),
        lambda: resize_bilinear(image, size),
    )
    return scale_pixels(resized)


def _as_rgb(image: tf.Tensor) -> tf.Tensor:
    if image.shape.rank != 3 or image.shape[-1] not in (1, 3):
        raise ValueError(
            f"the picture has the shape {image.shape}; it must be (height, width, 3), or "
            "(height, width, 1) if it is grey"
        )
    return tf.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
