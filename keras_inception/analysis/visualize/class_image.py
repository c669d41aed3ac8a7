"""Pictures that a class likes best (Simonyan et al. 2013, arXiv 1312.6034), coarse to fine."""

import numpy as np
import tensorflow as tf

from keras_inception.analysis.visualize.ascent import check_settings, normalized, roughness
from keras_inception.analysis.visualize.grad_cam import checked_class
from keras_inception.analysis.visualize.head import class_output, logits
from keras_inception.analysis.visualize.network import Network
from keras_inception.analysis.visualize.pictures import seen_size, to_pixels

SCALE = 1.6  # between one size and the next, our choice
_START = 0.05  # deviation of the noise at the start, in [-1, 1]


def class_image(
    model,
    class_index,
    *,
    size=None,
    steps=64,
    scales=3,
    rate=0.05,
    smoothing=0.5,
    jitter=0.08,
    seed=0,
):
    """Makes a picture that raises a class's logit, from noise, by gradient ascent.

    It is drawn on coarse canvases first, each enlarged to the network's size, so that large forms
    come before fine ones. Each step looks at the picture moved by a random way (jitter), and gives
    up some of the logit for smoothness (total variation): without both the result is noise.

    Args:
        model: a functional model with a classifier, which takes pictures in [-1, 1].
        class_index: number of the class.
        size: side of the picture; by default the network's own, or 224 where it takes any.
        steps: of each scale.
        scales: how many sizes of the canvas.
        rate: length of a step, root mean square, in [-1, 1].
        smoothing: weight of the roughness beside the logit, both gradients of length one.
        jitter: largest way, as a share of the side.
        seed: of the noise and the jitter; the same seed gives the same picture.

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
    class_index = checked_class(class_index, output.shape[1], model.name)
    check_settings(
        steps=(steps, 1, True),
        scales=(scales, 1, True),
        rate=(rate, 0),
        smoothing=(smoothing, 0),
        jitter=(jitter, 0),
    )
    size = seen_size(network, [output], size=size)

    random = np.random.default_rng(seed)
    gradient = _gradient_function(network, output, class_index, size, smoothing)
    canvas = start_picture(random, canvas_sizes(size, scales)[0], network.input.shape[-1])
    for canvas_size in canvas_sizes(size, scales):
        canvas = tf.image.resize(canvas, canvas_size, method="bicubic")
        farthest = [int(jitter * side) for side in size]
        for _ in range(steps):
            shift = [int(random.integers(-most, most + 1)) for most in farthest]
            canvas = canvas + rate * gradient(canvas, tf.constant(shift))
            canvas = tf.clip_by_value(canvas, -1.0, 1.0)
    return to_pixels(canvas)[0]


def canvas_sizes(size, scales):
    """The sizes (rows, columns) of the canvas, coarse to fine."""
    return [tuple(max(4, round(side / SCALE**i)) for side in size) for i in reversed(range(scales))]


def start_picture(random, size, channels):
    """Faint noise around grey, a batch of one."""
    return tf.constant(_START * random.standard_normal((1, *size, channels)), tf.float32)


def _gradient_function(network, output, class_index, size, smoothing):
    """A function of a canvas and a shift to the direction in which the canvas gets better."""
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
