"""Pictures in and out: checked, scaled for a network, tiled, coloured, written to files."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from keras_inception.analysis.visualize.ascent import check_settings
from keras_inception.analysis.visualize.network import Network, Value
from keras_inception.data.preprocessing import scale_pixels
from keras_inception.files import replacing
from keras_inception.types import PathLike

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
# Our choice for heat maps, from cold to hot: dark to light, so that it can be read in grey too.
_HEAT = np.array(
    [[28, 16, 68], [79, 18, 123], [181, 54, 122], [251, 135, 97], [252, 253, 191]], "float32"
)
_GROUND = 255  # white between tiles
_FALLBACK = 224  # side in pixels for a network of any size, if there is no picture


def checked_picture(image: ArrayLike, channels: int) -> np.ndarray:
    """Returns the picture as float32 (height, width, channels), its pixels in [0, 255].

    Raises:
        ValueError: the shape is another, or a pixel is not a number or is out of range.
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
        raise ValueError("the picture has pixels that are not finite numbers")
    if pixels.min() < 0 or pixels.max() > 255:
        raise ValueError(
            f"pixels must be in [0, 255], got [{pixels.min():g}, {pixels.max():g}]; give the "
            "picture as it was before any scaling for a network"
        )
    return pixels


def network_input(pixels: np.ndarray, size: Sequence[int] | None = None) -> tf.Tensor:
    """Makes a batch of one picture in [-1, 1], resized to `size` (rows, columns) if given."""
    images = scale_pixels(pixels)[tf.newaxis]
    if size is None or tuple(size) == pixels.shape[:2]:
        return images
    return tf.image.resize(images, size, antialias=True)


def seen_size(
    network: Network,
    wanted: Sequence[Value],
    own: Sequence[int] | None = None,
    size: int | None = None,
) -> tuple[int, int]:
    """Returns the (rows, columns) at which a network sees a picture, once they are checked.

    Args:
        network: a `Network`.
        wanted: the `Value`s to compute.
        own: (rows, columns) of the picture, if there is one.
        size: shorter side in pixels, the picture's proportions kept. The default is the network's
            own size. For a network of any size it is the picture's, or 224 without a picture.

    Raises:
        ValueError: the network cannot take that size.
    """
    check_settings(size=(1 if size is None else size, 1, True))
    native = network.model.inputs[0].shape[1:3]
    native = None if None in native else tuple(native)
    if size is None:
        rows, columns = native or own or (_FALLBACK,) * 2
    else:
        shorter = min(own or (1, 1))
        rows, columns = (round(side * size / shorter) for side in own or (1, 1))
    seen = (rows, columns)
    if native not in (None, seen):
        for step in network.needed(wanted):
            if isinstance(step.operation, (keras.layers.Flatten, keras.layers.Reshape)):
                raise ValueError(
                    f"{network.model.name} has a dense layer on its grid ({step.name}): it takes "
                    f"pictures of {native[0]} x {native[1]} only, not {seen[0]} x {seen[1]}"
                )
    network.check_takes(wanted, seen)
    return seen


def to_pixels(images: ArrayLike) -> np.ndarray:
    """Converts pictures in [-1, 1] to uint8."""
    return np.clip(np.round((np.asarray(images) + 1) * 127.5), 0, 255).astype("uint8")


def tiled(tiles: ArrayLike, gap: int = 1, columns: int | None = None, scale: int = 1) -> np.ndarray:
    """Joins tiles into one picture, in reading order.

    Args:
        tiles: uint8 (count, rows, columns) or (count, rows, columns, channels).
        gap: white pixels between tiles.
        columns: tiles in a row; the default makes the picture about square.
        scale: side in pixels of each pixel of a tile.

    Returns:
        uint8 (height, width) or (height, width, channels).
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


def heat_colors(values: ArrayLike) -> np.ndarray:
    """Returns colours, float32 (..., 3) in [0, 255], for values in [0, 1]."""
    place = np.clip(np.asarray(values, "float32"), 0, 1) * (len(_HEAT) - 1)
    below = np.minimum(place.astype(int), len(_HEAT) - 2)
    share = (place - below)[..., np.newaxis]
    return _HEAT[below] * (1 - share) + _HEAT[below + 1] * share


def check_suffix(path: PathLike) -> None:
    """Raises ValueError if the name of a picture's file has a suffix that cannot be written."""
    if pathlib.Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: a picture's file must end in {', '.join(SUFFIXES)}")


def write_picture(picture: ArrayLike, path: PathLike) -> None:
    """Writes a picture as PNG, JPEG or WebP; an older file stays until the new one is complete.

    Args:
        picture: uint8 (height, width) or (height, width, 3).
        path: file that ends in `.png`, `.jpg`, `.jpeg` or `.webp`, which needs pillow.

    Raises:
        ValueError: the file has another suffix.
        ImportError: a `.webp` file without pillow.
    """
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
