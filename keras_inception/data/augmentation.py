"""The training view: Inception crop, flip, colour distortion.

The crop is GoogLeNet's (arXiv 1409.4842, section 6): 8 to 100 % of the area, aspect ratio 3/4 to
4/3. The distortions (after A. G. Howard, 2013) and their orders were published with TF-Slim
(`preprocessing/inception_preprocessing.py`, `distort_color`, with its `fast_mode`).

All operations are stateless: equal seeds give equal views on any number of cores.
"""

from __future__ import annotations

import tensorflow as tf

from keras_inception.data import exif
from keras_inception.data.preprocessing import (
    JPEG_DCT,
    decode_image,
    resize_bilinear,
    scale_pixels,
)
from keras_inception.renamed import renamed_arguments

ASPECT_RATIOS = (3 / 4, 4 / 3)  # width / height; 1409.4842, section 6
MIN_AREA = 0.08  # fraction of the picture; 1409.4842, section 6 (TF-Slim uses 0.05)

# The ranges that each distortion draws from, for pixels in [0, 255]; TF-Slim.
BRIGHTNESS_DELTA = 32.0  # added or subtracted
SATURATION_FACTORS = (0.5, 1.5)
HUE_DELTA = 0.2  # fraction of the colour circle, in either direction
CONTRAST_FACTORS = (0.5, 1.5)

COLOR_ORDERS = {  # for each picture one of these orders is drawn; TF-Slim
    "none": ((),),
    "fast": (("brightness", "saturation"), ("saturation", "brightness")),
    "full": (
        ("brightness", "saturation", "hue", "contrast"),
        ("saturation", "brightness", "contrast", "hue"),
        ("contrast", "hue", "brightness", "saturation"),
        ("hue", "saturation", "contrast", "brightness"),
    ),
}
_DISTORTIONS = {
    "brightness": lambda x, seed: tf.image.stateless_random_brightness(x, BRIGHTNESS_DELTA, seed),
    "saturation": lambda x, seed: tf.image.stateless_random_saturation(
        x, *SATURATION_FACTORS, seed
    ),
    "hue": lambda x, seed: tf.image.stateless_random_hue(x, HUE_DELTA, seed),
    "contrast": lambda x, seed: tf.image.stateless_random_contrast(x, *CONTRAST_FACTORS, seed),
}


@renamed_arguments(image_bytes="encoded")
def training_view(
    encoded: tf.Tensor,
    size: int,
    seed: tf.Tensor,
    color: str = "fast",
    min_area: float = MIN_AREA,
) -> tf.Tensor:
    """Returns a randomly cropped, flipped and recoloured view of an encoded picture.

    Args:
        encoded: scalar string, the bytes of the picture. Only the crop of an upright JPEG is
            decoded. (The colours of the crop's first and last column are then smoothed without
            their outer neighbours.)
        size: side of the result, in pixels.
        seed: int32 or int64 (2,).
        color: "none", "fast" (brightness and saturation) or "full" (hue and contrast as well).
        min_area: smallest area of the crop, as a fraction of the picture's area.

    Returns:
        float32 (size, size, 3) in [-1, 1].
    """
    crop_seed, flip_seed, color_seed = tf.unstack(tf.random.split(seed, 3))
    image = tf.cond(
        tf.io.is_jpeg(encoded) & (exif.orientation(encoded) == exif.UPRIGHT),
        lambda: _decode_crop_of_jpeg(encoded, crop_seed, min_area),
        lambda: _decode_then_crop(encoded, crop_seed, min_area),
    )
    # Flipping comes before resizing, while a value takes only one byte.
    image = tf.image.stateless_random_flip_left_right(image, flip_seed)
    image = resize_bilinear(image, size)
    if color != "none":
        image = distort_color(image, color_seed, color)
    return scale_pixels(image)


def random_box(
    height: tf.Tensor, width: tf.Tensor, seed: tf.Tensor, min_area: float = MIN_AREA
) -> tf.Tensor:
    """Draws a random crop of a picture.

    Area and aspect ratio are those of the module's docstring, apart from rounding to whole pixels.
    If 100 draws do not fit (a panorama with a large `min_area`), the crop is the whole picture.

    Args:
        height, width: of the picture, in pixels; int32 scalars.
        seed: int32 or int64 (2,).
        min_area: smallest area of the crop, as a fraction of the picture's area.

    Returns:
        int32 (4,): top, left, height, width, in pixels.

    Raises:
        ValueError: `min_area` is out of its range.
    """
    check_min_area(min_area)
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.stack([height, width, 3]),
        bounding_boxes=tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        seed=seed,
        min_object_covered=0.0,  # the "object" is the whole picture, so only min_area decides
        aspect_ratio_range=ASPECT_RATIOS,
        area_range=(min_area, 1.0),
        max_attempts=100,
    )
    return tf.concat([begin[:2], extent[:2]], axis=0)


def distort_color(image: tf.Tensor, seed: tf.Tensor, color: str) -> tf.Tensor:
    """Distorts the colours of a picture.

    Args:
        image: float32 (height, width, 3) in [0, 255].
        seed: int32 or int64 (2,).
        color: a key of `COLOR_ORDERS`.

    Returns:
        float32 (height, width, 3), clipped to [0, 255].

    Raises:
        ValueError: `color` is unknown.
    """
    check_color(color)
    orders = COLOR_ORDERS[color]
    order_seed, *seeds = tf.unstack(tf.random.split(seed, 1 + len(_DISTORTIONS)))
    seed_of = dict(zip(_DISTORTIONS, seeds, strict=True))

    def apply(order):
        distorted = image
        for name in order:
            distorted = _DISTORTIONS[name](distorted, seed_of[name])
        # This is one operation; `tf.clip_by_value` takes two.
        return tf.raw_ops.ClipByValue(t=distorted, clip_value_min=0.0, clip_value_max=255.0)

    drawn = tf.random.stateless_uniform((), order_seed, maxval=len(orders), dtype=tf.int32)
    return tf.switch_case(drawn, [lambda order=order: apply(order) for order in orders])


def check_color(color: str) -> None:
    """Raises ValueError if `color` is not a key of `COLOR_ORDERS`."""
    if color not in COLOR_ORDERS:
        raise ValueError(f"Unknown color {color!r}; choose from {', '.join(COLOR_ORDERS)}.")


def check_min_area(min_area: float) -> None:
    """Raises ValueError if `min_area` is out of its range."""
    if not 0.0 < min_area <= 1.0:
        raise ValueError(f"min_area must be in (0, 1], not {min_area}.")


def _decode_crop_of_jpeg(encoded, seed, min_area):
    height, width, _ = tf.unstack(tf.io.extract_jpeg_shape(encoded))
    box = random_box(height, width, seed, min_area)
    return tf.io.decode_and_crop_jpeg(encoded, box, channels=3, dct_method=JPEG_DCT)


def _decode_then_crop(encoded, seed, min_area):
    image = decode_image(encoded)
    shape = tf.shape(image)
    top, left, height, width = tf.unstack(random_box(shape[0], shape[1], seed, min_area))
    return image[top : top + height, left : left + width]
