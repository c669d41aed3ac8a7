"""Pixels and class names as in `keras.applications`."""

import numpy as np
import pytest

import keras_inception
from keras_inception.models.imagenet import class_names


def test_preprocess_input():
    x = np.array([0.0, 127.5, 255.0], "float32")
    for module in (keras_inception.inception_v4, keras_inception.xception):
        np.testing.assert_allclose(module.preprocess_input(x.copy()), [-1, 0, 1], atol=1e-6)


def test_class_names():
    names = class_names()
    assert len(names) == 1000
    assert names[0] == ("n01440764", "tench")
    assert names[1] == ("n01443537", "goldfish")
    assert names[2] == ("n01484850", "great_white_shark")
    assert [wnid for wnid, _ in names] == sorted(wnid for wnid, _ in names)


@pytest.mark.parametrize(("outputs", "shift"), [(1000, 0), (1001, 1)])
def test_decode_predictions(outputs, shift):
    preds = np.zeros((2, outputs), "float32")
    preds[0, 1 + shift], preds[0, 0 + shift] = 0.7, 0.2
    preds[1, 0] = 1.0
    first, second = keras_inception.inception_v4.decode_predictions(preds, top=2)
    assert first == [
        ("n01443537", "goldfish", pytest.approx(0.7)),
        ("n01440764", "tench", pytest.approx(0.2)),
    ]
    assert second[0][1] == ("background" if shift else "tench")


def test_decode_predictions_of_a_quantized_network():
    preds = np.zeros((1, 1000), "uint8")
    preds[0, 7] = 200
    assert keras_inception.inception_v4.decode_predictions(preds, top=1)[0][0][1:] == ("cock", 200)


def test_decode_predictions_of_another_shape():
    with pytest.raises(ValueError, match=r"shape \(batch, 1000\), or \(batch, 1001\).*got \(5,\)"):
        keras_inception.inception_v4.decode_predictions(np.zeros(5))
