"""Every snippet of README.md and docs/ runs, and prints what the page says that it prints."""

import contextlib
import io
import re

import keras
import numpy as np
import pytest
from snippet_pages import PAGES, blocks, commands

import keras_inception
from keras_inception import data, training
from keras_inception.analysis.visualize import write_picture
from keras_inception.cli import main

NOT_RUN = {  # (page, how a block begins): why it is only compiled
    ("docs/fid.md", "from keras_inception import data, evaluation"): "needs the published weights",
    ("docs/fid.md", "import safetensors.torch"): "needs PyTorch and the published weights",
    ("docs/recipes.md", "from keras_inception.training import get_recipe, train"): "ImageNet",
    ("docs/weights.md", "import keras_inception"): "downloads public weights",
}
SMALLER = {  # page: what it says, and what of it is run, which differs by the work alone
    "docs/evaluation.md": [("crops=144", "crops=1")],
    "docs/training.md": [("epochs=2", "epochs=1")],
    "docs/visualize.md": [("steps=64", "steps=1"), ("steps=8", "steps=1")],
}
TINY = {"network": "inception_v1", "weights": None, "network_arguments": {"width_multiplier": 0.25}}
TINY |= {"auxiliary_weight": 0.0, "batch_size": 4, "size": 32, "epochs": 1}
CHEAP = ("list", "summary")  # commands that are run as they are written


@pytest.fixture
def folder(tmp_path, monkeypatch, photo_patches_dir):
    """A working folder of its own, with the data set in reach; keeps nothing of Keras's state."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(photo_patches_dir))
    monkeypatch.chdir(tmp_path)
    keras.backend.clear_session(free_memory=False)
    yield tmp_path
    keras.backend.clear_session(free_memory=False)


@pytest.fixture
def demo_model(folder, photo_patches_dir):
    """`build/demo/` as a demo leaves it, but for the training."""
    names = data.open("photo_patches", "test", photo_patches_dir).class_names
    model = keras_inception.InceptionV1(
        weights=None, input_shape=(64, 64, 3), classes=len(names), width_multiplier=0.25
    )
    (folder / "build/demo").mkdir(parents=True)
    model.save(folder / "build/demo/model.keras")
    (folder / "build/demo/labels.txt").write_text("".join(f"{name}\n" for name in names))


@pytest.fixture
def evaluated_model(folder, photo_patches_dir):
    """`model.keras`, quick enough for all test patches."""
    classes = len(data.open("photo_patches", "test", photo_patches_dir).class_names)
    images = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(images)
    keras.Model(images, keras.layers.Dense(classes, activation="softmax")(x)).save("model.keras")


@pytest.fixture
def flowers(folder, monkeypatch):
    """`flowers/`, pictures of two colours, and a recipe that makes of fine-tuning seconds."""
    for split in ("train", "validation"):
        for name, color in (("daisy", 40), ("tulip", 200)):
            (folder / "flowers" / split / name).mkdir(parents=True)
            for i in range(4):
                picture = np.full((40, 40, 3), color + i, "uint8")
                write_picture(picture, folder / "flowers" / split / name / f"{i}.png")
    small = {"freeze_until": "mixed_4f", "head_epochs": 0, **TINY}
    recipe = training.get_recipe("fine_tune").replace(**small)
    monkeypatch.setitem(training.RECIPES, "fine_tune", recipe)


@pytest.fixture
def short_demo(folder, monkeypatch):
    """The demo's recipe on a few of its pictures."""
    small = {"train_split": "train[:16]", "validation_split": "validation[:16]", **TINY}
    monkeypatch.setitem(training.RECIPES, "demo", training.get_recipe("demo").replace(**small))


NEEDS = {  # page: fixture that puts there what the page takes for given
    "docs/evaluation.md": "evaluated_model",
    "docs/fine_tune.md": "flowers",
    "docs/phones.md": "demo_model",
    "docs/training.md": "short_demo",
    "docs/visualize.md": "demo_model",
}


_PRINTED = re.compile(r"^print\(.*\)  # ([\d(\[{].*)$", re.MULTILINE)


def with_python(pages):
    """Those of the pages that have a block of Python."""
    found = {name: blocks(path.read_text(encoding="utf-8")) for name, path in pages.items()}
    return [name for name, page in found.items() if {"python", "py"} & {b[0] for b in page}]


