"""The blocks of code in README.md and docs/, read for the tests that run them."""

import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if "_generated" not in path.parts
}
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text):
    """(language, text of the block, number of its first line) of each block, in order."""
    return [
        (found[1], found[2], text[: found.start(2)].count("\n") + 1)
        for found in _BLOCK.finditer(text)
    ]


def commands(text):
    """Yields the words of each command in the `sh` blocks; joined lines, without comments."""
    for language, block, _ in blocks(text):
        if language == "sh" and not block.startswith("#!"):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                while "&&" in words:
                    end = words.index("&&")
                    yield words[:end]
                    words = words[end + 1 :]
                if words:
                    yield words
