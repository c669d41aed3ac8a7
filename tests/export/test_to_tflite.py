"""Tests of export/to_tflite.py: every mode of a tiny network, run by ai_edge_litert."""

import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

interpreter = pytest.importorskip("ai_edge_litert.interpreter")

from keras_inception import data, export, labels, runtimes  # noqa: E402
from keras_inception.export import calibration, metadata, parity, to_tflite  # noqa: E402

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


@pytest.mark.parametrize("options", [{}, {"uint8": True}, {"mode": "int16x8"}])
def test_calibrated_modes(model, tmp_path, options):
    pictures = parity.made_up_pictures(12, count=30)
    path = tmp_path / "m.tflite"
    options = {"mode": "int8", **options}
    found = export.tflite(model, path, representative=pictures, **options)
    assert found.pictures == 16
    assert found.largest_difference < 5e-3
    loaded = interpreter.Interpreter(model_path=str(path))
    (given,), (answer,) = loaded.get_input_details(), loaded.get_output_details()
    dtype = np.uint8 if "uint8" in options else np.float32
    assert (given["dtype"], answer["dtype"]) == (dtype, dtype)
    if "uint8" in options:  # pixels as they are, probabilities in 256 steps
        assert given["quantization"] == (pytest.approx(2 / 255, rel=1e-4), pytest.approx(127.5, 1))
        assert answer["quantization"] == (1 / 256, 0)
    weights = model.count_params()
    assert weights < path.stat().st_size < weights + 24_000


def test_a_data_set_calibrates_as_its_name_does(model, tmp_path, photo_patches_dir):
    options = {"mode": "int8", "data_dir": photo_patches_dir}
    export.tflite(model, tmp_path / "name.tflite", representative="photo_patches", **options)
    dataset = data.open("photo_patches", "train", photo_patches_dir)
    export.tflite(model, tmp_path / "set.tflite", mode="int8", representative=dataset)
    assert (tmp_path / "name.tflite").read_bytes() == (tmp_path / "set.tflite").read_bytes()


def test_a_larger_batch(model, tmp_path):
    export.tflite(model, tmp_path / "m.tflite", batch_size=4)
    run = runtimes.LiteRT(tmp_path / "m.tflite")
    views = np.random.default_rng(0).uniform(-1, 1, (6, 12, 12, 3)).astype("float32")
    assert run.input_shape[0] == 4
    np.testing.assert_allclose(run(views), model(views), atol=1e-6)
    assert run(views[:0]).shape == (0, 4)


def test_labels_and_normalization_are_inside(model, tmp_path):
    export.tflite(model, tmp_path / "m.tflite", class_names=NAMES)
    with zipfile.ZipFile(tmp_path / "m.tflite") as archive:
        assert archive.read("labels.txt").decode().splitlines() == NAMES
        assert archive.infolist()[0].compress_type == zipfile.ZIP_STORED
    from ai_edge_litert import schema_py_generated as schema

    tables = schema.ModelT.InitFromPackedBuf((tmp_path / "m.tflite").read_bytes(), 0)
    (entry,) = [entry for entry in tables.metadata if entry.name == b"TFLITE_METADATA"]
    inside = bytes(tables.buffers[entry.buffer].data)
    assert inside == metadata.classifier_metadata("tiny", "tiny, float32", 12)
    assert inside[4:8] == b"M001"
    assert np.float32(127.5).tobytes() in inside


def test_the_old_name_of_class_names(model, tmp_path):
    with pytest.warns(FutureWarning, match=r"tflite\(labels=...\) is now class_names"):
        export.tflite(model, tmp_path / "m.tflite", labels=NAMES)
    assert labels.class_names(tmp_path / "m.tflite", 4) == tuple(NAMES)


