"""Pictures in and out: checked, scaled for a network, tiled, coloured, written to files."""

import pathlib

import keras
import numpy as np
import tensorflow as tf

from keras_inception.analysis.visualize.ascent import check_settings
from keras_inception.data.preprocessing import scale_pixels
from keras_inception.files import replacing

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
# Our choice for heat maps, from cold to hot: dark to light, so that it reads without colours too.
_HEAT = np.array(
    [[28, 16, 68], [79, 18, 123], [181, 54, 122], [251, 135, 97], [252, 253, 191]], "float32"
)
_GROUND = 255  # white between tiles
_FALLBACK = 224  # pixels a side for networks of any size without a picture


def checked_picture(image, channels):
    """The picture as float32 (height, width, channels), its pixels in [0, 255].

    Raises:
        ValueError: it has another shape, or a pixel that is no number or out of range.
    """
    pixels = np.asarray(image)
    is_number = pixels.dtype.kind in "uif" or pixels.dtype == tf.bfloat16.as_numpy_dtype
    if pixels.ndim != 3 or pixels.shape[-1] != channels or not pixels.size or not is_number:
        raise ValueError(
            f"a picture must be numbers of shape (height, width, {channels}), got "
            f"{pixels.dtype.name} {pixels.shape}"
        )
    pixels = pixels.astype("float32")
    if not np.isfinite(pixels).all():
        raise ValueError("the picture has pixels that are no finite numbers")
    if pixels.min() < 0 or pixels.max() > 255:
        raise ValueError(
            f"pixels must be in [0, 255], got [{pixels.min():g}, {pixels.max():g}]; what is scaled "
            "for a network already is not wanted here"
        )
    return pixels


def network_input(pixels, size=None):
    """A batch of one picture in [-1, 1], of `size` (rows, columns) if that is given."""
    images = scale_pixels(pixels)[tf.newaxis]
    if size is None or tuple(size) == pixels.shape[:2]:
        return images
    return tf.image.resize(images, size, antialias=True)


def seen_size(network, wanted, own=None, size=None):
    """(rows, columns) in which a network sees a picture, checked to leave something of it.

    Args:
        network: a `Network`.
        wanted: `Value`s that are to be computed.
        own: (rows, columns) of the picture.
        size: the shorter side to see it in, its form kept. By default the network's own size, and
            where it takes any, the picture's, or 224 where there is no picture yet.

    Raises:
        ValueError: the network cannot take that size.
    """
    check_settings(size=(1 if size is None else size, 1, True))
    native = network.model.inputs[0].shape[1:3]
    native = None if None in native else tuple(native)
    if size is None:
        seen = native or own or (_FALLBACK,) * 2
    else:
        rows, columns = own or (1, 1)
        seen = tuple(round(side * size / min(rows, columns)) for side in (rows, columns))
    if native not in (None, seen):
        for step in network.needed(wanted):
            if isinstance(step.operation, (keras.layers.Flatten, keras.layers.Reshape)):
                raise ValueError(
                    f"{network.model.name} has a dense layer on its grid ({step.name}): it takes "
                    f"pictures of {native[0]} x {native[1]} only, not {seen[0]} x {seen[1]}"
                )
    network.check_takes(wanted, seen)
    return seen


def to_pixels(images):
    """Pictures in [-1, 1] as uint8."""
    return np.clip(np.round((np.asarray(images) + 1) * 127.5), 0, 255).astype("uint8")


def tiled(tiles, gap=1, columns=None, scale=1):
    """Tiles (count, rows, columns[, channels]), uint8, as one picture, in reading order.

    Args:
        gap: white pixels between tiles.
        columns: tiles in a row; by default what makes it about square.
        scale: pixels a pixel of a tile.
    """
    tiles = np.asarray(tiles)
    tiles = tiles.repeat(scale, axis=1).repeat(scale, axis=2)
    count, height, width, *channels = tiles.shape
    columns = min(count, columns or int(np.ceil(np.sqrt(count))))
    rows = -(-count // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, *channels)
    picture = np.full(shape, _GROUND, "uint8")
    for i, tile in enumerate(tiles):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        picture[top : top + height, left : left + width] = tile
    return picture


def heat_colors(values):
    """Colours, float32 in [0, 255], of values in [0, 1]."""
    place = np.clip(np.asarray(values, "float32"), 0, 1) * (len(_HEAT) - 1)
    below = np.minimum(place.astype(int), len(_HEAT) - 2)
    share = (place - below)[..., np.newaxis]
    return _HEAT[below] * (1 - share) + _HEAT[below + 1] * share


def check_suffix(path):
    """Raises ValueError where a picture cannot be written to a file of that name."""
    if pathlib.Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: a picture's file must end in {', '.join(SUFFIXES)}")


def write_picture(picture, path):
    """Writes uint8 (height, width[, 3]) as PNG, JPEG or WebP; an older file stays until then."""
    check_suffix(path)
    pixels = np.asarray(picture)
    pixels = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    suffix = pathlib.Path(path).suffix.lower()
    with replacing(path) as temporary:
        if suffix == ".webp":
            _pillow(pixels).save(temporary, quality=82, method=6)
        elif suffix == ".png":
            temporary.write_bytes(tf.io.encode_png(pixels).numpy())
        else:
            temporary.write_bytes(tf.io.encode_jpeg(pixels, quality=92).numpy())


def _pillow(pixels):
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "a .webp file needs pillow: pip install keras_inception[visualize], or write a .png"
        ) from error
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
