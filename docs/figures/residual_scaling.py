"""Spread of the activations over 20 residual blocks, by the scale of the residuals."""

import keras
import numpy as np
import plots

from keras_inception.layers import inception_resnet_v2_b, width_multiplier

BLOCKS, GRID = 20, (17, 17, 288)


def spreads(scale, batch):
    """Returns the standard deviation of the input and after each block, in the first step."""
    keras.utils.set_random_seed(0)
    x = grid = keras.Input(GRID)
    outputs = [x]
    with width_multiplier(0.25):
        for i in range(1, BLOCKS + 1):
            x = inception_resnet_v2_b(x, name=f"block17_{i}", scale=scale)
            outputs.append(x)
    return [float(np.std(y)) for y in keras.Model(grid, outputs)(batch, training=True)]


def draw(path):
    """Writes the plot as SVG."""
    batch = np.maximum(0, np.random.default_rng(0).standard_normal((4, *GRID))).astype("float32")
    figure, panel = plots.axes()
    colors = (plots.BLUE, plots.GREEN, plots.ORANGE)
    for scale, color in zip((0.1, 0.3, 1.0), colors):
        panel.plot(
            range(BLOCKS + 1), spreads(scale, batch), "o-", color=color, label=f"scale {scale}"
        )
    panel.set_xticks(range(0, BLOCKS + 1, 5))
    plots.label(panel, "residual blocks passed", "standard deviation of the activations")
    plots.legend(panel)
    plots.save(figure, path)
