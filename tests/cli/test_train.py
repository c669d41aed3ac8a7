"""Tests of cli/train.py: flags to recipe, labels beside the network. The trainer has its own."""

from unittest import mock

import pytest

from keras_inception import training


@pytest.fixture
def train(monkeypatch, tiny):
    result = training.TrainingResult(tiny, {"val_top1_accuracy": [0.5, 0.75]}, 12.0)
    fake = mock.create_autospec(training.train, return_value=result)
    monkeypatch.setattr(training, "train", fake)
    return fake


def test_flags_override_the_recipe(run, train, data_dir, names, tmp_path):
    words = [f"--workdir={tmp_path / 'run'}", f"--data_dir={data_dir}"]
    status, out, _ = run("train", *words, "--seed=7", "--epochs=2")
    assert status == 0
    assert out == f"{tmp_path / 'run'}: validation top-1 75.00% in 12 s\n"
    recipe, workdir = train.call_args.args
    assert recipe == training.RECIPES["demo"].replace(seed=7, epochs=2)
    assert str(workdir) == str(tmp_path / "run")
    assert train.call_args.kwargs["data_dir"] == data_dir
    assert (tmp_path / "run" / "labels.txt").read_text().splitlines() == list(names)


def test_without_flags_the_recipe_is_as_it_is(run, train, data_dir, tmp_path):
    run("train", f"--workdir={tmp_path}", f"--data_dir={data_dir}", "--recipe=demo")
    assert train.call_args.args[0] == training.RECIPES["demo"]


def test_a_loss_that_explodes_is_one_line(run, train, data_dir, tmp_path):
    train.side_effect = FloatingPointError("The loss is nan at step 3")
    status, _, err = run("train", f"--workdir={tmp_path}", f"--data_dir={data_dir}")
    assert (status, err) == (1, "keras-inception: The loss is nan at step 3\n")
