"""Writes commands.md from the flags of the command line: `python docs/make_commands.py`."""

from __future__ import annotations

import pathlib
import re

from keras_inception.cli import main

PAGE = pathlib.Path(__file__).with_name("commands.md")
GUIDES = {  # command: pages with more about it
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

`python docs/make_commands.py` writes this page. `keras-inception COMMAND --help` prints the same,
and more about the command. The same thing has the same flag on every command. Write a flag's value
after an equals sign (`--seed=1`). A flag with `[no]` is a switch: `--traceback` or `--notraceback`.

The exit status is 0 for success, 1 for a failure, 2 for a mistake on the command line and 130 after
Ctrl-C. A failure or a mistake prints one line on stderr. Flags that this release renamed still work
in their old spelling, and a line on stderr says the new one.
"""


def page() -> str:
    """Returns the text of commands.md."""
    return "\n".join([_HEAD, *map(section, main.COMMANDS)])


def section(name: str) -> str:
    """Describes a command: its purpose, its usage, and a table of its flags."""
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
    """Makes a table cell of a help text: a choice's values as code, the rest without markup."""
    text = re.sub(r"(?<= One of )([\w, ]+)(?=\.$)", _as_code, text)
    return re.sub(r"(?<!`)([|<*_])(?![^`]*`)", r"\\\1", text)


def _as_code(values: re.Match[str]) -> str:
    return ", ".join(f"`{value}`" for value in values[0].split(", "))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
