"""Three ways from 35 x 35 x 288 to 17 x 17 x 768: their cost and their narrowest point."""

import math

import keras
import plots

from keras_inception import layers

GRID = (35, 35, 288)
POOL, CONV = layers.max_pool(3, 2, "valid"), layers.conv(768, 3)
WAYS = {
    "pool, then\n3x3": [POOL, CONV],
    "3x3, then\npool": [CONV, POOL],
    "side by side\n(Fig. 10)": [
        lambda x, name: layers.grid_reduction(x, (192, 384), (64, 96), name=name)
    ],
}


def narrowest(steps):
    """Returns the size of the smallest representation on the way, in thousands of numbers."""
    x, sizes = keras.Input(GRID), [math.prod(GRID)]
    for i, step in enumerate(steps):
        x = step(x, name=f"step_{i}")
        sizes.append(math.prod(x.shape[1:]))
    return min(sizes) / 1e3


def draw(path):
    """Writes the plot as SVG."""
    figure, cost, width = plots.axes(2)
    colors = (plots.GREEN, plots.ORANGE, plots.BLUE)
    bars = cost.bar(list(WAYS), [plots.macs(GRID, *w) / 1e6 for w in WAYS.values()], color=colors)
    cost.bar_label(bars, fmt="%.0f", color=plots.INK)
    bars = width.bar(list(WAYS), [narrowest(w) for w in WAYS.values()], color=colors)
    width.bar_label(bars, fmt="%.0f", color=plots.INK)
    for panel in (cost, width):
        panel.margins(y=0.1)  # for the numbers on the bars
    plots.label(cost, "", "million multiply-accumulates", "cost")
    plots.label(width, "", "thousand numbers", "narrowest representation")
    plots.save(figure, path)
