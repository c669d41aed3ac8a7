"""docs/commands.md says what the command line is, and no text names a flag that does not exist."""

import importlib.util
import re
import shlex

import pytest
from snippet_pages import PAGES, ROOT

from keras_inception.cli import main, renamed_flags

TEXTS = {  # all that may show a command line
    str(path.relative_to(ROOT)): path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "examples/**/*.*",
        "benchmarks/*.py",
        "keras_inception/**/*.py",
    )
    for path in sorted(ROOT.glob(pattern))
    if path.suffix in (".md", ".py", ".ipynb", ".yaml", ".html", ".sh")
    and not {"_generated", "node_modules"} & set(path.parts)
    and path.name != "CHANGELOG.md"
}
# On a line of its own, or in backticks.
_COMMAND = re.compile(
    r"^[ \t]*(?:exec )?(keras-inception (?:\\\n|[^\n])*)|`(keras-inception [^`]+)`", re.MULTILINE
)
WRITE = "write it anew: python docs/make_commands.py"
OTHERS = {  # flag in a piece of code that is no command's: the script whose it is
    "experiment": "benchmarks/photo_patches.py",
    "network": "benchmarks/forms.py",
}


def page():
    spec = importlib.util.spec_from_file_location("make_commands", ROOT / "docs/make_commands.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.page()


def flags_of(name):
    """The flags of a command, without old spellings, as they are written after `--`."""
    described = main.described(name, main.load_command(name)[1])
    written = [flag.removeprefix("--") for flag, _, _ in described]
    switches = {flag.removeprefix("[no]") for flag in written if flag.startswith("[no]")}
    return {*written, *switches, *(f"no{flag}" for flag in switches), "help"}


def command_lines(text):
    """Yields (command, words after it) of each command line in a text."""
    for found in _COMMAND.finditer(text):
        words = shlex.split((found[1] or found[2]).replace("\\\n", " "), comments=True)[1:]
        while words and words[0] in main.COMMANDS:
            name, *words = words
            end = words.index("--") if "--" in words else len(words)
            yield name, words[:end]
            words = words[end + 1 :]


def test_the_page_is_current():
    assert PAGES["docs/commands.md"].read_text(encoding="utf-8") == page(), WRITE


@pytest.mark.parametrize("name", main.COMMANDS)
def test_help_has_the_flags_of_the_page(name, capsys):
    assert main.main([name, "--help"]) == 0
    printed = capsys.readouterr().out
    helped = re.findall(r"^  --(?:\[no\])?(\w+)", printed, re.MULTILINE)
    section = page().split(f"\n## {name}\n")[1].split("\n## ")[0]
    written = re.findall(r"^\| `--(?:\[no\])?(\w+)` \|", section, re.MULTILINE)
    assert helped == written, WRITE
    assert printed.splitlines()[0].removeprefix("usage: ") in section


def test_the_program_s_help_has_the_commands_of_the_page(capsys):
    assert main.main(["--help"]) == 0
    printed = capsys.readouterr().out
    for name in re.findall(r"^## (\w+)$", page(), re.MULTILINE):
        assert f"\n  {name} " in printed


@pytest.mark.parametrize("name", PAGES)
def test_flags_exist(name):
    text = PAGES[name].read_text(encoding="utf-8")
    anywhere = set().union(*map(flags_of, main.COMMANDS))
    spans = re.findall(r"(?<!`)`([^`]+)`(?!`)", text)
    for span in spans:
        if span.split()[0] in ("keras-inception", "--") or span.startswith("--"):
            command = span.split()[1] if span.startswith("keras-inception ") else None
            known = anywhere
            if command in main.COMMANDS and command != "launch":
                known = flags_of(command)
            for flag in re.findall(r"(?<![\w-])--(?:\[no\])?([a-z]\w*(?:-\w+)*)", span):
                assert flag in {*known, *OTHERS}, (name, span)


def test_every_command_line_is_of_today():
    """Old spellings still work, but nobody should learn them."""
    seen = set()
    for name, path in TEXTS.items():
        for command, words in command_lines(path.read_text(encoding="utf-8")):
            seen.add(command)
            flags = {word.partition("=")[0] for word in words if word.startswith("--")}
            unknown = {flag.removeprefix("--") for flag in flags} - flags_of(command)
            assert not unknown, (name, command, unknown)
            if command in renamed_flags.WORDS:
                assert not [w for w in words if re.match(r"[\w./]", w)], (name, command, words)
    assert seen == set(main.COMMANDS)


@pytest.mark.parametrize(("flag", "script"), OTHERS.items())
def test_flags_of_scripts_exist(flag, script):
    assert f"--{flag}" in (ROOT / script).read_text()
