"""Tests of cli/export.py: what it writes, and what it keeps."""

import pytest

from keras_inception.evaluation import predictor


@pytest.mark.parametrize("labels", [True, False])
def test_saved_model(run, model_file, names, picture, tmp_path, labels):
    words = ["--top_k=2"]
    if labels:
        (tmp_path / "upper.txt").write_text("".join(f"{name.upper()}\n" for name in names))
        words.append(f"--labels={tmp_path / 'upper.txt'}")
    status, out, _ = run("export", f"--model={model_file}", f"--output={tmp_path}/m", *words)
    assert status == 0
    assert "the same class for 100.0%" in out
    (best,) = predictor(tmp_path / "m").classify([picture.read_bytes()])
    assert len(best) == 2
    assert best[0][0] in ([name.upper() for name in names] if labels else names)


def test_tflite_and_overwrite(run, model_file, names, tmp_path):
    output = tmp_path / "m.tflite"
    words = ["export", f"--model={model_file}", f"--output={output}", "--format=tflite"]
    assert run(*words)[0] == 0
    assert (tmp_path / "m.labels.txt").read_text().splitlines() == list(names)
    large = output.stat().st_size
    status, _, err = run(*words, "--mode=dynamic")
    assert status == 1
    assert err == f"keras-inception: {output} exists; --overwrite replaces it\n"
    assert output.stat().st_size == large
    assert run(*words, "--mode=dynamic", "--overwrite")[0] == 0
    assert output.stat().st_size < large


def test_labels_of_another_length(run, model_file, tmp_path):
    (tmp_path / "few.txt").write_text("a\n")
    status, _, err = run(
        "export", f"--model={model_file}", f"--output={tmp_path}/m", f"--labels={tmp_path}/few.txt"
    )
    assert status == 1
    assert "few.txt has 1 lines; the model has 14 classes" in err
