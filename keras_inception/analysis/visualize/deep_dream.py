"""DeepDream (Mordvintsev et al. 2015): a picture in which a network's grids see more than there is.

The picture is dreamt at several sizes, octaves, from small to large; what a smaller one added is
enlarged and laid on the next. Large pictures go through the network in tiles, moved at random
before each step so that no seam stays in place.
"""

import itertools
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_inception.analysis.visualize.ascent import check_settings, normalized
from keras_inception.analysis.visualize.network import Network
from keras_inception.analysis.visualize.pictures import checked_picture, network_input, to_pixels


def deep_dream(
    model,
    image,
    end_points,
    *,
    octaves=4,
    octave_scale=1.4,
    steps=10,
    rate=0.03,
    tile=512,
    jitter=32,
    seed=0,
):
    """Changes a picture so that the grids of a network answer more strongly to it.

    Args:
        model: a functional model that takes pictures in [-1, 1]; also one that was built for a
            fixed size, and one without a classifier.
        image: (height, width, channels), pixels in [0, 255], of any size.
        end_points: name of an end point, several names, or `{name: weight}`; the mean squares of
            their grids are what is raised, times the weights. Early ones give textures, late ones
            parts of things; a negative weight calms.
        octaves: how many sizes; those too small for the network are left out.
        octave_scale: from one size to the next.
        steps: of each octave.
        rate: length of a step, root mean square, in [-1, 1].
        tile: largest side that goes through the network at a time, in pixels; bounds the memory.
        jitter: largest random way of a step, in pixels. With tiles it is at least half a tile.
        seed: of the ways; the same seed gives the same picture.

    Returns:
        uint8, of the shape of `image`.

    Raises:
        ValueError: there is no such end point, `image` is no such picture or too small, or a
            setting is out of range.
    """
    network = Network(model)
    weights = _weights(end_points)
    grids = [network.grid(name) for name in weights]
    check_settings(
        octaves=(octaves, 1, True),
        octave_scale=(octave_scale, 1.01),
        steps=(steps, 1, True),
        rate=(rate, 0),
        tile=(tile, 1, True),
        jitter=(jitter, 0, True),
    )
    pixels = checked_picture(image, network.input.shape[-1])
    original = network_input(pixels)
    sizes = _octave_sizes(network, grids, pixels.shape[:2], octaves, octave_scale)
    for size in sizes:  # the smallest tile of each
        network.check_takes([*grids], [min(np.diff(_edges(side, tile))) for side in size])

    gradient = gradient_function(network, grids, list(weights.values()))
    random = np.random.default_rng(seed)
    detail = tf.zeros_like(original[:, :1, :1])
    for size in sizes:
        base = tf.image.resize(original, size, antialias=True)
        dream = base + tf.image.resize(detail, size)
        for _ in range(steps):
            most = [max(jitter, tile // 2) if side > tile else jitter for side in size]
            shift = [int(random.integers(-way, way + 1)) for way in most]
            dream = dream + rate * tiled_gradient(gradient, dream, shift, tile)
            dream = tf.clip_by_value(dream, -1.0, 1.0)
        detail = dream - base
    return to_pixels(dream)[0]


def gradient_function(network, grids, weights):
    """A function of images to the weighted mean squares of their grids, and its gradient."""
    channels = network.input.shape[-1]

    @tf.function(input_signature=[tf.TensorSpec((1, None, None, channels))])
    def gradient(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            values = network.run(grids, images)
            squares = [tf.reduce_mean(tf.square(tf.cast(value, tf.float32))) for value in values]
            score = tf.add_n([weight * square for weight, square in zip(weights, squares)])
        return score, tape.gradient(score, images)

    return gradient


def tiled_gradient(gradient, images, shift, tile):
    """The direction to go, of root mean square one, of images moved by `shift` in tiles."""
    moved = tf.roll(images, shift, axis=(1, 2))
    rows, columns = (_edges(side, tile) for side in images.shape[1:3])
    found = [
        tf.concat(
            [
                # A tile's mean is over its own pixels: its share of the whole is their number.
                (bottom - top) * (right - left) * gradient(moved[:, top:bottom, left:right])[1]
                for left, right in itertools.pairwise(columns)
            ],
            axis=2,
        )
        for top, bottom in itertools.pairwise(rows)
    ]
    area = images.shape[1] * images.shape[2]
    whole = tf.concat(found, axis=1) / area
    return normalized(tf.roll(whole, [-way for way in shift], axis=(1, 2)))


def _edges(side, tile):
    """Where the tiles of a side begin and end: as few as can be, equal but for a pixel."""
    count = -(-side // tile)
    return [side * i // count for i in range(count + 1)]


def _octave_sizes(network, grids, size, octaves, scale):
    """The sizes (rows, columns) from small to large, the picture's last."""
    network.check_takes(grids, size)
    sizes = [tuple(size)]
    for i in range(1, octaves):
        smaller = tuple(max(1, round(side / scale**i)) for side in size)
        try:
            network.check_takes(grids, smaller)
        except ValueError:
            break
        sizes.append(smaller)
    return sizes[::-1]


def _weights(end_points):
    """`{name: weight}` of a name, names, or that already."""
    if isinstance(end_points, str):
        end_points = [end_points]
    weights = end_points if isinstance(end_points, Mapping) else dict.fromkeys(end_points, 1.0)
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or weight == 0:
            raise ValueError(f"the weight of {name} must be a number other than 0, got {weight!r}")
        if not np.isfinite(weight):
            raise ValueError(f"the weight of {name} must be finite, got {weight!r}")
    if not weights:
        raise ValueError("end_points is empty; give a name, several, or {name: weight}")
    return dict(weights)
