"""Writes commands.md from the flags of the command line: `python docs/make_commands.py`."""

from __future__ import annotations

import pathlib
import re

from keras_inception.cli import main

PAGE = pathlib.Path(__file__).with_name("commands.md")
GUIDES = {  # command: pages that tell more
    "demo": ["recipes.md"],
    "train": ["training.md", "fine_tune.md", "recipes.md"],
    "launch": ["training.md#many-devices-and-machines"],
    "evaluate": ["evaluation.md"],
    "fid": ["fid.md"],
    "predict": ["evaluation.md"],
    "export": ["export.md", "phones.md", "serving.md"],
    "benchmark": ["export.md#what-each-form-costs-and-saves"],
    "convert": ["weights.md#convert"],
    "list": ["weights.md"],
    "visualize": ["visualize.md"],
    "summary": ["numbers.md"],
}
_HEAD = """# Command line

`python docs/make_commands.py` writes this page. `keras-inception COMMAND --help` prints the same
and more about the command. The same thing has the same flag on every command. A value follows its
flag after an equals sign. A flag with `[no]` is a switch: `--resume` turns it on, `--noresume` off.

The exit status is 0 for success, 1 for a failure and 2 for a mistake on the command line, both with
one line on stderr, and 130 after Ctrl-C. Flags that this release renamed still work in their old
spelling; a line on stderr says the new one.
"""


def page() -> str:
    """Returns the text of commands.md."""
    return "\n".join([_HEAD, *map(section, main.COMMANDS)])


def section(name: str) -> str:
    """Returns a command's section: what it is for, how it is called, a table of its flags."""
    command, flag_values = main.load_command(name)
    more = ", ".join(f"[{target.rpartition('/')[2]}]({target})" for target in GUIDES[name])
    lines = [
        f"## {name}",
        "",
        f"{_sentence(main.COMMANDS[name])} More: {more}.",
        "",
        "```text",
        main.usage(name, command),
        "```",
        "",
        "| flag | default | what it does |",
        "| --- | --- | --- |",
    ]
    for flag, default, text in main.described(name, flag_values):
        shown = "" if default is None else f"`{default}`"
        lines.append(f"| `{flag}` | {shown} | {_cell(text)} |")
    return "\n".join([*lines, ""])


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _cell(text: str) -> str:
    """A help text as a cell of a table: the values of a choice as code, the rest as plain text."""
    text = re.sub(r"(?<= One of )([\w, ]+)(?=\.$)", _as_code, text)
    return re.sub(r"(?<!`)([|<*_])(?![^`]*`)", r"\\\1", text)


def _as_code(values: re.Match[str]) -> str:
    return ", ".join(f"`{value}`" for value in values[0].split(", "))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
