"""What gradient ascent on pictures shares: the step, and how rough a picture is."""

import tensorflow as tf

_SMALL = 1e-30  # where nothing depends on the picture


def normalized(gradient):
    """A gradient of root mean square one, so that a step is as long in every layer and network."""
    return gradient / tf.maximum(tf.sqrt(tf.reduce_mean(tf.square(gradient))), _SMALL)


def roughness(images):
    """The mean square difference of neighbours, a smooth form of total variation."""
    down = images[:, 1:] - images[:, :-1]
    right = images[:, :, 1:] - images[:, :, :-1]
    return tf.reduce_mean(tf.square(down)) + tf.reduce_mean(tf.square(right))


def check_settings(**settings):
    """Raises ValueError where one of some numbers is below what it must be.

    Args:
        settings: name to (value, least), or (value, least, True) for whole numbers.
    """
    for name, (value, least, *whole) in settings.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not least <= value < float("inf") or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            raise ValueError(f"{name} must be {kind} of at least {least}, got {value!r}")
