"""The built site: links, titles, text alternatives, and how it looks in a browser.

`make test-docs` builds it; screenshots go to `build/docs-screenshots`.
"""

import html.parser
import importlib.util
import json
import pathlib
import subprocess
import sys
import urllib.parse

import headless_browser
import pytest
from markdown_pages import DOCS, ROOT

pytestmark = [
    pytest.mark.docs,
    pytest.mark.skipif(not importlib.util.find_spec("sphinx"), reason="needs the extra docs"),
]
NEEDS_CHROMIUM = pytest.mark.skipif(headless_browser.CHROMIUM is None, reason="no Chromium")
SCREENSHOTS = ROOT / "build" / "docs-screenshots"
LOOK = (pathlib.Path(__file__).parent / "look.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-q", DOCS, folder]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return folder


class Html(html.parser.HTMLParser):
    """Ids, links and pictures of a page, and its title."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.images, self.title, self._in_title = set(), [], [], "", False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        self.links += [attrs[name] for name in ("href", "src") if attrs.get(name)]
        self._in_title = tag == "title" and not self.title
        if tag == "img":
            self.images.append(attrs)

    def handle_data(self, data):
        if self._in_title:
            self.title += data

    def handle_endtag(self, tag):
        self._in_title = False


@pytest.fixture(scope="module")
def pages(site):
    return {path: Html(path) for path in sorted(site.rglob("*.html"))}


def test_all_pages_are_there(site, pages):
    sources = [p for p in DOCS.rglob("*.md") if "_generated" not in p.parts]
    assert {site / p.relative_to(DOCS).with_suffix(".html") for p in sources} <= set(pages)


def test_links_lead_to_files_and_anchors_that_are_there(pages):
    lost = []
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme in ("http", "https", "data"):
                continue
            assert not parts.scheme, link
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve()
            target = path if not parts.path else target
            has_anchor = not parts.fragment or target not in pages
            if not target.is_file() or not (has_anchor or parts.fragment in pages[target].ids):
                lost.append(f"{path.name}: {link}")
    assert not lost


def test_nothing_comes_from_elsewhere(pages):
    """A page needs no network: styles, scripts and pictures are all its own."""
    for path, page in pages.items():
        for image in page.images:
            assert not urllib.parse.urlsplit(image["src"]).scheme, (path, image)


def test_titles_are_there_and_differ(pages):
    titles = [page.title.strip() for page in pages.values()]
    assert all(titles)
    assert len(set(titles)) == len(titles)


def test_every_picture_has_a_text_alternative(pages):
    images = [(path.name, image) for path, page in pages.items() for image in page.images]
    assert len(images) > 40
    for name, image in images:
        alt = image.get("alt", "")
        assert len(alt.split()) >= 2, (name, image)
        assert "/" not in alt.split()[0], (name, image)  # Sphinx puts the file's name for none


FAULTS = """<!doctype html><title>faults</title><body style="background: #fff"><article>
<p style="color: #ccc">faint words</p>
<p style="width: 3000px">beyond words</p>
<p style="width: 40px; overflow: hidden; white-space: nowrap">words that are cut off</p>
<img src="nowhere.png" alt="a picture"></article><script>console.error("words")</script>"""


@NEEDS_CHROMIUM
def test_what_is_wrong_is_found(tmp_path):
    (tmp_path / "faults.html").write_text(FAULTS)
    with headless_browser.chromium(tmp_path / "profile") as page:
        page.look(390, "dark")
        page.visit((tmp_path / "faults.html").as_uri())
        found = " ".join(page.evaluate(f"({LOOK})('dark')"))
        trouble = str(page.trouble)
    for words in ("wide", "ground", "contrast 1.6", "beyond the edge", "cut text", "no picture"):
        assert words in found
    assert "ERR_FILE_NOT_FOUND" in trouble
    assert "'words'" in trouble


@NEEDS_CHROMIUM
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_in_a_browser(width, scheme, site, pages, tmp_path):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    found = {}
    with headless_browser.chromium(tmp_path) as page:
        page.look(width, scheme)
        for path in pages:
            name = "_".join(path.relative_to(site).with_suffix("").parts)
            page.visit(path.as_uri())
            faults = page.evaluate(f"({LOOK})({json.dumps(scheme)})")
            page.screenshot(SCREENSHOTS / f"{name}-{width}-{scheme}.png")
            if faults or page.trouble:
                found[name] = faults + page.trouble
    assert not found
