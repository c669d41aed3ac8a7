"""Reads a drawing's SVG back, and checks what must hold for every drawing."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

from keras_inception.analysis.visualize.svg import text_width

NAMESPACE = "{http://www.w3.org/2000/svg}"


class Box:
    """A box as it stands in the file."""

    def __init__(self, group):
        self.layers = group.get("data-layers").split()
        rect = group.find(f"{NAMESPACE}rect")
        self.left, self.top, self.width, self.height = (
            float(rect.get(name)) for name in ("x", "y", "width", "height")
        )
        self.right, self.bottom = self.left + self.width, self.top + self.height
        self.texts = group.findall(f"{NAMESPACE}text")
        self.lines = [text.text for text in self.texts]


def read(figure):
    """Returns the boxes of a drawing, and the corners of each arrow's way."""
    root = ElementTree.fromstring(figure.svg)
    assert root.find(f"{NAMESPACE}title").text
    assert root.find(f"{NAMESPACE}desc").text
    boxes = [Box(g) for g in root.iter(f"{NAMESPACE}g") if "box" in g.get("class", "").split()]
    arrows = [
        [tuple(map(float, pair)) for pair in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d"))]
        for path in root.iter(f"{NAMESPACE}path")
        if path.get("class") == "arrow"
    ]
    return boxes, arrows


def check(figure, names):
    """Checks that every layer of `names` is drawn once, and that nothing lies on anything else.

    Returns the boxes and arrows, as `read` does.
    """
    boxes, arrows = read(figure)
    drawn = [name for box in boxes for name in box.layers]
    assert sorted(drawn) == sorted(names)
    for one, other in itertools.combinations(boxes, 2):
        apart = one.right < other.left or other.right < one.left
        assert apart or one.bottom < other.top or other.bottom < one.top
    for box in boxes:
        assert box.left >= 0
        assert box.right <= figure.width
        assert box.top >= 0
        assert box.bottom <= figure.height
        for text in box.texts:
            assert text_width(text.text, float(text.get("font-size"))) <= box.width - 10
            assert box.top < float(text.get("y")) <= box.bottom - 4
    for (x1, y1), (x2, y2) in (pair for way in arrows for pair in itertools.pairwise(way)):
        for box in boxes:
            beside = max(x1, x2) <= box.left or min(x1, x2) >= box.right
            assert beside or max(y1, y2) <= box.top + 0.01 or min(y1, y2) >= box.bottom - 0.01
    return boxes, arrows
