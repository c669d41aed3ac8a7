"""Gradient ascent on pictures: what `class_image` and `deep_dream` share."""

from __future__ import annotations

import tensorflow as tf

_SMALL = 1e-30  # keeps a gradient of zeros from becoming NaN


def normalized(gradient: tf.Tensor) -> tf.Tensor:
    """Scales a gradient to a root mean square of one.

    A step then has the same length for every layer and every network.
    """
    return gradient / tf.maximum(tf.sqrt(tf.reduce_mean(tf.square(gradient))), _SMALL)


def roughness(images: tf.Tensor) -> tf.Tensor:
    """Returns the mean square difference of neighbouring pixels, a smooth total variation."""
    down = images[:, 1:] - images[:, :-1]
    right = images[:, :, 1:] - images[:, :, :-1]
    return tf.reduce_mean(tf.square(down)) + tf.reduce_mean(tf.square(right))


def check_settings(**settings: tuple) -> None:
    """Raises ValueError for the first setting that is not a number or is too small.

    Args:
        settings: name to (value, least), or to (value, least, True) for a whole number.
    """
    for name, (value, least, *whole) in settings.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not least <= value < float("inf") or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            raise ValueError(f"{name} must be {kind} of at least {least}, got {value!r}")
