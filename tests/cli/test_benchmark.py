"""Tests of cli/benchmark.py: every form that can run here, timed and compared."""

import json

import pytest

FORMS = ("keras", "saved_model", "saved_model_bfloat16", "tflite_int8")


def test_forms_of_a_file(run, model_file, data_dir, tmp_path):
    pytest.importorskip("matplotlib")
    words = [f"--form={form}" for form in FORMS[1:]]
    words += [
        "--repeats=3",
        "--batch_size=2",
        "--nomemory",
        "--data=photo_patches",
        f"--data_dir={data_dir}",
    ]
    status, out, err = run("benchmark", f"--model={model_file}", *words, f"--output={tmp_path}")
    assert status == 0, err
    results = json.loads((tmp_path / "results.json").read_text())
    assert tuple(results["forms"]) == FORMS
    assert (results["batch"], results["size"], results["model"]) == (2, 16, "tiny")
    for name, row in results["forms"].items():
        assert f"\n{name} " in out
        seconds = row["seconds"]
        assert 0 < seconds["min"] <= seconds["median"] <= seconds["p95"]
        assert row["images_per_second"] == pytest.approx(2 / seconds["median"])
        assert 0 < row["share_of_ceiling"] < 2
        assert row["pictures"] == 560
        exact = name in ("keras", "saved_model")
        assert row["largest_difference"] < (1e-6 if exact else 0.1)
        assert row["agreement"] >= (1 if exact else 0.5)  # it is not trained
    assert results["forms"]["saved_model_bfloat16"]["largest_difference"] > 1e-5
    assert (tmp_path / "latency.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "int8.tflite").is_file()


def test_mistakes(run, model_file):
    assert run("benchmark")[0] == 2
    assert run("benchmark", f"--model={model_file}", "word")[0] == 2
    status, _, err = run("benchmark", "--model=inception_v9")
    assert (status, "inception_v9 is neither a file nor a network" in err) == (1, True)


def test_a_form_without_its_package_is_named(run, model_file, monkeypatch):
    from keras_inception.cli import benchmark_forms

    monkeypatch.setattr(benchmark_forms, "missing", lambda name: ["openvino"])
    status, _, err = run("benchmark", f"--model={model_file}", "--form=openvino")
    assert (status, "openvino needs openvino: pip install" in err) == (1, True)


def test_memory_of_a_process_of_its_own(model_file, monkeypatch):
    from keras_inception.cli import benchmark_forms

    assert 0 <= benchmark_forms.memory("keras", model_file, 1, 2) < 500e6
    monkeypatch.setattr("sys.executable", "false")  # a program that fails
    with pytest.raises(RuntimeError, match="cannot be run in a process of its own"):
        benchmark_forms.memory("keras", model_file, 1, 2)


def test_statistics_of_photographs_tell_pictures_apart():
    import numpy as np

    import keras_inception
    from keras_inception.cli import benchmark
    from keras_inception.export import parity

    model = keras_inception.InceptionV1(
        weights=None, width_multiplier=0.25, input_shape=(64, 64, 3), classes=9
    )
    benchmark.take_statistics(model, parity.made_up_pictures(64))
    norm = model.get_layer("conv2d_1a_7x7_bn")
    assert norm.momentum == 0.9997
    assert np.abs(norm.moving_mean.numpy()).max() > 0.01
