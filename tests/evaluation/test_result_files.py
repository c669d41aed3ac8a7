"""Tests of evaluation/result_files.py: figures that agree with each other, and the page."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception import data
from keras_inception.evaluation import evaluate, result_files, write_results

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def found(photo_patches_dir):
    keras.utils.set_random_seed(0)
    images = keras.Input((16, 16, 3))
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(images))
    model = keras.Model(images, keras.layers.Dense(14, activation="softmax")(x), name="one")
    dataset = data.open("photo_patches", "test", photo_patches_dir).without([5])
    return evaluate([model, model], dataset, progress=False)


def test_files(found, tmp_path):
    report = write_results(found, tmp_path / "out")
    assert report == tmp_path / "out" / "report.html"
    assert sorted(p.name for p in report.parent.iterdir()) == ["report.html", "results.json"]
    figures = json.loads((tmp_path / "out" / "results.json").read_text())
    assert figures["pictures"] == 559 == sum(row["pictures"] for row in figures["confusion"])
    assert sum(row["pictures"] for row in figures["classes"]) == 559
    right = [row for row in figures["confusion"] if row["true"] == row["taken_for"]]
    assert sum(row["pictures"] for row in right) / 559 == pytest.approx(figures["top1"])
    assert figures["each_model"][0]["top1"] == figures["top1"]
    bins = figures["reliability"]
    assert np.dot(bins["pictures"], bins["accuracy"]) / 559 == pytest.approx(figures["top1"])


def test_page(found, tmp_path):
    text = write_results(found, tmp_path).read_text()
    assert f"{found.top1:.2%} \u00b1 {found.top1_standard_error:.2%}" in text
    for piece in ("2 models together", "photo_patches, test: 559 pictures", "1 picture left out"):
        assert piece in text
    assert text.count('<figure class="card wrong">') == result_files.MISTAKES
    assert '<figure class="card right">' not in text
    assert text.count("data:image/png") == 4  # two plots in two themes


def test_mistakes_are_the_pictures_they_are_said_to_be(found, photo_patches_dir):
    examples = data.open("photo_patches", "test", photo_patches_dir).encoded()
    stored = [(picture, label) for picture, label in examples.as_numpy_iterator()]
    cards = result_files.mistakes(found, 5)
    assert len(cards) == 5
    for card in cards:
        picture, label = stored[int(card.note.removeprefix("picture "))]
        assert card.encoded == picture
        assert card.truth == found.class_names[label] != card.best[0][0]


def test_batches_without_mistakes_or_names():
    images = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(images)
    model = keras.Model(images, keras.layers.Softmax()(x), name="two")
    batches = tf.data.Dataset.from_tensors((np.ones((1, 1, 8, 8, 3), "float32"), np.array([0])))
    found = evaluate(model, batches, progress=False)
    assert result_files.mistakes(found, 3) == []
    assert "batches: 1 picture, 1 crop of each" in result_files.page(found, [])
