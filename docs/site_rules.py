"""What this site adds to Sphinx: made files before the build, and drawings at their full size."""

import pathlib
import re

import generate
from docutils import nodes

PLOTS = "figures"  # folder of what the build draws of `figures/*.py`
FITS = 1000  # pixels that may be shown at the width of a column, 736
DRAWING = 'class="box'  # in the SVG files of `keras_inception.analysis.visualize.draw`


def connect(app):
    """Puts the rules in their places."""
    app.connect("builder-inited", lambda app: generate.everything(pathlib.Path(app.srcdir)))
    app.connect("doctree-read", mark_drawings)


def mark_drawings(app, doctree):
    """Gives drawings and plots a class each.

    Drawings are shown at full size and scroll in their frame, but for those that a desktop's column
    holds at three quarters; plots scroll where their text would be too small to read.
    """
    for image in doctree.findall(nodes.image):
        path = pathlib.Path(app.srcdir, image["uri"])
        text = path.read_text("utf-8") if path.suffix == ".svg" and path.is_file() else ""
        if DRAWING in text:
            width = float(re.search(r'width="([\d.]+)"', text)[1])
            image["classes"] += ["drawing", "fits"] if width <= FITS else ["drawing"]
        elif path.parent.name == PLOTS:
            image["classes"].append("plot")
