"""Tests of cli/evaluate.py on photo_patches."""

import json


def test_table_json_and_report(run, model_file, data_dir, names, tmp_path):
    words = ["--split=validation", "--crops=10", f"--data_dir={data_dir}"]
    folder = tmp_path / "out"
    status, out, err = run("evaluate", f"--model={model_file}", *words, f"--output={folder}")
    assert status == 0
    figures = json.loads((folder / "results.json").read_text())
    lines = out.splitlines()
    assert lines[0] == "photo_patches, validation: 560 pictures, 10 crops"
    assert lines[1].split() == ["top-1", "top-5"]
    accuracies = [
        f"{figures[k]:.2%} \u00b1 {figures[f'{k}_standard_error']:.2%}" for k in ("top1", "top5")
    ]
    assert lines[2] == f"tiny.keras  {accuracies[0]:>16}  {accuracies[1]:>16}"
    assert lines[3].startswith(f"calibration error {figures['calibration_error']:.2%}; ")
    assert lines[4] == f"report: {folder / 'report.html'}"
    assert "tiny.keras, 10 crops" in err
    assert [row["name"] for row in figures["classes"]] == list(names)
    assert {row["pictures"] for row in figures["classes"]} == {40}
    assert (folder / "report.html").read_text().endswith("</html>\n")


def test_an_ensemble_without_excluded_pictures(run, model_file, data_dir, tmp_path):
    model = f"--model={model_file}"
    (tmp_path / "list.txt").write_text("3\n5\n")
    words = [f"--data_dir={data_dir}", f"--exclude={tmp_path / 'list.txt'}"]
    status, out, _ = run("evaluate", model, model, *words)
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == "photo_patches, test: 558 pictures (2 left out), 1 crop"
    assert lines[2].split()[0] == lines[3].split()[0] == "tiny.keras"
    assert lines[4].startswith("2 models together ")
    assert lines[4].split()[-6:] == lines[2].split()[-6:]


def test_a_state_of_another_run(run, model_file, data_dir, tmp_path):
    words = ["evaluate", f"--model={model_file}", f"--data_dir={data_dir}"]
    words.append(f"--output={tmp_path}")
    assert run(*words)[0] == 0
    status, _, err = run(*words, "--crops=10")
    assert status == 1
    assert "crops differ" in err.splitlines()[-1]
    assert run(*words, "--crops=10", "--noresume")[0] == 0


def test_unknown_data(run, model_file, data_dir):
    words = [f"--model={model_file}", f"--data_dir={data_dir}"]
    status, _, err = run("evaluate", *words, "--split=tset")
    assert status == 1
    assert "no split 'tset'" in err.splitlines()[-1]
    status, _, err = run("evaluate", *words, "--data=nonsense")
    assert status == 1
    assert "nonsense" in err.splitlines()[-1]
