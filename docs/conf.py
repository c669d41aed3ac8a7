"""The documentation's site: Sphinx with MyST for Markdown and Furo. `make docs` builds it.

The build downloads nothing. It makes the tables and drawings of the networks and the plots of the
ideas (`generate.py`), so that no figure of a network is typed into a page.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # hides TensorFlow's start-up messages
HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import site_rules  # noqa: E402

import keras_inception  # noqa: E402

project = "keras_inception"
version = release = keras_inception.__version__
copyright = "the authors of keras_inception, Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_generated"]

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline", "dollarmath"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
maximum_signature_line_length = 80  # longer signatures have a line for each argument
napoleon_use_rtype = False
# One entry may document several names ("rows, columns: ..."), which Sphinx's field lists cannot.
napoleon_use_param = False
napoleon_custom_sections = [("Attributes", "params_style")]
smartquotes = False  # they turn the two dashes before a flag into one
default_role = "code"  # docstrings have single backticks, as in Markdown

html_theme = "furo"
html_title = "keras_inception"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}
pygments_style = "tango"
pygments_dark_style = "monokai"


def setup(app):
    """Connects the rules of this site to Sphinx."""
    site_rules.connect(app)
