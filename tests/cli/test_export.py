"""Tests of cli/export.py: what it writes, and what it keeps."""

import numpy as np
import pytest
import tensorflow as tf

from keras_inception.evaluation import predictor


@pytest.mark.parametrize("labels", [True, False])
def test_saved_model(run, model_file, names, picture, tmp_path, labels):
    words = ["--top=2"]
    if labels:
        (tmp_path / "upper.txt").write_text("".join(f"{name.upper()}\n" for name in names))
        words.append(f"--class_names={tmp_path / 'upper.txt'}")
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


def test_int8(run, model_file, data_dir, picture, tmp_path):
    output = tmp_path / "m.tflite"
    words = ["export", f"--model={model_file}", f"--output={output}", "--format=tflite"]
    words += ["--mode=int8", "--uint8", "--representative=photo_patches", f"--data_dir={data_dir}"]
    status, out, err = run(*words)
    assert status == 0, err
    assert "of 16 pictures" in out
    probabilities = predictor(output).from_bytes([picture.read_bytes()])
    steps = probabilities * 256
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
    expected = predictor(model_file).from_bytes([picture.read_bytes()])
    np.testing.assert_allclose(probabilities, expected, atol=0.05)


def test_saved_model_for_servers(run, model_file, picture, tmp_path):
    words = ["export", f"--model={model_file}", f"--output={tmp_path}/m", "--precision=bfloat16"]
    assert run(*words, "--lenient", "--megapixels=0.01")[0] == 0
    serve = tf.saved_model.load(str(tmp_path / "m")).signatures["serve_bytes"]
    large = tf.io.encode_png(tf.zeros((200, 200, 3), tf.uint8)).numpy()
    answers = serve(image_bytes=tf.constant([picture.read_bytes(), b"text", large]))
    assert [len(status) > 0 for status in answers["status"].numpy()] == [False, True, True]


def test_flags_of_another_format(run, model_file, tmp_path):
    words = ["export", f"--model={model_file}", f"--output={tmp_path}/m.onnx", "--format=onnx"]
    for flag in ("uint8", "lenient", "mode=int8", "precision=bfloat16"):
        status, _, err = run(*words, f"--{flag}")
        assert status == 2
        assert f"--{flag.split('=')[0]} is for --format=" in err


def test_labels_of_another_length(run, model_file, tmp_path):
    (tmp_path / "few.txt").write_text("a\n")
    status, _, err = run(
        "export",
        f"--model={model_file}",
        f"--output={tmp_path}/m",
        f"--class_names={tmp_path}/few.txt",
    )
    assert status == 1
    assert "few.txt has 1 lines; the model has 14 classes" in err
