"""MediaPipe takes the `.tflite` files as they are and gives Keras's labels."""

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.runtimes
mediapipe = pytest.importorskip("mediapipe")
pytest.importorskip("ai_edge_litert")

from keras_inception import export  # noqa: E402

SIDE = 32
NAMES = ["cat", "dog", "Kuh é", "hen", "ant", "bee"]
FORMS = {
    "float32": {},
    "float16": {},
    "dynamic": {},
    "int8": {"mode": "int8"},
    "uint8": {"mode": "int8", "uint8": True},
    "int16x8": {"mode": "int16x8"},
}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    images = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Conv2D(32, 3, strides=2, activation="relu")(images)
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(5)(x))
    x = keras.layers.Dense(6, activation="softmax")(x)
    return keras.Model(images, x, name="colours")


@pytest.fixture(scope="module")
def pictures():
    """Pictures of the network's size, because MediaPipe has a resize of its own."""
    generator = np.random.default_rng(1)
    coarse = generator.uniform(0, 255, (40, 4, 4, 3))
    return np.clip(np.kron(coarse, np.ones((1, 8, 8, 1))), 0, 255).astype("uint8")


@pytest.mark.parametrize("form", FORMS)
def test_labels_and_scores_are_those_of_keras(model, pictures, tmp_path, form):
    options = {"mode": form, **FORMS[form]}
    if options["mode"] in ("int8", "int16x8"):
        options["representative"] = pictures
    path = tmp_path / f"{form}.tflite"
    export.tflite(model, path, class_names=NAMES, **options)
    probabilities = np.asarray(model(pictures / 127.5 - 1))
    tasks = mediapipe.tasks
    settings = tasks.vision.ImageClassifierOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(path)), max_results=len(NAMES)
    )
    same = 0
    with tasks.vision.ImageClassifier.create_from_options(settings) as classifier:
        for picture, expected in zip(pictures, probabilities):
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
            found = classifier.classify(image).classifications[0].categories
            assert len(found) == len(NAMES)
            scores = {category.category_name: category.score for category in found}
            in_order = [scores[name] for name in NAMES]
            exact = form in ("float32",)
            np.testing.assert_allclose(in_order, expected, atol=1e-5 if exact else 0.03)
            same += found[0].category_name == NAMES[expected.argmax()]
    assert same >= len(pictures) * (1 if form.startswith("float") else 0.95)
