"""The same thing has the same flag on every command, and one help text."""

import pytest

from keras_inception.cli import main

ONE_TEXT = {  # flag: the commands that have it
    "data_dir": {"demo", "train", "evaluate", "fid", "export", "benchmark", "visualize"},
    "split": {"evaluate", "fid", "benchmark", "visualize"},
    "overwrite": {"export", "convert", "visualize"},
    "resume": {"train", "evaluate"},
    "size": {"train", "convert", "visualize", "summary"},
    "top": {"predict", "export"},
    "epochs": {"demo", "train"},
    "json": {"fid", "predict"},
    "classes": {"convert", "summary"},
    "variant": {"convert", "visualize", "summary"},
    "width_multiplier": {"convert", "summary"},
    "include_top": {"convert", "summary"},
    "auxiliary": {"convert", "visualize", "summary"},
}
ONE_BEGINNING = {  # flag: how its text begins, and the commands that have it
    "model": (
        "The model: ",
        {"evaluate", "fid", "predict", "export", "benchmark", "convert", "visualize", "summary"},
    ),
    "data": ("Data set: ", {"train", "evaluate", "fid", "benchmark", "visualize"}),
    "batch_size": ("Number of ", {"train", "evaluate", "fid", "benchmark"}),
    "seed": ("Random seed for ", {"demo", "train", "visualize"}),
    "output": (
        ("Folder for ", "The file ", "The .npz file ", "The folder or file "),
        {"demo", "train", "evaluate", "fid", "export", "benchmark", "convert", "visualize"},
    ),
    "threads": ("Threads per runtime", {"benchmark"}),
}


@pytest.fixture(scope="module")
def commands():
    return {name: main.load_command(name)[1] for name in main.COMMANDS}


def those_with(commands, flag):
    """Command -> help text of a flag, without what it says of the default."""
    found = {name: flags[flag].help for name, flags in commands.items() if flag in flags}
    return {name: text.partition(" (default: ")[0].rstrip(".") for name, text in found.items()}


@pytest.mark.parametrize(("flag", "expected"), ONE_TEXT.items())
def test_a_shared_flag_has_one_text(commands, flag, expected):
    texts = those_with(commands, flag)
    assert set(texts) == expected
    assert len(set(texts.values())) == 1, texts


@pytest.mark.parametrize(("flag", "expected"), ONE_BEGINNING.items())
def test_a_shared_flag_has_one_meaning(commands, flag, expected):
    beginning, having = expected
    texts = those_with(commands, flag)
    assert set(texts) == having
    assert all(text.startswith(beginning) for text in texts.values()), texts


def test_every_text_ends_a_sentence(commands):
    for name in commands:
        for flag, _, text in main.described(name, commands[name]):
            assert text[0].isupper() or text[0] == "<", (name, flag, text)
            assert text.endswith("."), (name, flag, text)