def test_calibration_pictures(tmp_path, photo_patches_dir):
    arrays = parity.made_up_pictures(9, count=5)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for i, array in enumerate(arrays):
        kind, encode = [("png", tf.io.encode_png), ("JPG", tf.io.encode_jpeg)][i % 2]
        path = tmp_path / "deep" / ("er" if i else "") / f"{i}.{kind}"
        path.write_bytes(encode(array).numpy())
    (tmp_path / "notes.txt").write_text("no picture")
    assert len(calibration.pictures(tmp_path)) == 5
    found = calibration.pictures(str(tmp_path), count=2)
    assert [picture.shape for picture in found] == [arrays[i].shape for i in (0, 2)]
    found = calibration.pictures(tmp_path, count=3)  # spread over all, the last fifth too
    assert [picture.shape for picture in found] == [arrays[i].shape for i in (0, 1, 3)]
    (tmp_path / "folder.png").mkdir()
    assert len(calibration.pictures(tmp_path)) == 5
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    with pytest.raises(ValueError, match="broken.png cannot be calibrated with"):
        calibration.pictures(tmp_path)
    dataset = calibration.opened("photo_patches", photo_patches_dir)
    assert dataset.split == "train"
    named = calibration.pictures(dataset, count=30)
    assert {picture.shape for picture in named} == {(80, 80, 3)}
    assert len({picture.tobytes() for picture in named}) == 30
    few = calibration.pictures(dataset.with_split("test").take(3))
    assert len(few) == 3
    assert calibration.opened(tmp_path) is tmp_path
    given = calibration.pictures(array.astype("float64") for array in arrays)
    np.testing.assert_array_equal(given[4], arrays[4])
    first, *_ = calibration.views(given, 12)
    assert (first.min(), first.max(), first.shape) == (-1, 1, (1, 12, 12, 3))


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ([], "no pictures"),
        ([np.zeros((4, 4))], r"shape \(4, 4\)"),
        ([np.full((4, 4, 3), -1.0)], "outside of"),
        ([np.full((4, 4, 3), np.nan)], "outside of"),
        ([np.full((4, 4, 3), 0.5)], "at most 1"),
        ("nowhere", "Unknown data set"),
    ],
)
def test_pictures_that_cannot_calibrate(model, tmp_path, pictures, message):
    with pytest.raises(ValueError, match=message):
        export.tflite(model, tmp_path / "m.tflite", "int8", pictures)
    assert not list(tmp_path.iterdir())


def test_the_batch_is_fixed_and_the_types_are_float(model, tmp_path):
    export.tflite(model, tmp_path / "m.tflite")
    loaded = interpreter.Interpreter(model_path=str(tmp_path / "m.tflite"))
    (given,), (answer,) = loaded.get_input_details(), loaded.get_output_details()
    assert given["shape_signature"].tolist() == [1, 12, 12, 3]
    assert (given["dtype"], answer["dtype"]) == (np.float32, np.float32)


def test_labels_lie_beside_the_file(model, tmp_path):
    export.tflite(model, tmp_path / "m.tflite", "float32", class_names=NAMES)
    assert (tmp_path / "m.labels.txt").read_text() == "cat\ndog\ncow\nhen\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.labels.txt", "m.tflite"]
    (tmp_path / "m.tflite").unlink()
    with pytest.raises(FileExistsError, match="m.labels.txt exists"):
        export.tflite(model, tmp_path / "m.tflite", "float32", class_names=NAMES[::-1])
    assert (tmp_path / "m.labels.txt").read_text() == "cat\ndog\ncow\nhen\n"
    # It may belong to a m.keras, so it stays if no class names are given.
    export.tflite(model, tmp_path / "m.tflite", "float32", overwrite=True)
    assert (tmp_path / "m.labels.txt").read_text() == "cat\ndog\ncow\nhen\n"


def test_refused(model, tmp_path):
    with pytest.raises(ValueError, match="'int4'; it must be one of float32, .* int8, int16x8"):
        export.tflite(model, tmp_path / "m.tflite", "int4")
    with pytest.raises(ValueError, match=r"ends in \.tflite"):
        export.tflite(model, tmp_path / "m.bin")
    with pytest.raises(ValueError, match="2 names; the model has 4 classes"):
        export.tflite(model, tmp_path / "m.tflite", class_names=["a", "b"])
    with pytest.raises(ValueError, match="needs representative pictures"):
        export.tflite(model, tmp_path / "m.tflite", "int8")
    with pytest.raises(ValueError, match="for int8 and int16x8, not for dynamic"):
        export.tflite(model, tmp_path / "m.tflite", "dynamic", "photo_patches")
    with pytest.raises(ValueError, match="uint8 is for mode='int8'"):
        export.tflite(model, tmp_path / "m.tflite", uint8=True)
    with pytest.raises(ValueError, match="batch_size=0"):
        export.tflite(model, tmp_path / "m.tflite", batch_size=0)
    assert not list(tmp_path.iterdir())


def test_without_the_runtime_nothing_is_begun(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(ImportError, match=r"needs ai_edge_litert: pip install .*\[demo\]"):
        export.tflite(model, tmp_path / "m.tflite")
    assert not list(tmp_path.iterdir())


def test_lost_weights_are_noticed_and_the_old_file_stays(model, tmp_path, monkeypatch):
    path = tmp_path / "m.tflite"
    export.tflite(model, path)
    content = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"m\.tflite exists; overwrite=True"):
        export.tflite(model, path)
    monkeypatch.setattr(to_tflite, "_convert", lambda *_: content[: len(content) // 8])
    with pytest.raises(RuntimeError, match="its weights alone take"):
        export.tflite(model, path, overwrite=True)
    assert path.read_bytes() == content

    other = keras.models.clone_model(model)
    other.layers[-1].set_weights([w * -30 for w in model.layers[-1].get_weights()])
    monkeypatch.setattr(to_tflite, "_convert", lambda *_: content)
    with pytest.raises(RuntimeError, match="differs from the Keras model"):
        export.tflite(other, path, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["m.tflite"]
