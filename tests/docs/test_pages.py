"""The Markdown files as they are: links, text alternatives, titles, and names of the reference."""

import importlib
import itertools
import re
import types

import pytest
from markdown_pages import DOCS, PAGES, ROOT, anchors, headings, images, links

import keras_inception

EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
PACKAGES = (
    "layers",
    "weights",
    "training",
    "evaluation",
    "export",
    "analysis",
    "analysis.visualize",
    "data",
)
REFERENCE = DOCS / "api"
_CURRENT = re.compile(
    r"\.\. py:currentmodule:: (\S+)|\.\. (?:auto|py:)(?!currentmodule)\w+:: (\S+)"
)


@EVERY_PAGE
def test_links_lead_somewhere(page):
    for text, target in links(page) + images(page):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_relative_to(ROOT), target
        if "_generated" in file.parts:
            continue  # made by the build, which complains of what is missing
        assert file.exists(), f"[{text}]({target})"
        if anchor:
            assert anchor in anchors(file), f"[{text}]({target})"


@EVERY_PAGE
def test_links_to_files_of_the_repository_are_to_files(page):
    """The site takes copies of them along, which it cannot of folders."""
    if page.is_relative_to(DOCS):
        for _, target in links(page):
            path = target.partition("#")[0]
            if path.startswith("../"):
                assert "_generated" in path or (page.parent / path).is_file(), target


@EVERY_PAGE
def test_pictures_have_a_text_alternative(page):
    for text, target in images(page):
        assert len(text.split()) >= 2, target
        assert text != target


@EVERY_PAGE
def test_one_title_and_no_depth_left_out(page):
    depths = [depth for depth, _ in headings(page)]
    assert depths[0] == 1
    assert depths.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(depths))


def documented():
    """Full names of all that the pages of the reference document."""
    names = []
    for page in REFERENCE.glob("*.md"):
        module = None
        for current, name in _CURRENT.findall(page.read_text(encoding="utf-8")):
            module = current or module
            if name:
                names.append(name if name.startswith("keras_inception.") else f"{module}.{name}")
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_the_reference_has_all_public_names(package):
    module = importlib.import_module(f"keras_inception.{package}")
    public = {
        f"{module.__name__}.{name}"
        for name in module.__all__
        if not isinstance(getattr(module, name), types.ModuleType)
    }
    assert public <= set(documented())


def test_the_reference_has_the_public_names_of_the_package():
    public = {
        f"keras_inception.{name}"
        for name in keras_inception.__all__
        if name[0] != "_" and not isinstance(getattr(keras_inception, name), types.ModuleType)
    }
    assert len(public) >= 15
    assert public <= set(documented())


def test_the_reference_has_nothing_twice_and_nothing_that_is_not_there():
    names = documented()
    assert len(names) == len(set(names))
    for name in names:
        module, _, last = name.rpartition(".")
        assert hasattr(importlib.import_module(module), last), name


def test_every_network_has_its_page():
    pages = {page.stem for page in (DOCS / "networks").glob("*.md")}
    assert pages == {info.id for info in keras_inception.list_models()}
    for page in (DOCS / "networks").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for part in ("variants", "differences", "weights"):
            assert f"../_generated/networks/{page.stem}_{part}.md" in text
        assert f"_generated/networks/{page.stem}" in text
