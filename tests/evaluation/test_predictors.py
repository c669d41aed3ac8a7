"""Tests of evaluation/predictors.py: three forms of one tiny network, and what is refused."""

import pathlib
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception import export
from keras_inception.evaluation.predictors import Predictor, predictor

NAMES = ("cat", "dog", "cow", "hen", "ant", "bee")


def tiny(size=16, classes=6):
    images = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(images)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(classes, activation="softmax", kernel_initializer="orthogonal")(x)
    return keras.Model(images, x, name="tiny")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return tiny()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms")
    model.save(folder / "tiny.keras")
    (folder / "labels.txt").write_text("\n".join(NAMES) + "\n")
    export.saved_model(model, folder / "served", class_names=NAMES, top_k=3)
    export.tflite(model, folder / "tiny.tflite", "float32")
    return folder


@pytest.fixture(scope="module")
def pictures():
    generator = np.random.default_rng(3)
    arrays = [generator.integers(0, 256, shape, "uint8") for shape in ((20, 33, 3), (41, 18, 3))]
    return [tf.io.encode_jpeg(array).numpy() for array in arrays]


def test_a_predictor_without_a_file_has_no_fingerprint():
    class Own(Predictor):
        name, path = "mine", None

    with pytest.raises(ValueError, match="mine has no file .*: evaluate it without state_dir"):
        Own.fingerprint(Own.__new__(Own))


@pytest.mark.parametrize("file", ["tiny.keras", "served", "tiny.tflite"])
def test_every_form_gives_the_models_probabilities(model, folder, file, pictures):
    form = predictor(folder / file)
    assert (form.size, form.classes) == (16, 6)
    crops = np.random.default_rng(0).uniform(-1, 1, (5, 16, 16, 3)).astype("float32")
    np.testing.assert_allclose(form(crops), np.asarray(model(crops)), atol=1e-6)
    expected = predictor(model).from_bytes(pictures)
    assert expected.shape == (2, 6)
    np.testing.assert_allclose(form.from_bytes(pictures), expected, atol=1e-6)
    first, second = form.classify(pictures, top=2)
    assert [name for name, _ in first] == [NAMES[i] for i in np.argsort(-expected[0])[:2]]
    assert second[0] == (NAMES[expected[1].argmax()], pytest.approx(expected[1].max(), abs=1e-6))


def test_h5_and_names_given_by_the_caller(model, tmp_path, pictures):
    model.save(tmp_path / "tiny.h5")
    form = predictor(str(tmp_path / "tiny.h5"), class_names="abcdef")
    assert form.classify(pictures[:1])[0][0][0] in "abcdef"


def test_the_names_inside_a_tflite_file(model, tmp_path, pictures):
    export.tflite(model, tmp_path / "named.tflite", class_names=NAMES)
    export.tflite(model, tmp_path / "numbered.tflite")
    (tmp_path / "named.labels.txt").unlink()
    assert predictor(tmp_path / "named.tflite").class_names == NAMES
    assert predictor(tmp_path / "numbered.tflite").class_names == tuple("012345")


def test_without_names_classes_are_numbers(model, pictures):
    assert {name for name, _ in predictor(model).classify(pictures, top=9)[0]} == set("012345")


@pytest.mark.parametrize("file", ["tiny.keras", "served", "tiny.tflite"])
def test_the_fingerprint_follows_the_files_not_their_place(folder, tmp_path, file):
    copy = tmp_path / f"copy{pathlib.Path(file).suffix}"
    (shutil.copytree if (folder / file).is_dir() else shutil.copy)(folder / file, copy)
    fingerprint = predictor(folder / file).fingerprint()
    assert predictor(copy, NAMES).fingerprint() == fingerprint
    assert len(fingerprint) == 64


def test_the_fingerprint_of_a_model_follows_its_weights(model):
    other = tiny()
    assert predictor(other).fingerprint() != predictor(model).fingerprint()
    other.set_weights(model.get_weights())
    assert predictor(other).fingerprint() == predictor(model).fingerprint()


