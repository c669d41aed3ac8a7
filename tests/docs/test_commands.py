"""docs/commands.md is what the command line is, and no page names a flag that does not exist."""

import importlib.util
import re

import pytest
from snippet_pages import PAGES, ROOT

from keras_inception.cli import main

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
    return set(main.load_command(name)[1])


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
    anywhere |= {f"no{flag}" for flag in anywhere}
    spans = re.findall(r"(?<!`)`([^`]+)`(?!`)", text)
    for span in spans:
        if span.split()[0] in ("keras-inception", "--") or span.startswith("--"):
            command = span.split()[1] if span.startswith("keras-inception ") else None
            known = anywhere
            if command in main.COMMANDS and command != "launch":
                own = flags_of(command)
                known = own | {f"no{flag}" for flag in own} | {"help"}
            for flag in re.findall(r"(?<![\w-])--(?:\[no\])?([a-z]\w*(?:-\w+)*)", span):
                assert flag in {*known, *OTHERS, "help"}, (name, span)


@pytest.mark.parametrize(("flag", "script"), OTHERS.items())
def test_flags_of_scripts_exist(flag, script):
    assert f"--{flag}" in (ROOT / script).read_text()
