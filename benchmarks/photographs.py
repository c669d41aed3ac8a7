"""Encoded photographs of one size, from which the benchmarks make their data sets."""

import tensorflow as tf

from keras_inception.data.photo_patches import PHOTOGRAPHS, read_photograph

SHAPE = (375, 500)  # rows and columns, as most of ImageNet's pictures have


def encoded(names=tuple(PHOTOGRAPHS)):
    """Returns photographs of scikit-image's wheel, resized to `SHAPE`, as JPEGs."""
    return [_jpeg(name) for name in names]


def _jpeg(name):
    resized = tf.image.resize(read_photograph(name), SHAPE, antialias=True)
    pixels = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
    return tf.io.encode_jpeg(pixels, quality=95).numpy()
