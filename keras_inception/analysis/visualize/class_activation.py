"""Grad-CAM (Selvaraju et al. 2016, arXiv 1610.02391): where a network looks for a class."""

from __future__ import annotations

import operator

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from keras_inception.analysis.visualize.head import class_output, last_grid, logits
from keras_inception.analysis.visualize.network import Network
from keras_inception.analysis.visualize.pictures import (
    checked_picture,
    heat_colors,
    network_input,
    seen_size,
)


def grad_cam(
    model: keras.Model,
    image: ArrayLike,
    class_index: int | None = None,
    layer: str | None = None,
    size: int | None = None,
) -> np.ndarray:
    """Returns a heat map of the parts of a picture that support a class.

    The channels of the last feature map are weighted by the mean gradient of the class's logit and
    summed. Negative sums support other classes and are cut off (1610.02391, equations 1 and 2).
    The gradient is that of the logit before the softmax: a softmax that is sure has almost none.

    Args:
        model: a functional model with a classifier, for pictures in [-1, 1]. Auxiliary outputs are
            ignored.
        image: (height, width, channels), pixels in [0, 255], of any size. A model of a fixed size
            sees it squashed to that size by default.
        class_index: number of the class; the default is the likeliest one.
        layer: name of the feature map; the default is the last one before the global pooling.
        size: shorter side in pixels at which the network sees the picture, its proportions kept.
            A size above the network's own gives a finer map, of smaller parts.

    Returns:
        float32 (height, width) in [0, 1]: 1 at the place that speaks most for the class. All zeros
        if nothing does.

    Raises:
        ValueError: the model has no classifier, there is no such class or layer, or `image` has the
            wrong shape or values.
    """
    network = Network(model)
    output = class_output(network)
    grid = last_grid(network, output) if layer is None else network.grid(layer)
    before, to_logits = logits(network, output)
    if grid not in {value for step in network.needed([before]) for value in step.outputs}:
        raise ValueError(f"the classes of {model.name} are not computed from {layer}")
    pixels = checked_picture(image, network.input.shape[-1])
    seen = seen_size(network, [output], pixels.shape[:2], size)
    class_index = checked_class(class_index, output.shape[1], model.name)

    images = network_input(pixels, seen)
    with tf.GradientTape() as tape:
        tape.watch(images)  # weights may all be frozen
        features, x = network.run([grid, before], images)
        scores = to_logits(x)
        chosen = int(tf.argmax(scores[0])) if class_index is None else class_index
        score = scores[0, chosen]
    gradient = tape.gradient(score, features)
    features, gradient = tf.cast(features, tf.float32), tf.cast(gradient, tf.float32)
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(weights * features, axis=-1, keepdims=True))
    heat = tf.image.resize(heat, pixels.shape[:2])[0, :, :, 0].numpy()
    return heat / heat.max() if heat.max() > 0 else heat


def overlay(image: ArrayLike, heat: ArrayLike, strength: float = 0.55) -> np.ndarray:
    """Lays a heat map over its picture.

    Args:
        image: (height, width, 3), pixels in [0, 255].
        heat: (height, width) in [0, 1], as `grad_cam` returns it.
        strength: share of the colours in [0, 1]; 0 is the picture alone.

    Returns:
        uint8 (height, width, 3).

    Raises:
        ValueError: `heat` has another size than `image`, or a value is out of range.
    """
    pixels, heat = checked_picture(image, 3), np.asarray(heat, "float32")
    if heat.shape != pixels.shape[:2]:
        raise ValueError(f"a heat map {heat.shape} does not fit a picture {pixels.shape}")
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be in [0, 1], got {strength!r}")
    mixed = (1 - strength) * pixels + strength * heat_colors(heat)
    return np.round(mixed).astype("uint8")


def checked_class(class_index: int | None, classes: int, name: str) -> int | None:
    """Returns a class's number as an int, or `None` for `None`.

    Raises:
        ValueError: the model called `name` has no class of that number among its `classes`.
    """
    if class_index is None:
        return None
    try:
        number = operator.index(class_index)
    except TypeError:
        number = -1
    if isinstance(class_index, bool) or not 0 <= number < classes:
        raise ValueError(
            f"class {class_index!r}: the classes of {name} have the numbers 0 to {classes - 1}"
        )
    return number
