"""The snippets of the first page and of the networks' pages: they run, and print what they say."""

import re

import keras
import pytest
from markdown_pages import DOCS

PAGES = [DOCS / "index.md", *sorted((DOCS / "networks").glob("*.md"))]
_SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PRINTED = re.compile(r"^print\(.*\)  # ([\d(\[{].*)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_snippets(page, capsys):
    snippets = _SNIPPET.findall(page.read_text(encoding="utf-8"))
    assert snippets
    names = {}
    for snippet in snippets:
        exec(snippet, names)
        printed, said = capsys.readouterr().out.splitlines(), _PRINTED.findall(snippet)
        assert not said or printed == said
    keras.backend.clear_session()
