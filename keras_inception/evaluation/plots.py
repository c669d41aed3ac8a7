"""Plots of an evaluation or a training run, as the bytes of PNG files.

They are drawn on matplotlib's `Figure` and Agg canvas, never through pyplot, so they change neither
the caller's figures nor its settings. Each plot has a light and a dark form.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from keras_inception.types import PathLike

History: TypeAlias = Mapping[str, Sequence[float]]

# Our choice: colours of the ink, the faint lines and two series, which stand out on white and on
# near-black.
THEMES = {
    "light": {"ink": "#30343b", "faint": "#d9dce1", "series": ("#2563eb", "#c2410c")},
    "dark": {"ink": "#d7dae0", "faint": "#3b4048", "series": ("#7aa2ff", "#ffa066")},
}
# From few to many: from the page's background to the blue of the series.
COUNT_COLORS = {
    "light": ("#ffffff", "#93b4f8", "#1e40af"),
    "dark": ("#16181d", "#33518f", "#a9c4ff"),
}


def confusion_plot(confusion: ArrayLike, class_names: Sequence[str], theme: str = "light") -> bytes:
    """Draws the confusion matrix as a coloured grid.

    Each row is divided by the number of pictures of its true class.

    Args:
        confusion: counts (classes, classes), one row per true class.
        class_names: one name per class; they are shown if there are at most 40.
        theme: `light` or `dark`.

    Returns:
        The bytes of a PNG with a transparent background.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the matrix has another shape, or there is no such theme.
    """
    from matplotlib.colors import LinearSegmentedColormap

    confusion, colors = np.asarray(confusion), _theme(theme)
    classes = len(class_names)
    if confusion.shape != (classes, classes):
        raise ValueError(
            f"confusion has the shape {confusion.shape}; expected ({classes}, {classes}) for "
            f"{classes} class names"
        )
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    side = min(3.2 + 0.3 * classes, 12.0)
    figure = _figure(side, side * 0.94)
    axes = figure.add_subplot()
    colormap = LinearSegmentedColormap.from_list("count", COUNT_COLORS[theme])
    image = axes.imshow(shares, cmap=colormap, vmin=0, vmax=1)
    if classes <= 40:
        names = [name.replace("_", " ") for name in class_names]
        axes.set_xticks(range(classes), names, rotation=90)
        axes.set_yticks(range(classes), names)
        _write_counts(axes, confusion, shares, theme)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    bar.set_label("share of the true class")
    bar.outline.set_visible(False)
    _paint(axes, colors)
    _paint(bar.ax, colors)
    return _png(figure)


def reliability_plot(
    pictures: ArrayLike, confidence: ArrayLike, accuracy: ArrayLike, theme: str = "light"
) -> bytes:
    """Draws accuracy over confidence; on the diagonal a network is as sure as it is right.

    Args:
        pictures, confidence, accuracy: as `metrics.reliability` returns them.
        theme: `light` or `dark`.

    Returns:
        The bytes of a PNG with a transparent background.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there is no such theme.
    """
    pictures, colors = np.asarray(pictures), _theme(theme)
    confidence, accuracy = np.asarray(confidence), np.asarray(accuracy)
    figure = _figure(5.6, 4.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    edges, width = np.arange(len(pictures)) / len(pictures), 1 / len(pictures)
    first, second = colors["series"]
    upper.bar(edges, accuracy, width, align="edge", color=first, alpha=0.35, lw=0)
    filled = pictures > 0
    points = confidence[filled], accuracy[filled]
    upper.plot(*points, color=first, marker="o", ms=5, lw=0, label="measured")
    upper.plot([0, 1], [0, 1], color=second, lw=1.2, ls="--", label="as sure as it is right")
    upper.set_ylabel("accuracy")
    upper.set_ylim(0, 1.03)
    legend = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 2, "fontsize": 8}
    upper.legend(frameon=False, labelcolor=colors["ink"], **legend)
    lower.bar(edges, pictures / max(pictures.sum(), 1), width, align="edge", color=first, lw=0)
    lower.set_xlim(0, 1)
    lower.set_xlabel("confidence")
    lower.set_ylabel("share of pictures")
    for axes in (upper, lower):
        axes.grid(color=colors["faint"], lw=0.6)
        axes.set_axisbelow(True)
        _paint(axes, colors)
    return _png(figure)


def curve_plot(history: History | PathLike, name: str, title: str, theme: str = "light") -> bytes:
    """Draws a quantity after each epoch, in training and, if it is known, in validation.

    Args:
        history: a mapping of names to one value per epoch, as `keras.callbacks.History` keeps it,
            or the path of a CSV file by `keras.callbacks.CSVLogger`.
        name: name of the quantity in training, for example `loss`, whose name in validation is
            `val_loss`.
        title: heading of the plot.
        theme: `light` or `dark`.

    Returns:
        The bytes of a PNG with a transparent background.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the history does not have the quantity, or there is no such theme.
    """
    history, colors = read_history(history), _theme(theme)
    if name not in history:
        raise ValueError(f"the history has no {name}; it has {', '.join(history)}")
    figure = _figure(5.6, 3.6)
    axes = figure.add_subplot()
    series = (("training", name), ("validation", f"val_{name}"))
    for (label, key), color in zip(series, colors["series"], strict=True):
        if key in history:
            epochs = np.arange(1, len(history[key]) + 1)
            axes.plot(epochs, history[key], color=color, label=label, lw=2, marker=".")
    axes.set_title(title, loc="left", color=colors["ink"], fontsize=11)
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(color=colors["faint"], lw=0.6)
    axes.legend(frameon=False, labelcolor=colors["ink"])
    _paint(axes, colors)
    return _png(figure)


def latency_plot(seconds: Mapping[str, Mapping[str, float]], theme: str = "light") -> bytes:
    """Draws a bar for the time of a batch in each form of a model.

    A bar shows the median, and a line on it goes from the minimum to the 95th percentile.

    Args:
        seconds: the times of each form by its name, `{"min": ..., "median": ..., "p95": ...}`.
        theme: `light` or `dark`.

    Returns:
        The bytes of a PNG with a transparent background.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there is no such theme.
    """
    colors = _theme(theme)
    figure = _figure(6.4, 1.2 + 0.34 * len(seconds))
    axes = figure.add_subplot()
    least, median, p95 = (
        np.array([1e3 * row[key] for row in seconds.values()]) for key in ("min", "median", "p95")
    )
    first, second = colors["series"]
    spread = [median - least, p95 - median]
    axes.barh(list(seconds), median, color=first, height=0.6)
    axes.errorbar(median, range(len(median)), xerr=spread, fmt="none", ecolor=second, lw=1.6)
    for place, (value, end) in enumerate(zip(median, p95)):
        axes.text(end, place, f" {value:.1f}", va="center", color=colors["ink"], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds per batch: median, minimum to 95 %")
    axes.set_xlim(0, 1.12 * p95.max())
    axes.grid(axis="x", color=colors["faint"], lw=0.6)
    axes.set_axisbelow(True)
    _paint(axes, colors)
    return _png(figure)


def read_history(history: History | PathLike) -> dict[str, list[float]]:
    """Reads a history as `curve_plot` takes it: names to one value per epoch.

    Columns of text are left out.
    """
    if isinstance(history, Mapping):
        return {name: [float(value) for value in values] for name, values in history.items()}
    with open(history, newline="") as file:
        rows = list(csv.DictReader(file))
    columns: dict[str, list[float]] = {}
    for name in rows[0] if rows else ():
        try:
            columns[name] = [float(row[name]) for row in rows]
        except (TypeError, ValueError):
            continue
    return columns


def _write_counts(axes, confusion, shares, theme):
    """Writes each count that is not zero into its square, in a readable colour."""
    on_full = {"light": "#ffffff", "dark": "#16181d"}[theme]
    size = 8 if len(confusion) <= 20 else 5
    for row, column in zip(*np.nonzero(confusion), strict=True):
        color = on_full if shares[row, column] > 0.6 else THEMES[theme]["ink"]
        text = str(confusion[row, column])
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size)


def _theme(theme):
    if theme not in THEMES:
        raise ValueError(f"there is no theme {theme!r}; choose from {', '.join(THEMES)}")
    return THEMES[theme]


def _figure(width, height):
    """Makes an empty figure of a size in inches."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plots need matplotlib: pip install keras_inception[demo]") from error
    return Figure(figsize=(width, height), layout="constrained")


def _paint(axes, colors):
    axes.set_facecolor("none")
    axes.tick_params(colors=colors["ink"], length=0, labelsize=8)
    axes.xaxis.label.set_color(colors["ink"])
    axes.yaxis.label.set_color(colors["ink"])
    for spine in axes.spines.values():
        spine.set_color(colors["faint"])


def _png(figure):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=144, transparent=True)
    return buffer.getvalue()