@pytest.mark.parametrize("page", with_python(PAGES))
def test_python(page, folder, request):
    text = PAGES[page].read_text(encoding="utf-8")
    if page in NEEDS:
        request.getfixturevalue(NEEDS[page])
    for before, after in SMALLER.get(page, ()):
        assert before in text
        text = text.replace(before, after)
    names, printed = {"__name__": "__main__"}, None
    for language, block, line in blocks(text):
        if language in ("python", "py"):
            code = compile("\n" * (line - 1) + block, str(PAGES[page]), "exec")
            if not any(page == p and block.startswith(start) for p, start in NOT_RUN):
                output = io.StringIO()
                with contextlib.redirect_stdout(output):
                    exec(code, names)
                printed = output.getvalue()
                said = _PRINTED.findall(block)  # print(...)  # what it prints
                assert not said or printed.splitlines() == said
        elif language == "text" and printed:
            assert printed == block, f"{page}, line {line}: another text is printed"
            printed = None


def test_what_is_not_run_is_there():
    for page, start in NOT_RUN:
        found = [block for _, block, _ in blocks(PAGES[page].read_text(encoding="utf-8"))]
        assert any(block.startswith(start) for block in found), (page, start)


def all_commands(program):
    """(page, words) of each command of a program in the pages, without doubles."""
    rows = {}
    for name, path in PAGES.items():
        for words in commands(path.read_text(encoding="utf-8")):
            if words[0] == "taskset":  # taskset -c 0 COMMAND
                words = words[3:]
            if words[0] == program:
                rows.setdefault(tuple(words), (name, words[1:]))
    return list(rows.values())


def parsed(words):
    """Reads a command line of keras-inception, and the one that `launch` hands on."""
    name, *rest = words
    assert name in main.COMMANDS
    own, handed_on = rest, None
    if name == "launch":
        own, handed_on = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
    _, flag_values = main.load_command(name)
    arguments = flag_values(["keras-inception", *own])[1:]
    if handed_on:
        parsed(handed_on)
    return flag_values, arguments


@pytest.mark.parametrize(("page", "words"), all_commands("keras-inception"))
def test_commands(page, words, folder, capsys):
    name = words[0]
    if name in CHEAP or "--help" in words or "--describe" in words or words[1:2] == ["draw"]:
        (folder / "docs/images").mkdir(parents=True)
        status = main.main(words)
        output = capsys.readouterr()
        assert (status, output.err) == (0, "")
        assert output.out
        return
    flag_values, arguments = parsed(words)
    needed = {
        "train": ["output"],
        "evaluate": ["model"],
        "export": ["model", "output"],
        "convert": ["weights", "model", "output"],
        "fid": ["data"],
        "predict": ["model"],
    }
    for flag in needed.get(name, ()):
        assert flag_values[flag].value
    if name == "train":
        recipe, sets = flag_values.recipe, flag_values["set"].value
        known = training.get_recipe(recipe or "demo")
        assert all(hasattr(known, text.split("=")[0].split(".")[0]) for text in sets or ())
    if name == "predict":
        assert arguments


def test_scripts_exist():
    rows = all_commands("python")
    assert rows
    for page, words in rows:
        if words[0] != "-m":
            assert (PAGES["README.md"].parent / words[0]).is_file(), (page, words)


def test_targets_of_make_exist():
    makefile = (PAGES["README.md"].parent / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    rows = all_commands("make")
    assert rows
    for page, words in rows:
        assert words[0] in targets, (page, words)


def test_extras_exist():
    text = (PAGES["README.md"].parent / "setup.cfg").read_text()
    section = text[text.index("[options.extras_require]") : text.index("[options.packages.find]")]
    extras = set(re.findall(r"^([\w-]+) =$", section, re.MULTILINE))
    named = {
        extra
        for path in PAGES.values()
        for found in re.findall(
            r"(?:\.|keras_inception)\[([\w,-]+)\]", path.read_text(encoding="utf-8")
        )
        for extra in found.split(",")
    }
    assert named
    assert named <= extras


def test_every_command_line_is_looked_at():
    known = {"keras-inception", "python", "make", "pip", "taskset"}
    known |= {"cd", "npm", "docker", "export", "."}  # not ours: nothing to compare with
    for name, path in PAGES.items():
        for words in commands(path.read_text(encoding="utf-8")):
            assert words[0] in known, (name, words)
