"""What the tests of the documentation ask of a Markdown file, without a build."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES += sorted(path for path in DOCS.rglob("*.md") if "_generated" not in path.parts)

_FENCE = re.compile(r"^(```+|~~~+).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")


def prose(path):
    """The text without its blocks and pieces of code."""
    return _CODE.sub("", _FENCE.sub("", path.read_text(encoding="utf-8")))


def links(path):
    """(text, target) of each link."""
    return [(text, target) for is_image, text, target in _LINK.findall(prose(path)) if not is_image]


def images(path):
    """(text alternative, target) of each picture."""
    return [(text, target) for is_image, text, target in _LINK.findall(prose(path)) if is_image]


def headings(path):
    """(depth, text) of each heading, its pieces of code as text."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    return [(len(marks), words) for marks, words in re.findall(r"^(#+) +(.+)$", text, re.MULTILINE)]


def anchors(path):
    """Anchors that a page's headings have, on GitHub and in the site alike."""
    return {
        re.sub(r"[^\w\- ]", "", words.replace("`", "").lower()).replace(" ", "-")
        for _, words in headings(path)
    }
