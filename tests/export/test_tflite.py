"""Tests of export/tflite.py: every mode of a tiny network, run by ai_edge_litert."""

import sys

import keras
import numpy as np
import pytest

interpreter = pytest.importorskip("ai_edge_litert.interpreter")

from keras_inception import export  # noqa: E402

NAMES = ["cat", "dog", "cow", "hen"]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(4)
    images = keras.Input((12, 12, 3))
    x = keras.layers.Conv2D(64, 3, activation="relu")(images)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(64, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(4, activation="softmax", kernel_initializer="orthogonal")(x)
    return keras.Model(images, x, name="tiny")


def run(path, view):
    runner = interpreter.Interpreter(model_path=str(path)).get_signature_runner()
    return runner(images=view)["probabilities"]


@pytest.mark.parametrize(
    ("mode", "bytes_a_weight", "tolerance"),
    [("float32", 4, 1e-6), ("float16", 2, 1e-3), ("dynamic", 1, 2e-2)],
)
def test_modes(model, tmp_path, mode, bytes_a_weight, tolerance):
    path = tmp_path / f"{mode}.tflite"
    parity = export.tflite(model, path, mode)
    assert parity.path == str(path)
    assert parity.bytes == path.stat().st_size
    assert parity.largest_difference < tolerance
    weights = model.count_params() * bytes_a_weight
    assert weights * 0.9 < parity.bytes < weights + 12_000
    view = np.random.default_rng(0).uniform(-1, 1, (1, 12, 12, 3)).astype("float32")
    found = run(path, view)
    assert found.shape == (1, 4)
    np.testing.assert_allclose(found, model(view), atol=tolerance)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # no labels, no leftovers


def test_the_batch_is_fixed_and_the_types_are_float(model, tmp_path):
    export.tflite(model, tmp_path / "m.tflite")
    loaded = interpreter.Interpreter(model_path=str(tmp_path / "m.tflite"))
    (given,), (answer,) = loaded.get_input_details(), loaded.get_output_details()
    assert given["shape_signature"].tolist() == [1, 12, 12, 3]
    assert (given["dtype"], answer["dtype"]) == (np.float32, np.float32)


def test_labels_lie_beside_the_file(model, tmp_path):
    export.tflite(model, tmp_path / "m.tflite", "float32", labels=NAMES)
    assert (tmp_path / "m.labels.txt").read_text() == "cat\ndog\ncow\nhen\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.labels.txt", "m.tflite"]


def test_refused(model, tmp_path):
    with pytest.raises(ValueError, match="'int4'; float32, float16, dynamic are known"):
        export.tflite(model, tmp_path / "m.tflite", "int4")
    with pytest.raises(ValueError, match=r"ends in \.tflite"):
        export.tflite(model, tmp_path / "m.bin")
    with pytest.raises(ValueError, match="2 labels for 4 classes"):
        export.tflite(model, tmp_path / "m.tflite", labels=["a", "b"])
    assert not list(tmp_path.iterdir())


def test_lost_weights_are_noticed_and_the_old_file_stays(model, tmp_path, monkeypatch):
    module = sys.modules["keras_inception.export.tflite"]
    path = tmp_path / "m.tflite"
    export.tflite(model, path)
    content = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"m\.tflite exists; --overwrite"):
        export.tflite(model, path)
    monkeypatch.setattr(module, "_convert", lambda *_: content[: len(content) // 8])
    with pytest.raises(RuntimeError, match="its weights alone"):
        export.tflite(model, path, overwrite=True)
    assert path.read_bytes() == content

    other = keras.models.clone_model(model)
    other.layers[-1].set_weights([w * -30 for w in model.layers[-1].get_weights()])
    monkeypatch.setattr(module, "_convert", lambda *_: content)
    with pytest.raises(RuntimeError, match="differs from the Keras model"):
        export.tflite(other, path, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["m.tflite"]
