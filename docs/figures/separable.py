"""From a plain convolution to a separable one, by the number of segments of the channels."""

import keras
import plots

from keras_inception.layers import separable_conv_bn

GRID = (19, 19, 728)  # of Xception's middle flow
SEGMENTS = [n for n in range(1, GRID[2] + 1) if GRID[2] % n == 0]


def segmented(segments):
    """Counts a 1x1 over all channels and a 3x3 in each segment, in million multiply-accumulates."""

    def spatial(x, name):
        return keras.layers.Conv2D(GRID[2], 3, padding="same", groups=segments, name=name)(x)

    return plots.macs(GRID, pointwise, spatial) / 1e6


def pointwise(x, name):
    """Applies a 1x1 over all channels."""
    return keras.layers.Conv2D(GRID[2], 1, name=name)(x)


def draw(path):
    """Writes the plot as SVG."""
    figure, panel = plots.axes()
    panel.loglog(
        SEGMENTS,
        [segmented(n) for n in SEGMENTS],
        "o-",
        color=plots.BLUE,
        label="1x1, then 3x3 in each segment",
    )
    separable = plots.macs(GRID, lambda x, name: separable_conv_bn(x, GRID[2], name)) / 1e6
    panel.axhline(separable, color=plots.GREEN, linestyle="--", label="layers.separable_conv_bn")
    plots.label(panel, "segments of the 728 channels", "million multiply-accumulates")
    plots.legend(panel)
    plots.save(figure, path)