def test_the_fingerprint_of_a_model_follows_its_layers():
    def made(pooling):
        inputs = keras.Input((8, 8, 3))
        outputs = keras.layers.Softmax()(pooling()(inputs))
        return predictor(keras.Model(inputs, outputs)).fingerprint()

    layers = keras.layers
    assert made(layers.GlobalAveragePooling2D) != made(layers.GlobalMaxPooling2D)


def test_a_predictor_is_given_back(model):
    form = predictor(model)
    assert isinstance(form, Predictor)
    assert predictor(form) is form


@pytest.mark.parametrize("file", ["tiny.keras", "served", "tiny.tflite"])
def test_a_broken_picture_is_a_value_error(folder, file, pictures):
    with pytest.raises(ValueError, match="not a picture") as caught:
        predictor(folder / file).from_bytes([b"no picture"])
    assert "{{" not in str(caught.value)
    with pytest.raises(ValueError, match="not a picture"):
        predictor(folder / file).classify([pictures[0][:50]])


def test_a_lenient_saved_model_is_no_less_strict_here(model, tmp_path, pictures):
    export.saved_model(model, tmp_path / "m", class_names=NAMES, lenient=True)
    form = predictor(tmp_path / "m")
    assert form.from_bytes(pictures).shape == (2, 6)
    for ask in (form.from_bytes, form.classify):
        with pytest.raises(ValueError, match="not a picture that can be read"):
            ask([pictures[0], b"no picture"])


def test_refused_models(model, folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        predictor(tmp_path / "nowhere.keras")
    for name, kind in [("a.keras", "Keras"), ("a.tflite", "TFLite"), ("a.h5", "Keras")]:
        (tmp_path / name).write_bytes(b"garbage" * 10)
        with pytest.raises(ValueError, match=f"is not a {kind} model that can be read"):
            predictor(tmp_path / name)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ValueError, match=r"\.keras, \.h5, \.tflite, \.onnx"):
        predictor(tmp_path / "a.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="not a SavedModel"):
        predictor(tmp_path / "empty")
    model.export(tmp_path / "foreign", verbose=False)
    with pytest.raises(ValueError, match="serving_default"):
        predictor(tmp_path / "foreign")
    with pytest.raises(ValueError, match="2 names for the 6 classes"):
        predictor(model, class_names=("a", "b"))
    with pytest.raises(ValueError, match="fixed size"):
        predictor(tiny(size=None))
    with pytest.raises(ValueError, match="outputs"):
        predictor(keras.Model(model.input, [model.output, model.output]))


@pytest.mark.parametrize("file", ["python.keras", "python.h5"])
def test_python_code_in_a_file_of_keras_is_refused(file, model, tmp_path):
    doubled = keras.layers.Lambda(lambda x: 2 * x, output_shape=(6,))(model.output)
    keras.Model(model.input, doubled).save(tmp_path / file)
    with pytest.raises(ValueError, match="Lambda"):
        predictor(tmp_path / file)


def test_labels_of_another_length_are_refused(model, tmp_path):
    model.save(tmp_path / "tiny.keras")
    (tmp_path / "tiny.labels.txt").write_text("only\ntwo\n")
    with pytest.raises(ValueError, match="2 lines; the model has 6"):
        predictor(tmp_path / "tiny.keras")


@pytest.mark.parametrize(
    ("picture", "reason"),
    [(b"", "Input is empty"), (b"hello", "Unknown image"), (b"\x89PNG\r\n\x1a\n1", "Invalid PNG")],
)
def test_a_broken_picture_says_why(picture, reason):
    form = predictor(tiny())
    with pytest.raises(ValueError, match=f"not a picture that can be read: .*{reason}"):
        form.from_bytes([picture])


def test_the_old_names_of_arguments_work(model, folder, pictures, monkeypatch):
    for form in (predictor(model), predictor(folder / "served")):
        monkeypatch.setattr("keras_inception.renamed._said", set())
        with pytest.warns(FutureWarning, match=r"from_bytes\(pictures=...\) is now encoded"):
            found = form.from_bytes(pictures=pictures)
        np.testing.assert_array_equal(found, form.from_bytes(pictures))
        with pytest.warns(FutureWarning, match=r"classify\(pictures=...\) is now encoded"):
            found = form.classify(pictures=pictures, top=1)
        assert found == form.classify(pictures, 1)
