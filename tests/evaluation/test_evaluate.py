"""Tests of evaluation/evaluate.py: known answers, crops, ensembles, and photo_patches itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception.evaluation import Evaluation, evaluate, predictor


def color_model(name="color", power=4.0, size=8):
    """Three classes: the more of a crop's mean is in a channel, the likelier is its class."""
    images = keras.Input((size, size, 3))
    x = keras.layers.GlobalAveragePooling2D()(images)
    x = keras.layers.Rescaling(power)(x)
    return keras.Model(images, keras.layers.Softmax()(x), name=name)


def batches(crops, labels, batch_size=2):
    data = tf.data.Dataset.from_tensor_slices((np.asarray(crops, "float32"), np.asarray(labels)))
    return data.batch(batch_size)


def colored(*channels):
    """One picture, a crop for each channel number: that channel is 1, the others -1."""
    crops = np.full((len(channels), 8, 8, 3), -1.0)
    for crop, channel in zip(crops, channels, strict=True):
        crop[..., channel] = 1
    return crops


def test_one_crop():
    pictures = [colored(0), colored(1), colored(2), colored(2), colored(1)]
    found = evaluate(color_model(), batches(pictures, [0, 1, 2, 0, 1]), progress=False)
    assert isinstance(found, Evaluation)
    assert (found.top1, found.top5, found.pictures) == (0.8, 1.0, 5)
    assert found.top1_standard_error == pytest.approx(np.sqrt(0.8 * 0.2 / 5))
    assert found.top5_standard_error == 0
    assert found.confusion.tolist() == [[1, 0, 1], [0, 2, 0], [0, 0, 1]]
    assert found.predictions.tolist() == [0, 1, 2, 2, 1]
    assert found.classes == ("0", "1", "2")
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-6)
    summary = found.summary()
    assert summary["models"] == ["color"]
    assert summary["top1"] == 0.8


def test_crops_are_averaged_after_the_softmax():
    pictures = [colored(0, 0, 1), colored(2, 1, 1)]
    data = batches(pictures, [0, 1])
    # One crop at a time through the network, so that crops straddle its batches.
    found = evaluate(color_model(), data, 3, batch_size=1, progress=False)
    high, low = np.exp([4, -4]) / (np.exp(4) + 2 * np.exp(-4))
    np.testing.assert_allclose(found.probabilities[0, 0], (2 * high + low) / 3, rtol=1e-5)
    assert found.top1 == 1
    assert found.crops == 3


def test_an_ensemble_averages_probabilities():
    sure, unsure = color_model("sure"), color_model("unsure", power=0.1)
    data = batches([colored(0), colored(1)], [0, 1])
    both = evaluate([sure, unsure], data, progress=False)
    each = [evaluate(m, data, progress=False).probabilities for m in (sure, unsure)]
    np.testing.assert_allclose(both.probabilities, np.mean(each, axis=0), rtol=1e-5)
    assert both.models == ("sure", "unsure")


def test_a_bar_shows_pictures_per_second(capsys):
    evaluate(color_model(), batches([colored(0)] * 3, [0, 1, 2]))
    shown = capsys.readouterr().err
    assert "color, 1 crop" in shown
    assert "images/s" in shown


@pytest.mark.parametrize(
    ("models", "data", "crops", "message"),
    [
        ([], batches([colored(0)], [0]), 1, "no model"),
        (color_model(), batches([colored(0)], [0]), 10, r"\(batch, 10, size, size, 3\)"),
        (color_model(), batches([colored(0)], [3]), 1, r"\[0, 3\)"),
        (color_model(), batches([colored(0)], [0]).take(0), 1, "no pictures"),
        ([color_model(), color_model(size=9)], batches([colored(0)], [0]), 1, "name a data set"),
        (color_model(), "photo_patches", 1, "3 classes, where 14"),
    ],
)
def test_bad_input_is_a_value_error(models, data, crops, message):
    with pytest.raises(ValueError, match=message):
        evaluate(models, data, crops, progress=False)


def test_logits_are_refused():
    images = keras.Input((8, 8, 3))
    logits = keras.Model(images, keras.layers.GlobalAveragePooling2D()(images), name="logits")
    with pytest.raises(ValueError, match="outputs of logits do not sum to one"):
        evaluate(logits, batches([colored(0)], [0]), progress=False)


def classifier_of_patches(size):
    images = keras.Input((size, size, 3))
    x = keras.layers.AveragePooling2D(size // 4)(images)
    x = keras.layers.Dense(14, activation="softmax")(keras.layers.Flatten()(x))
    return keras.Model(images, x, name=f"at{size}")


def test_photo_patches_by_name_with_models_of_two_sizes(photo_patches_dir):
    models = [predictor(classifier_of_patches(size)) for size in (16, 24)]
    together = evaluate(models, "photo_patches", data_dir=photo_patches_dir, progress=False)
    assert together.pictures == 560
    assert together.classes[0] == "brick"
    assert 0 < together.top1_standard_error < 0.02
    apart = [
        evaluate(m, "photo_patches", data_dir=photo_patches_dir, progress=False) for m in models
    ]
    np.testing.assert_array_equal(apart[0].labels, together.labels)
    expected = (apart[0].probabilities + apart[1].probabilities) / 2
    np.testing.assert_allclose(together.probabilities, expected, atol=1e-6)
    with pytest.raises(ValueError, match="no split 'tset'"):
        evaluate(models, "photo_patches", split="tset", data_dir=photo_patches_dir, progress=False)
