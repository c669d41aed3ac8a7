"""The look of the plots in `figures/`, on light and on dark pages, and a count for them."""

import io
import pathlib

import keras
import matplotlib
from matplotlib.figure import Figure

from keras_inception.analysis import symbolic_cost

matplotlib.rcParams["svg.hashsalt"] = "keras_inception"  # the same file from every build
INK = "#808080"  # axes and text; `save` replaces it with the colour of the reader's theme
THEMES = "svg { --ink: #595959 } @media (prefers-color-scheme: dark) { svg { --ink: #b0b0b0 } }"
ORANGE, BLUE, GREEN, PURPLE = "#d9772b", "#3d8fd1", "#2f9e72", "#a06cc8"


def axes(columns=1, size=(7.2, 3.4)):
    """Makes a figure without a background; returns it and its axes, one for each column."""
    figure = Figure(size, layout="constrained")
    panels = figure.subplots(1, columns, squeeze=False)[0]
    for panel in panels:
        panel.patch.set_alpha(0)
        panel.tick_params(which="both", colors=INK, labelcolor=INK)
        panel.grid(axis="y", color=INK, alpha=0.25, linewidth=0.7)
        panel.set_axisbelow(True)
        for side, spine in panel.spines.items():
            spine.set_color(INK)
            spine.set_visible(side in ("left", "bottom"))
    return figure, *panels


def label(panel, x, y, title=None):
    """Labels the axes of a panel, with `title` above them."""
    panel.set_xlabel(x, color=INK)
    panel.set_ylabel(y, color=INK)
    if title:
        panel.set_title(title, color=INK, fontsize=10)


def legend(panel, **options):
    """Adds a legend without a frame, in the colour of the text."""
    panel.legend(frameon=False, labelcolor=INK, **options)


def save(figure, path):
    """Writes the SVG; every build writes the same bytes."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue().replace(INK, "var(--ink)")
    svg = svg.replace("<defs>", f"<style>{THEMES}</style>\n <defs>", 1)
    pathlib.Path(path).write_text(svg, encoding="utf-8")


def macs(shape, *steps):
    """Counts the multiply-accumulates of a chain of steps, such as `layers.conv`, for a picture."""

    def build():
        grid = x = keras.Input(shape)
        for i, step in enumerate(steps):
            x = step(x, name=f"step_{i}")
        return keras.Model(grid, x)

    return symbolic_cost(build).macs
