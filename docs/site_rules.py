"""Additions of this site to Sphinx: generated files, and drawings at their full size."""

import pathlib
import re

import generate
from docutils import nodes

PLOTS = "figures"  # folder of the plots that the build makes from `figures/*.py`
FITS = 1000  # pixels; a drawing up to this width may shrink to the column's 736
DRAWING = 'class="box'  # in the SVG files of `keras_inception.analysis.visualize.draw`


def connect(app):
    """Connects the rules to the events of a build."""
    app.connect("builder-inited", lambda app: generate.everything(pathlib.Path(app.srcdir)))
    app.connect("doctree-read", mark_drawings)


def mark_drawings(app, doctree):
    """Gives drawings and plots a CSS class each.

    A drawing is shown at full size and scrolls in its frame, unless a desktop's column holds it at
    three quarters of its size. A plot scrolls if its text would be too small to read.
    """
    for image in doctree.findall(nodes.image):
        path = pathlib.Path(app.srcdir, image["uri"])
        text = path.read_text("utf-8") if path.suffix == ".svg" and path.is_file() else ""
        if DRAWING in text:
            width = float(re.search(r'width="([\d.]+)"', text)[1])
            image["classes"] += ["drawing", "fits"] if width <= FITS else ["drawing"]
        elif path.parent.name == PLOTS:
            image["classes"].append("plot")
