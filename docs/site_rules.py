"""What this site adds to Sphinx: made files before the build, and drawings at their full size."""

import pathlib

import generate
from docutils import nodes

DRAWING = 'class="box'  # in the SVG files of `keras_inception.analysis.visualize.draw`


def connect(app):
    """Puts the rules in their places."""
    app.connect("builder-inited", lambda app: generate.everything(pathlib.Path(app.srcdir)))
    app.connect("source-read", drop_empty_globs)
    app.connect("doctree-read", mark_drawings)


def drop_empty_globs(app, name, source):
    """Leaves out the lines of the table of contents that no page matches, which Sphinx warns of."""
    if name == "index":
        pages = pathlib.Path(app.srcdir)
        kept = (
            line
            for line in source[0].splitlines()
            if not line.endswith("*") or list(pages.glob(f"{line}.md"))
        )
        source[0] = "\n".join(kept)


def mark_drawings(app, doctree):
    """Gives drawings of networks a class: they are shown at full size and scroll in their frame."""
    for image in doctree.findall(nodes.image):
        path = pathlib.Path(app.srcdir, image["uri"])
        if path.suffix == ".svg" and path.is_file() and DRAWING in path.read_text("utf-8"):
            image["classes"].append("drawing")
