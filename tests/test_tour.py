"""The notebook `examples/tour.ipynb`: its cells are run in order, without Jupyter.

Cells are plain Python and a figure at the end of a cell, which needs no kernel; nbclient and
ipykernel would bring some thirty packages into the extra `test`.
"""

import ast
import functools
import json
import pathlib

import keras
import numpy as np
import pytest

import keras_inception
from keras_inception.data import photo_patches

PATH = pathlib.Path(__file__).parent.parent / "examples" / "tour.ipynb"
NOTEBOOK = json.loads(PATH.read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
SETTINGS = CODE[0]


class Notebook:
    """Runs cells, and keeps what a notebook would show."""

    def __init__(self):
        self.shown = []
        self.names = {"display": self.display}

    def display(self, value):
        pictures = [getattr(value, f"_repr_{form}_", lambda: None)() for form in ("png", "svg")]
        assert any(pictures), f"a notebook shows no picture of {type(value)}"
        self.shown.append(value)

    def run(self, cell):
        """Runs a cell; the value of an expression at its end is shown."""
        tree = ast.parse(cell, "tour.ipynb")
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "tour.ipynb", "exec"), self.names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "tour.ipynb", "eval"), self.names)
            if value is not None:
                self.display(value)


def test_cells_run(tmp_path, monkeypatch, capsys):
    pytest.importorskip("PIL")
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    model = keras_inception.InceptionV1(
        weights=None, input_shape=(64, 64, 3), classes=14, width_multiplier=0.25
    )
    pathlib.Path("build/demo").mkdir(parents=True)
    model.save("build/demo/model.keras")
    notebook = Notebook()
    for cell in CODE:
        notebook.run(cell)
    printed = capsys.readouterr().out
    assert f"{model.count_params():,} parameters, 64 x 64 pixels" in printed
    assert printed.count("%  ") == 5 + 3  # classes of the picture, and of its crops
    assert "mixed_5c         2 x 2 x 256" in printed
    face, crops, *_, dream, whole, module = notebook.shown
    assert face.size == (80, 80)
    assert crops.size == (5 * 64, 64)
    assert np.ptp(np.asarray(dream)) > 100
    assert "<svg" in whole.svg
    assert whole.svg != module.svg


def test_with_the_weights_of_imagenet(tmp_path, monkeypatch, capsys):
    """The same cells on a network of ImageNet's classes; random weights stand in for them."""
    folder = tmp_path / "examples"  # where Jupyter may have been started
    folder.mkdir()
    monkeypatch.chdir(folder)
    arguments = {"weights": None, "width_multiplier": 0.25, "input_shape": (75, 75, 3)}
    make = functools.partial(keras_inception.create_model, **arguments)
    monkeypatch.setattr(keras_inception, "create_model", make)
    notebook = Notebook()
    notebook.run(SETTINGS)
    notebook.names["NETWORK"] = "inception_v3"
    for cell in CODE[1:]:
        notebook.run(cell)
    assert "mixed_7c         1 x 1 x 512" in capsys.readouterr().out
    assert notebook.names["chosen"] == notebook.names["network"].class_names.index("tabby")
    assert (tmp_path / "build" / "tour" / "face.png").exists()


def test_without_a_model_one_is_trained(tmp_path, monkeypatch, photo_patches_dir):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(photo_patches_dir))
    notebook = Notebook()
    notebook.run(SETTINGS)
    small = {"epochs": 1, "size": 32, "train_split": "train[:64]", "batch_size": 32}
    notebook.names["CHANGES"] = {**small, "validation_split": "validation[:32]"}
    for cell in CODE[1:]:
        notebook.run(cell)
        if "network = predictor(" in cell:
            break
    assert notebook.names["network"].class_names == tuple(photo_patches.PHOTOGRAPHS)
    assert pathlib.Path("build/tour/model.keras").exists()


def test_outputs_are_cleared():
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    for cell in NOTEBOOK["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    ids = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(set(ids)) == len(ids)
