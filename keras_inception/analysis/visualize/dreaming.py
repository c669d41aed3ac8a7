"""DeepDream (Mordvintsev et al. 2015): draws into a picture what a network finds in it.

The network dreams at several sizes, called octaves, from small to large. What a smaller octave
added is enlarged and laid on the next one. A large picture goes through the network in tiles. They
are shifted at random before each step, so that no seam stays in place.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from keras_inception.analysis.visualize.ascent import check_settings, normalized
from keras_inception.analysis.visualize.network import Network
from keras_inception.analysis.visualize.pictures import checked_picture, network_input, to_pixels
from keras_inception.renamed import replaced_arguments


@dataclasses.dataclass(frozen=True)
class DreamAscent:
    """How `deep_dream` changes its picture from step to step, and from octave to octave.

    Attributes:
        rate: root mean square of a step; pixels are in [-1, 1].
        jitter: largest random shift in pixels. A picture in tiles is shifted by at least half a
            tile.
        octave_scale: ratio of one octave's side to that of the next smaller one.

    Raises:
        ValueError: `rate` or `jitter` is negative, `octave_scale` is below 1.01, or `jitter` is
            not a whole number.
    """

    rate: float = 0.03
    jitter: int = 32
    octave_scale: float = 1.4

    def __post_init__(self):
        check_settings(
            rate=(self.rate, 0),
            jitter=(self.jitter, 0, True),
            octave_scale=(self.octave_scale, 1.01),
        )


def _grouped(arguments, given):
    arguments["ascent"] = dataclasses.replace(arguments.get("ascent", DreamAscent()), **given)


@replaced_arguments(
    ("rate", "jitter", "octave_scale"), "deep_dream(ascent=DreamAscent(...))", _grouped
)
def deep_dream(
    model: keras.Model,
    image: ArrayLike,
    end_points: str | Iterable[str] | Mapping[str, float],
    *,
    octaves: int = 4,
    steps: int = 10,
    ascent: DreamAscent = DreamAscent(),
    tile: int = 512,
    seed: int = 0,
) -> np.ndarray:
    """Changes a picture so that chosen grids of a network respond more strongly to it.

    Args:
        model: a functional model for pictures in [-1, 1]. It may have been built for one size, and
            it needs no classifier.
        image: (height, width, channels), pixels in [0, 255], of any size.
        end_points: name of an end point, several names, or `{name: weight}`. The weighted sum of
            the grids' mean squares is raised. Early end points give textures, late ones parts of
            things; a negative weight weakens what is there.
        octaves: number of sizes; those too small for the network are left out.
        steps: steps at each octave.
        ascent: length and shift of a step, and the ratio between octaves.
        tile: largest side in pixels that goes through the network at a time; it bounds the memory.
        seed: seed of the shifts; the same seed gives the same picture.

    Returns:
        uint8, of the shape of `image`.

    Raises:
        ValueError: there is no such end point, `image` has the wrong shape or values or is too
            small, or a setting is out of range.
    """
    network = Network(model)
    weights = _weights(end_points)
    grids = [network.grid(name) for name in weights]
    check_settings(octaves=(octaves, 1, True), steps=(steps, 1, True), tile=(tile, 1, True))
    pixels = checked_picture(image, network.input.shape[-1])
    original = network_input(pixels)
    sizes = _octave_sizes(network, grids, pixels.shape[:2], octaves, ascent.octave_scale)
    for rows, columns in sizes:  # the smallest tile of each
        smallest = min(np.diff(_edges(rows, tile))), min(np.diff(_edges(columns, tile)))
        network.check_takes([*grids], smallest)

    gradient = gradient_function(network, grids, list(weights.values()))
    random = np.random.default_rng(seed)
    detail = tf.zeros_like(original[:, :1, :1])
    for size in sizes:
        base = tf.image.resize(original, size, antialias=True)
        dream = base + tf.image.resize(detail, size)
        jitter = ascent.jitter
        farthest = [max(jitter, tile // 2) if side > tile else jitter for side in size]
        for _ in range(steps):
            shift = [int(random.integers(-most, most + 1)) for most in farthest]
            dream = dream + ascent.rate * tiled_gradient(gradient, dream, shift, tile)
            dream = tf.clip_by_value(dream, -1.0, 1.0)
        detail = dream - base
    return to_pixels(dream)[0]


def gradient_function(network: Network, grids: Sequence, weights: Sequence[float]) -> Callable:
    """Makes a function that returns the score of images and the score's gradient.

    The score is the weighted sum of the mean squares of the grids.
    """
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


def tiled_gradient(
    gradient: Callable, images: tf.Tensor, shift: Sequence[int], tile: int
) -> tf.Tensor:
    """Returns the direction to go, of root mean square one, computed tile by tile.

    Args:
        gradient: made by `gradient_function`.
        images: (1, rows, columns, channels).
        shift: (rows, columns) by which the images are moved under the tiles.
        tile: largest side of a tile in pixels.
    """
    moved = tf.roll(images, shift, axis=(1, 2))
    rows, columns = (_edges(side, tile) for side in images.shape[1:3])
    found = [
        tf.concat(
            [
                # A tile's mean is over its own pixels, so its weight is their number.
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
    """Returns the edges of the tiles along a side: as few tiles as possible, of equal size."""
    count = -(-side // tile)
    return [side * i // count for i in range(count + 1)]


def _octave_sizes(network, grids, size, octaves, scale):
    """Returns the sizes (rows, columns) from small to large; the last is the picture's own."""
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
    """Returns `{name: weight}` of a name, several names, or `{name: weight}`."""
    if isinstance(end_points, str):
        end_points = [end_points]
    weights = end_points if isinstance(end_points, Mapping) else dict.fromkeys(end_points, 1.0)
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or weight == 0:
            raise ValueError(f"the weight of {name} must be a number other than 0, got {weight!r}")
        if not np.isfinite(weight):
            raise ValueError(f"the weight of {name} must be finite, got {weight!r}")
    if not weights:
        raise ValueError("end_points is empty; give a name, several names, or {name: weight}")
    return dict(weights)
