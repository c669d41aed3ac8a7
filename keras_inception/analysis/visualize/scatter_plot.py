"""Points in the plane as SVG: classes told by colour and mark, or by the pictures themselves."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_inception.analysis.visualize import svg

_SIDE, _MARGIN, _ROW = 560, 34, 18  # pixels: the plot's side, its margin, a row of the legend
_SIZE, _SPRITE = 4, 28  # radius of a mark, side of a picture
_MOST_NAMES = 30  # rows of the legend that fit beside the plot
_MARKS = ("circle", "square", "diamond")


def scatter(
    points: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    axes: tuple[str, str],
    pictures: np.ndarray | None = None,
) -> svg.Figure:
    """Draws points in the plane, with a legend of their classes.

    Args:
        points: (n, 2).
        labels: (n,), the class number of each point.
        class_names: names of the classes, by number.
        axes: texts along the axes, "" for none.
        pictures: uint8 (n, rows, columns, 3), to draw in place of marks.

    Returns:
        A `Figure`.
    """
    present = [int(label) for label in np.unique(labels)]
    half = (_SPRITE if pictures is not None else _SIZE) / 2 + 4
    least, most = points.min(axis=0), points.max(axis=0)
    spread = np.where(most > least, most - least, 1)
    places = half + (points - least) / spread * (_SIDE - 2 * half) + _MARGIN
    places[:, 1] = _SIDE + 2 * _MARGIN - places[:, 1]  # upwards
    body = [
        f'<rect x="{_MARGIN}" y="{_MARGIN}" width="{_SIDE}" height="{_SIDE}" rx="5" fill="none" '
        'stroke="var(--line)"/>'
    ]
    looks = {label: _look(i, len(present)) for i, label in enumerate(present)}
    for i, ((x, y), label) in enumerate(zip(places, labels)):
        if pictures is None:
            body.append(_mark(x, y, *looks[int(label)]))
        else:
            body.append(_sprite(x, y, pictures[i], looks[int(label)][1]))
    legend, width = _legend([(class_names[label], *looks[label]) for label in present])
    body += legend + _axis_titles(axes)
    counted = f"{len(points)} points of {len(present)} classes"
    names = ", ".join(class_names[label] for label in present[:_MOST_NAMES])
    side = _SIDE + 2 * _MARGIN
    return svg.figure(side + width, side, f"Feature map: {counted}", f"Classes: {names}", body)


def _look(i, count):
    """Chooses a mark and a colour; neighbouring hues get different marks."""
    return _MARKS[i % len(_MARKS)], f"hsl({360 * i / count:.0f} 65% {(52, 44)[i % 2]}%)"


def _mark(x, y, mark, color):
    x, y, r = svg.number(x), svg.number(y), _SIZE
    if mark == "circle":
        return f'<circle cx="{x}" cy="{y}" r="{r}" fill="{color}"/>'
    turn = "" if mark == "square" else f' transform="rotate(45 {x} {y})"'
    corner = f'x="{svg.number(float(x) - r + 0.5)}" y="{svg.number(float(y) - r + 0.5)}"'
    side = 2 * r - 1
    return f'<rect {corner} width="{side}" height="{side}" fill="{color}"{turn}/>'


def _sprite(x, y, picture, color):
    small = tf.image.resize(picture, (_SPRITE, _SPRITE), antialias=True)
    encoded = tf.io.encode_jpeg(tf.cast(tf.round(small), tf.uint8), quality=80).numpy()
    data = base64.b64encode(encoded).decode()
    corner = f'x="{svg.number(x - _SPRITE / 2)}" y="{svg.number(y - _SPRITE / 2)}"'
    size = f'width="{_SPRITE}" height="{_SPRITE}"'
    return (
        f'<image {corner} {size} href="data:image/jpeg;base64,{data}"/>'
        f'<rect {corner} {size} fill="none" stroke="{color}" stroke-width="1.5"/>'
    )


def _legend(rows):
    """Returns the pieces of the legend and its width in pixels."""
    shown = rows[:_MOST_NAMES]
    if len(rows) < 2:
        return [], 0
    pieces, left = [], _SIDE + 2 * _MARGIN
    names = [name.replace("_", " ") for name, *_ in shown]
    if len(rows) > len(shown):
        names[-1] = f"and {len(rows) - len(shown) + 1} more"
    for i, (name, (_, mark, color)) in enumerate(zip(names, shown)):
        y = _MARGIN + _ROW * (i + 0.5)
        pieces += [_mark(left, y, mark, color), svg.text(left + 12, y + 4, name, 12, "start")]
    return pieces, 12 + max(svg.text_width(name, 12) for name in names) + _MARGIN / 2


def _axis_titles(axes):
    middle, end = _MARGIN + _SIDE / 2, _SIDE + 2 * _MARGIN
    across, upwards = (name and svg.text(middle, end - 12, name, 12, faint=True) for name in axes)
    if upwards:
        # Turned about the corner, the line stands to the left of the plot.
        upwards = svg.text(-middle, 22, axes[1], 12, faint=True)
        upwards = f'<g transform="rotate(-90)">{upwards}</g>'
    return [piece for piece in (across, upwards) if piece]
