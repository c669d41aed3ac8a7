"""Tests of cli/evaluate.py on photo_patches."""

import json


def test_figures_and_json(run, model_file, data_dir, names, tmp_path):
    words = ["--split=validation", "--crops=10", f"--data_dir={data_dir}"]
    file = tmp_path / "figures.json"
    status, out, err = run("evaluate", f"--model={model_file}", *words, f"--json={file}")
    assert status == 0
    figures = json.loads(file.read_text())
    assert out.splitlines() == [
        "photo_patches, validation: 560 pictures",
        f"top-1 {figures['top1']:7.2%} +- {figures['top1_standard_error']:.2%}",
        f"top-5 {figures['top5']:7.2%} +- {figures['top5_standard_error']:.2%}",
    ]
    assert "tiny.keras, 10 crops" in err
    assert figures["classes"] == list(names)
    assert figures["crops"] == 10
    confusion = figures["confusion"]
    assert [sum(row) for row in confusion] == [40] * 14
    assert sum(confusion[i][i] for i in range(14)) / 560 == figures["top1"]


def test_an_ensemble(run, model_file, data_dir, tmp_path):
    model = f"--model={model_file}"
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    run("evaluate", model, f"--data_dir={data_dir}", f"--json={files[0]}")
    run("evaluate", model, model, f"--data_dir={data_dir}", f"--json={files[1]}")
    one, two = (json.loads(file.read_text()) for file in files)
    assert two["models"] == [str(model_file)] * 2
    assert two["confusion"] == one["confusion"]


def test_unknown_data(run, model_file, data_dir):
    words = [f"--model={model_file}", f"--data_dir={data_dir}"]
    status, _, err = run("evaluate", *words, "--split=tset")
    assert status == 1
    assert "no split 'tset'" in err.splitlines()[-1]
    status, _, err = run("evaluate", *words, "--data=nonsense")
    assert status == 1
    assert "nonsense" in err.splitlines()[-1]
