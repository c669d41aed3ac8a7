"""Writes commands.md from the flags of the command line: `python docs/make_commands.py`."""

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

Written by `python docs/make_commands.py`; `keras-inception COMMAND --help` prints the
same, and more about the command. A value follows its flag behind an equals sign; what is written
with `[no]` is a switch. Exit status: 0; 1 for a failure, 2 for a mistake on the command line, each
with one line on stderr; 130 after Ctrl-C.
"""


def page():
    """The text of commands.md."""
    return "\n".join([_HEAD, *map(section, main.COMMANDS)])


def section(name):
    """A command: what it is for, how it is called, a table of its flags."""
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
    for flag, default, text in main.described(flag_values):
        shown = "" if default is None else f"`{default}`"
        lines.append(f"| `{flag}` | {shown} | {_cell(text)} |")
    return "\n".join([*lines, ""])


def _sentence(text):
    return f"{text[0].upper()}{text[1:]}."


def _cell(text):
    """Text of a flag as a cell of a table: a choice's values as code, all else without markup."""
    text = re.sub(r"<([\w|]+)>: (.*)", _choice, text)
    return re.sub(r"(?<!`)([|<*_])(?![^`]*`)", r"\\\1", text)


def _choice(found):
    values = ", ".join(f"`{value}`" for value in found[1].split("|"))
    return f"{found[2]} One of {values}."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
