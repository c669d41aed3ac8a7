"""What this site adds to Sphinx: made files before the build, and drawings at their full size."""

import pathlib

import generate
from docutils import nodes

PLOTS = "figures"  # folder of what the build draws of `figures/*.py`
DRAWING = 'class="box'  # in the SVG files of `keras_inception.analysis.visualize.draw`


def connect(app):
    """Puts the rules in their places."""
    app.connect("builder-inited", lambda app: generate.everything(pathlib.Path(app.srcdir)))
    app.connect("doctree-read", mark_drawings)


def mark_drawings(app, doctree):
    """Gives drawings and plots a class each.

    Drawings are shown at full size and scroll in their frame; plots do so where their text would
    be too small to read.
    """
    for image in doctree.findall(nodes.image):
        path = pathlib.Path(app.srcdir, image["uri"])
        if path.suffix == ".svg" and path.is_file() and DRAWING in path.read_text("utf-8"):
            image["classes"].append("drawing")
        elif path.parent.name == PLOTS:
            image["classes"].append("plot")
