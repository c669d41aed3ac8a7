"""Tests of cli/predict.py: pictures in, class names out, in three forms."""

import json

import pytest

from keras_inception import export


@pytest.fixture(scope="module")
def models(model_file, tiny, names, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    export.saved_model(tiny, folder / "served", class_names=names)
    export.tflite(tiny, folder / "tiny.tflite", class_names=names)
    return [model_file, folder / "served", folder / "tiny.tflite"]


def test_every_form_prints_the_same_names(run, models, picture, names):
    outputs = set()
    for model in models:
        status, out, _ = run("predict", f"--model={model}", "--top=3", picture)
        assert status == 0
        outputs.add(out)
    (output,) = outputs
    file, *lines = output.splitlines()
    assert file == str(picture)
    assert len(lines) == 3
    assert {line.split()[0] for line in lines} <= set(names)
    scores = [float(line.split()[1].rstrip("%")) for line in lines]
    assert scores == sorted(scores, reverse=True)


def test_json(run, models, picture):
    _, out, _ = run("predict", "--model", models[0], "--json", picture, picture)
    first, second = map(json.loads, out.splitlines())
    assert first == second
    assert first["file"] == str(picture)
    assert len(first["classes"]) == 5
    assert 0 < first["classes"][0]["probability"] < 1


@pytest.mark.parametrize("form", range(3))
def test_a_broken_picture_does_not_stop_the_others(run, models, picture, tmp_path, form):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(picture.read_bytes()[:200])
    empty = tmp_path / "empty.jpg"
    empty.touch()
    status, out, err = run("predict", f"--model={models[form]}", bad, empty, picture)
    assert status == 1
    assert out.startswith(str(picture))
    lines = [line for line in err.splitlines() if line.startswith("keras-inception: ")]
    assert f"{bad}: not a picture that can be read" in lines[0]
    assert f"{empty}: not a picture that can be read" in lines[1]
