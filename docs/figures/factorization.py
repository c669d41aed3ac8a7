"""Cost of n x n filters, and of the chains of small ones that see as much."""

import plots

from keras_inception.layers import conv

CHANNELS, GRID = 64, (35, 35)


def per_pixel(*sizes):
    """Returns thousand multiply-accumulates per pixel of a chain of convolutions."""
    steps = (conv(CHANNELS, size) for size in sizes)
    return plots.macs((*GRID, CHANNELS), *steps) / (GRID[0] * GRID[1]) / 1000


def draw(path):
    """Writes the plot as SVG."""
    sides = (3, 5, 7, 9, 11)
    figure, panel = plots.axes()
    panel.plot(sides, [per_pixel(n) for n in sides], "o-", color=plots.ORANGE, label="n x n")
    panel.plot(
        sides,
        [per_pixel(*[3] * ((n - 1) // 2)) for n in sides],
        "s-",
        color=plots.GREEN,
        label="3 x 3, until they see n x n",
    )
    panel.plot(
        sides,
        [per_pixel((1, n), (n, 1)) for n in sides],
        "^-",
        color=plots.BLUE,
        label="1 x n and n x 1",
    )
    panel.set_xticks(sides)
    plots.label(panel, "n, side of what the filters see (pixels)", "thousand MACs per pixel")
    plots.legend(panel)
    plots.save(figure, path)
