"""Pieces of SVG: text of a known width, and the frame of a figure for light and dark pages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

from keras_inception.files import replacing
from keras_inception.types import PathLike

_CORNER = 7  # radius in pixels
TIMES = "\u00d7"
FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
# Widths in thousandths of the font's size, enough for DejaVu Sans, the widest of these fonts. A
# character that is not listed counts as the widest letter.
_WIDTHS = {
    " .,:;'|!/\\ijl[]()I-frt": 420,
    '0123456789abcdeghknopqsuvxyzEFJLPSTXYZ_?$*"': 690,
    "ABCDGHKNOQRUVw&+=<>~^#" + TIMES: 840,
}
_WIDTH = {character: width for characters, width in _WIDTHS.items() for character in characters}

# Colours follow the reader's preference for light or dark. Texts are in `currentColor`, so that a
# page around the figure can set another ink.
_STYLE = """
svg.figure { color: #24292f; --ground: #ffffff; --faint: #6b7280; --line: #8b95a1;
  --conv: #dbe8fd; --pool: #fbe3d6; --join: #e4e7eb; --module: #dcf0e1; --other: #efe6fa;
  --input: #efe6fa; }
@media (prefers-color-scheme: dark) {
  svg.figure { color: #e6e9ee; --ground: #16181d; --faint: #a3acb8; --line: #76808c;
    --conv: #1f3a63; --pool: #5a3420; --join: #3a4048; --module: #1f4a33; --other: #45325f;
    --input: #45325f; } }
"""


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure as SVG, which notebooks show.

    Attributes:
        svg: the text of the SVG file.
        width: width in pixels.
        height: height in pixels.
    """

    svg: str
    width: float
    height: float

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: PathLike) -> None:
        """Writes the SVG file; an older file at `path` stays until the new one is complete."""
        with replacing(path) as temporary:
            temporary.write_text(self.svg, encoding="utf-8")


def text_width(text: str, size: float) -> float:
    """Returns an upper bound of a text's width in `FONT`, in the units of the font's size."""
    return sum(_WIDTH.get(character, 1000) for character in text) * size / 1000


def text(
    x: float,
    y: float,
    content: str,
    size: float,
    anchor: str = "middle",
    weight: str | None = None,
    faint: bool = False,
) -> str:
    """Makes a line of text whose baseline is at `y`."""
    fill = "var(--faint)" if faint else "currentColor"
    bold = f' font-weight="{weight}"' if weight else ""
    return (
        f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}" '
        f'text-anchor="{anchor}" fill="{fill}"{bold}>{escape(content)}</text>'
    )


def attribute(value: object) -> str:
    """Quotes the value of an attribute."""
    return quoteattr(str(value))


def number(value: float) -> str:
    """Writes a coordinate to a hundredth of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def rounded_path(points: Sequence[tuple[float, float]]) -> str:
    """Makes the `d` of a path through points (x, y), with rounded corners."""
    points = [point for point, before in zip(points, [None, *points]) if point != before]
    corners = [points[0]]
    for before, point, after in zip(points, points[1:], points[2:]):
        if len({before[0], point[0], after[0]}) > 1 and len({before[1], point[1], after[1]}) > 1:
            corners.append(point)
    corners.append(points[-1])
    words = [f"M{_pair(corners[0])}"]
    for before, point, after in zip(corners, corners[1:], corners[2:]):
        start, stop = _towards(point, before), _towards(point, after)
        words.append(f"L{_pair(start)} Q{_pair(point)} {_pair(stop)}")
    return " ".join([*words, f"L{_pair(corners[-1])}"])


def _towards(point, other):
    """Returns the point on the way to `other` where the rounded corner begins."""
    distance = abs(other[0] - point[0]) + abs(other[1] - point[1])
    share = min(_CORNER, distance / 2) / distance
    return tuple(a + share * (b - a) for a, b in zip(point, other))


def _pair(point):
    return f"{number(point[0])} {number(point[1])}"


def figure(
    width: float,
    height: float,
    title: str,
    description: str,
    body: Iterable[str],
    style: str = "",
) -> Figure:
    """Puts a frame around the pieces of a figure.

    Args:
        width: width in pixels.
        height: height in pixels.
        title: what the figure shows, for readers who cannot see it.
        description: the same in more words.
        body: the pieces of SVG.
        style: more CSS rules.

    Returns:
        A `Figure`.
    """
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="figure" role="img" '
        f'aria-labelledby="title desc" width="{number(width)}" height="{number(height)}" '
        f'viewBox="0 0 {number(width)} {number(height)}" font-family="{FONT}">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(description)}</desc>',
        f"<style>{_STYLE}{style}</style>",
        '<rect width="100%" height="100%" fill="var(--ground)"/>',
        *body,
        "</svg>",
    ]
    return Figure("\n".join(lines) + "\n", width, height)
