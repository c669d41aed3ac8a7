"""Tests of cli/demo.py: all but the training for real; the whole of it is marked slow."""

import json
from unittest import mock

import pytest

from keras_inception import data, training
from keras_inception.cli import demo
from keras_inception.evaluation import evaluate

MODES = ("float32", "float16", "dynamic", "int8")
FORMS = {"keras", "saved_model", *(f"tflite_{mode}" for mode in MODES)}


OPEN = data.open  # as it is outside the tests


def few(*arguments, **options):
    """`data.open` of every eighth picture, 70 of the test split."""
    dataset = OPEN(*arguments, **options)
    return dataset.without(number for number in dataset.numbers if number % 8)


@pytest.fixture(scope="module")
def output(tiny, data_dir, tmp_path_factory):
    """What the demo writes where the training is left out, and most pictures are."""
    from keras_inception.cli import main

    folder = tmp_path_factory.mktemp("demo") / "out"

    def train(recipe, workdir, data_dir=None, resume=True):
        tiny.save(folder / "model.keras")
        history = {"loss": [2.0, 1.0], "val_loss": [2.0, 1.1], "top1_accuracy": [0.1, 0.2]}
        return training.TrainingResult(tiny, history, 1.0)

    fake = mock.create_autospec(training.train, side_effect=train)
    with mock.patch.object(training, "train", fake), mock.patch.object(data, "open", few):
        words = [f"--output={folder}", f"--data_dir={data_dir}", "--seed=5", "--epochs=2"]
        assert main.main(["demo", *words]) == 0
    recipe = fake.call_args.args[0]
    assert (recipe.name, recipe.seed, recipe.epochs) == ("demo", 5, 2)
    return folder


def test_files(output):
    found = {path.name for path in output.iterdir()}
    assert set(demo.FORMS.values()) <= found
    assert {"labels.txt", "results.json", "report.html", "model_float32.labels.txt"} <= found
    assert not [name for name in found if name.startswith(".")]


def test_results(output, data_dir):
    results = json.loads((output / "results.json").read_text())
    for figure in ("top1", "top5"):
        assert set(results[figure]) == FORMS
        for by_crops in results[figure].values():
            assert set(by_crops) == {"1", "10"}
    assert set(results["sizes"]) == set(results["agreement"]) == FORMS
    assert results["test_pictures"] == 70
    assert results["seconds"] == pytest.approx(sum(results["seconds_by_step"].values()))
    assert results["sizes"]["tflite_dynamic"] < results["sizes"]["tflite_float16"]
    # The same answers, in numbers and in names.
    for form in ("saved_model", "tflite_float32"):
        assert results["agreement"][form] == 1
        assert results["agreement_on_whole_photographs"][form] == 1
        assert results["top1"][form] == results["top1"]["keras"]
    dataset = few("photo_patches", "test", data_dir)
    found = evaluate(output / "model.keras", dataset, progress=False)
    assert results["top1"]["keras"]["1"] == found.top1


def test_the_report_shows_what_was_found(output):
    page = (output / "report.html").read_text(encoding="utf-8")
    results = json.loads((output / "results.json").read_text())
    assert f"{results['top1']['keras']['10']:.2%}" in page
    assert page.count('<figure class="card') >= 32  # a patch and a photograph of each class
    for heading in ("Accuracy", "Exports", "Training", "Mistakes", "Whole photographs", "Recipe"):
        assert f"<h2>{heading}</h2>" in page


def test_agreement_counts_names():
    answers = [{"a": [("cat", 0.9)], "keras": [(name, 0.5)]} for name in ("cat", "dog")]
    classified = [demo.Classified(b"", "cat", a) for a in answers]
    with mock.patch.object(demo, "FORMS", {"a": "", "keras": ""}):
        assert demo._agreement(classified) == {"a": 0.5, "keras": 1.0}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_whole_demo_reaches_90_percent(run, data_dir, tmp_path, seed):
    words = [f"--output={tmp_path}", f"--data_dir={data_dir}", f"--seed={seed}"]
    assert run("demo", *words)[0] == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["top1"]["keras"]["1"] >= 0.9
    assert results["top1"]["keras"]["10"] >= 0.9
    assert results["agreement"]["saved_model"] == results["agreement"]["tflite_float32"] == 1
    for form in ("tflite_dynamic", "tflite_int8"):
        assert results["agreement"][form] >= 0.98
