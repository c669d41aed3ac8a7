"""The smoothed target, and its loss by how far the right logit is ahead."""

import keras
import numpy as np
import plots

from keras_inception.training.losses import SmoothedCrossentropy

CLASSES = 1000
COLORS = {0.0: plots.ORANGE, 0.1: plots.BLUE, 0.2: plots.GREEN}


def losses(epsilon, gaps):
    """Returns the loss for each gap between the right logit and the others, which are equal."""
    logits = np.zeros((len(gaps), CLASSES), "float32")
    logits[:, 0] = gaps
    loss = SmoothedCrossentropy(epsilon, reduction=None)
    return np.array(loss(np.zeros(len(gaps)), keras.ops.softmax(logits)))


def draw(path):
    """Writes the plot as SVG."""
    figure, target, curve = plots.axes(2)
    classes, epsilon = np.arange(10), 0.1
    target.bar(classes - 0.2, classes == 3, 0.38, color=COLORS[0.0], label="one-hot")
    smoothed = (classes == 3) * (1 - epsilon) + epsilon / len(classes)
    target.bar(classes + 0.2, smoothed, 0.38, color=COLORS[epsilon], label="smoothed by 0.1")
    target.set_xticks(classes)
    plots.label(target, "class", "target", "target for class 3 of 10")
    plots.legend(target, loc="upper right")
    gaps = np.linspace(0, 15, 301)
    for epsilon, color in COLORS.items():
        values = losses(epsilon, gaps)
        best = values.argmin()
        curve.plot(gaps, values, color=color, label=f"smoothing {epsilon}")
        if epsilon:
            curve.plot(gaps[best], values[best], "o", color=color)
    plots.label(curve, "right logit less the others", "loss (nats)", "loss, 1000 classes")
    plots.legend(curve)
    plots.save(figure, path)
