"""Tests of export/to_saved_model.py: signatures, answers and refusals, on a tiny network."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception import export
from keras_inception.data import preprocessing

NAMES = ["cat", "dog", "Kuh é", "hen"]


def tiny(shape=(12, 12, 3), classes=4):
    images = keras.Input(shape)
    x = keras.layers.Conv2D(8, 3, use_bias=False)(images)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(x))
    x = keras.layers.Dense(classes, activation="softmax", kernel_initializer="orthogonal")(x)
    return keras.Model(images, x, name="tiny")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(2)
    return tiny()


@pytest.fixture(scope="module")
def signatures(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "model"
    parity = export.saved_model(model, path, class_names=NAMES, top_k=2)
    assert parity.path == str(path)
    assert parity.largest_difference < 1e-5
    assert parity.agreement == 1
    loaded = tf.saved_model.load(str(path))
    signatures = dict(loaded.signatures)
    signatures["loaded"] = loaded  # a signature does not keep its variables alive
    return signatures


@pytest.fixture(scope="module")
def pictures():
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (*s, 3), "uint8") for s in ((15, 22), (9, 40), (12, 12))]


def expected(model, pictures):
    views = [preprocessing.evaluation_view(picture, 12) for picture in pictures]
    return np.asarray(model(np.stack(views), training=False))


def test_serving_default_takes_any_size_and_batch(model, signatures, pictures):
    for picture in pictures:
        batch = np.stack([picture, picture[::-1]]).astype("float32")
        answers = signatures["serving_default"](images=tf.constant(batch))
        probabilities = expected(model, [picture, picture[::-1]])
        np.testing.assert_allclose(answers["probabilities"], probabilities, atol=1e-6)


def test_serve_uint8_is_the_same(signatures, pictures):
    batch = np.stack([pictures[0], pictures[0][::-1]])
    expected = signatures["serving_default"](images=tf.constant(batch, tf.float32))
    answers = signatures["serve_uint8"](images=tf.constant(batch))
    for name, values in expected.items():
        np.testing.assert_array_equal(answers[name], values)
    with pytest.raises(tf.errors.InvalidArgumentError, match="no pixels"):
        signatures["serve_uint8"](images=tf.zeros((1, 0, 9, 3), tf.uint8))


@pytest.mark.parametrize("encode", [tf.io.encode_png, tf.io.encode_jpeg])
def test_serve_bytes_takes_pictures_of_different_sizes(model, signatures, pictures, encode):
    encoded = [encode(picture).numpy() for picture in pictures]
    answers = signatures["serve_bytes"](image_bytes=tf.constant(encoded))
    decoded = [preprocessing.decode_image(data) for data in encoded]
    probabilities = expected(model, decoded)
    np.testing.assert_allclose(answers["probabilities"], probabilities, atol=1e-6)
    best = np.argsort(-probabilities, axis=1)[:, :2]
    names = [[name.decode() for name in row] for row in answers["classes"].numpy()]
    assert names == [[NAMES[i] for i in row] for row in best]
    scores = np.take_along_axis(probabilities, best, axis=1)
    np.testing.assert_allclose(answers["scores"], scores, atol=1e-6)


def test_preprocessed_is_the_network_alone(model, signatures):
    crops = np.random.default_rng(1).uniform(-1, 1, (3, 12, 12, 3)).astype("float32")
    answers = signatures["preprocessed"](crops=tf.constant(crops))
    assert list(answers) == ["probabilities"]
    np.testing.assert_allclose(answers["probabilities"], model(crops), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "request_", "message"),
    [
        ("serve_bytes", {"image_bytes": tf.constant([], tf.string)}, "has no pictures"),
        ("serving_default", {"images": tf.zeros((0, 9, 9, 3))}, "has no pictures"),
        ("preprocessed", {"crops": tf.zeros((0, 12, 12, 3))}, "has no pictures"),
        ("preprocessed", {"crops": tf.fill((1, 12, 12, 3), np.nan)}, "NaN or infinite"),
        ("serve_bytes", {"image_bytes": [b"text"]}, "picture 0 of the request is not a JPEG, PNG"),
    ],
)
def test_requests_that_say_nothing(signatures, name, request_, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signatures[name](**{key: tf.constant(value) for key, value in request_.items()})


def test_types_in_the_signatures(signatures):
    for name in ("serving_default", "serve_bytes"):
        outputs = signatures[name].structured_outputs
        assert {key: spec.dtype for key, spec in outputs.items()} == {
            "probabilities": tf.float32,
            "classes": tf.string,
            "scores": tf.float32,
        }
    (spec,) = signatures["serving_default"].structured_input_signature[1].values()
    assert (spec.name, spec.dtype, tuple(spec.shape)) == (
        "images",
        tf.float32,
        (None, None, None, 3),
    )


def test_a_broken_picture_is_an_error_and_the_next_request_is_answered(signatures, pictures):
    serve, png = signatures["serve_bytes"], tf.io.encode_png(pictures[0]).numpy()
    with pytest.raises(tf.errors.InvalidArgumentError):
        serve(image_bytes=tf.constant([png, b"no picture"]))
    assert serve(image_bytes=tf.constant([png]))["scores"].shape == (1, 2)


def test_without_class_names_classes_are_numbers_and_top_k_is_bounded(model, tmp_path):
    export.saved_model(model, tmp_path / "m")
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    answers = loaded.signatures["serving_default"](images=tf.zeros((1, 20, 20, 3)))
    assert sorted(answers["classes"].numpy()[0]) == [b"0", b"1", b"2", b"3"]


def test_mixed_precision_gives_float32(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny()
    finally:
        keras.config.set_dtype_policy("float32")
    export.saved_model(model, tmp_path / "m")
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    answers = loaded.signatures["serving_default"](images=tf.zeros((1, 20, 20, 3)))
    assert answers["probabilities"].dtype == tf.float32
    assert export.tflite(model, tmp_path / "m.tflite").largest_difference < 2e-2


def test_refused(model, tmp_path):
    def refused(message, *arguments, **keywords):
        with pytest.raises(ValueError, match=message):
            export.saved_model(*arguments, **keywords)

    refused("3 names; the model has 4 classes", model, tmp_path / "m", class_names=["a", "b", "c"])
    refused("empty or has a line break", model, tmp_path / "m", class_names=["a", "b\nc", "d", "e"])
    refused("empty or has a line break", model, tmp_path / "m", class_names=["a", " ", "d", "e"])
    refused("empty or has a line break", model, tmp_path / "m", class_names=["a\n", "b", "c", "d"])
    refused("megapixels=inf; it must be above 0", model, tmp_path / "m", megapixels=float("inf"))
    refused("top_k=0", model, tmp_path / "m", top_k=0)
    refused("fixed size", tiny((None, None, 3)), tmp_path / "m")
    refused("fixed size", tiny((12, 14, 3)), tmp_path / "m")
    refused("fixed size", tiny((12, 12, 1)), tmp_path / "m")
    refused(
        "it must be one of float32, bfloat16",
        model,
        tmp_path / "m",
        precision="int8",
    )
    refused("megapixels=0; it must be above 0", model, tmp_path / "m", megapixels=0)
    refused("megapixels=1e-06; it must be at least", model, tmp_path / "m", megapixels=1e-6)
    refused("2 outputs", keras.Model(model.input, [model.output] * 2), tmp_path / "m")
    refused("classes", keras.Model(model.input, model.layers[1].output), tmp_path / "m")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep me")
    refused("not a SavedModel: it is not replaced", model, tmp_path / "mine")
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep me"


def test_the_old_name_of_class_names(model, tmp_path):
    with pytest.warns(FutureWarning, match=r"saved_model\(labels=...\) is now class_names"):
        export.saved_model(model, tmp_path / "m", labels=NAMES)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    answers = loaded.signatures["serving_default"](images=tf.zeros((1, 20, 20, 3)))
    assert answers["classes"].numpy()[0, 0].decode() in NAMES


def test_an_older_export_is_replaced(model, tmp_path):
    for names in (NAMES, NAMES[::-1]):
        export.saved_model(model, tmp_path / "m", class_names=names, overwrite=True)
    with pytest.raises(FileExistsError, match="m exists; overwrite=True"):
        export.saved_model(model, tmp_path / "m")
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    answers = loaded.signatures["preprocessed"](crops=tf.zeros((1, 12, 12, 3)))
    assert answers["probabilities"].shape == (1, 4)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_bfloat16_is_half_as_large_and_close(tmp_path):
    images = keras.Input((12, 12, 3))
    x = keras.layers.Flatten()(keras.layers.Conv2D(256, 3, activation="relu")(images))
    x = keras.layers.Dense(16, activation="relu")(x)
    model = keras.Model(images, keras.layers.Dense(4, activation="softmax")(x), name="wide")
    full = export.saved_model(model, tmp_path / "full")
    half = export.saved_model(model, tmp_path / "half", precision="bfloat16")
    assert 0.5 < half.bytes / full.bytes < 0.7
    assert full.largest_difference < 1e-5 < half.largest_difference < 2e-2


@pytest.mark.parametrize("frozen", [True, False])
def test_variables_or_constants(model, tmp_path, frozen):
    export.saved_model(model, tmp_path / "m", frozen=frozen)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    assert len(loaded.variables_of_the_model) == (0 if frozen else 4)  # batch norm is folded


def test_heads_of_training_are_left_out(model, tmp_path):
    side = keras.layers.Dense(4)(keras.layers.Flatten()(model.layers[1].output))
    training = keras.Model(model.input, {"predictions": model.output, "auxiliary": side})
    assert export.saved_model(training, tmp_path / "m").largest_difference < 1e-6


def test_an_interrupted_export_leaves_nothing(model, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    export.saved_model(model, tmp_path / "m", NAMES)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr("keras_inception.export.parity.compare", stop)
    for path in (tmp_path / "m", tmp_path / "new" / "m"):
        with pytest.raises(KeyboardInterrupt):
            export.saved_model(model, path, overwrite=True)
    assert sorted(tmp_path.rglob("*")) == [*before, tmp_path / "new"]
