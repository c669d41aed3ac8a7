"""Activation maximization: the picture that a class likes best, made from noise.

The method is that of Simonyan et al. 2013 (arXiv 1312.6034), on canvases from coarse to fine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_inception.analysis.visualize.ascent import check_settings, normalized, roughness
from keras_inception.analysis.visualize.class_activation import checked_class
from keras_inception.analysis.visualize.head import class_output, logits
from keras_inception.analysis.visualize.network import Network
from keras_inception.analysis.visualize.pictures import seen_size, to_pixels
from keras_inception.renamed import replaced_arguments

SCALE = 1.6  # ratio of one canvas's side to the next one's, our choice
_START = 0.05  # standard deviation of the noise at the start, in [-1, 1]


@dataclasses.dataclass(frozen=True)
class ClassAscent:
    """How `class_image` changes its picture in each step.

    Attributes:
        rate: root mean square of a step; pixels are in [-1, 1].
        smoothing: weight of smoothness beside the logit. Both gradients are scaled to the same
            length first; 0 leaves smoothness out.
        jitter: largest random shift, as a share of the picture's side.

    Raises:
        ValueError: a value is negative.
    """

    rate: float = 0.05
    smoothing: float = 0.5
    jitter: float = 0.08

    def __post_init__(self):
        check_settings(**{name: (value, 0) for name, value in vars(self).items()})


def _grouped(arguments, given):
    arguments["ascent"] = dataclasses.replace(arguments.get("ascent", ClassAscent()), **given)


@replaced_arguments(
    ("rate", "smoothing", "jitter"), "class_image(ascent=ClassAscent(...))", _grouped
)
def class_image(
    model: keras.Model,
    class_index: int,
    *,
    size: int | None = None,
    steps: int = 64,
    scales: int = 3,
    ascent: ClassAscent = ClassAscent(),
    seed: int = 0,
) -> np.ndarray:
    """Makes a picture that raises a class's logit, from noise, by gradient ascent.

    The picture is drawn on a coarse canvas first, then on finer ones, each enlarged to the
    network's size: large forms come before fine ones. Each step shifts the picture at random
    and gives up some of the logit for smoothness (total variation). Without both the result is
    noise.

    Args:
        model: a functional model with a classifier, for pictures in [-1, 1].
        class_index: number of the class.
        size: side of the picture in pixels. The default is the network's own size, or 224 if it
            takes any.
        steps: steps on each canvas.
        scales: number of canvases.
        ascent: length, smoothness and shift of a step.
        seed: seed of the noise and the shifts; the same seed gives the same picture.

    Returns:
        uint8 (height, width, channels).

    Raises:
        ValueError: the model has no classifier, there is no such class, or a setting is out of
            range.
    """
    network = Network(model)
    output = class_output(network)
    if class_index is None:
        raise ValueError(f"class_index is needed: 0 to {output.shape[1] - 1} for {model.name}")
    chosen = checked_class(class_index, output.shape[1], model.name)
    check_settings(steps=(steps, 1, True), scales=(scales, 1, True))
    sides = seen_size(network, [output], size=size)

    random = np.random.default_rng(seed)
    gradient = _gradient_function(network, output, chosen, sides, ascent.smoothing)
    sizes = canvas_sizes(sides, scales)
    canvas = start_picture(random, sizes[0], network.input.shape[-1])
    for canvas_size in sizes:
        canvas = tf.image.resize(canvas, canvas_size, method="bicubic")
        farthest = [int(ascent.jitter * side) for side in sides]
        for _ in range(steps):
            shift = [int(random.integers(-most, most + 1)) for most in farthest]
            canvas = canvas + ascent.rate * gradient(canvas, tf.constant(shift))
            canvas = tf.clip_by_value(canvas, -1.0, 1.0)
    return to_pixels(canvas)[0]


def canvas_sizes(size: Sequence[int], scales: int) -> list[tuple[int, ...]]:
    """Returns the sizes (rows, columns) of the canvases, coarse to fine."""
    return [tuple(max(4, round(side / SCALE**i)) for side in size) for i in reversed(range(scales))]


def start_picture(random: np.random.Generator, size: Sequence[int], channels: int) -> tf.Tensor:
    """Makes faint noise around grey, float32 (1, rows, columns, channels)."""
    return tf.constant(_START * random.standard_normal((1, *size, channels)), tf.float32)


def _gradient_function(network, output, class_index, size, smoothing):
    """Makes a function of a canvas and a shift, which returns the direction to go."""
    before, to_logits = logits(network, output)

    canvases = tf.TensorSpec((1, None, None, network.input.shape[-1]))

    @tf.function(input_signature=[canvases, tf.TensorSpec((2,), tf.int32)])
    def gradient(canvas, shift):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(canvas)
            images = tf.roll(tf.image.resize(canvas, size), shift, axis=(1, 2))
            (x,) = network.run([before], images)
            score = tf.cast(to_logits(x)[0, class_index], tf.float32)
            rough = roughness(canvas)
        upwards = normalized(tape.gradient(score, canvas))
        return upwards - smoothing * normalized(tape.gradient(rough, canvas))

    return gradient
