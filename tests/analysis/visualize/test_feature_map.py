"""Maps of features: PCA by another way, the figure, a model with its data set, bad input."""

import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import keras_inception
from keras_inception.analysis.visualize import feature_map
from keras_inception.analysis.visualize.feature_map import pca
from keras_inception.data import pipeline

NAMESPACE = "{http://www.w3.org/2000/svg}"


def values(count=40, channels=7):
    random = np.random.default_rng(0)
    return random.standard_normal((count, channels)) * np.arange(1, channels + 1)


def test_pca_is_that_of_the_covariance():
    x = values()
    points, explained = pca(x)
    shares, directions = np.linalg.eigh(np.cov(x.T))
    expected = (x - x.mean(axis=0)) @ directions[:, ::-1][:, :2]
    signs = np.sign((expected * points).sum(axis=0))
    np.testing.assert_allclose(points, expected * signs, atol=1e-10)
    np.testing.assert_allclose(explained, (shares[::-1] / shares.sum())[:2], atol=1e-10)
    np.testing.assert_array_equal(pca(x)[0], points)


def test_points_that_are_all_the_same():
    points, explained = pca(np.ones((4, 3)))
    assert (points == 0).all()
    assert explained == (0, 0)


def test_the_figure():
    labels = np.arange(40) % 3
    found = feature_map(values(), labels, class_names=["cat", "a_dog", "<cow>"])
    root = ElementTree.fromstring(found.figure.svg)
    texts = [text.text for text in root.iter(f"{NAMESPACE}text")]
    assert texts[:3] == ["cat", "a dog", "<cow>"]
    assert texts[3].startswith("component 1, ")
    marks = [*root.iter(f"{NAMESPACE}circle"), *root.iter(f"{NAMESPACE}rect")]
    assert len(marks) == 40 + 3 + 2  # and the legend, the ground, the frame
    colors = {mark.get("fill") for mark in marks if mark.get("fill", "").startswith("hsl")}
    assert len(colors) == 3
    for mark in root.iter(f"{NAMESPACE}circle"):
        assert 0 < float(mark.get("cx")) < found.figure.width
        assert 0 < float(mark.get("cy")) < found.figure.height
    assert found.points.shape == (40, 2)


def test_a_model_and_its_data_set(photo_patches_dir):
    model = keras_inception.InceptionV1(
        weights=None, width_multiplier=0.25, classes=14, input_shape=(64, 64, 3)
    )
    options = {"dataset": "photo_patches", "limit": 30, "data_dir": photo_patches_dir}
    found = feature_map(model, end_point="mixed_3b", sprites=True, **options)
    assert found.points.shape == (30, 2)
    every = pipeline.encoded_examples("photo_patches", "test", photo_patches_dir)
    every = [int(label) for _, label in every]
    assert found.labels.tolist() == [every[i * len(every) // 30] for i in range(30)]
    assert "chelsea" in found.class_names
    root = ElementTree.fromstring(found.figure.svg)
    assert len(list(root.iter(f"{NAMESPACE}image"))) == 30
    with pytest.raises(ValueError, match="no end point 'mixed_9z'"):
        feature_map(model, end_point="mixed_9z", **options)


def test_tsne_needs_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(ImportError, match=r"needs scikit-learn: pip install keras_inception\[vis"):
        feature_map(values(), method="tsne")


def test_tsne():
    pytest.importorskip("sklearn")
    x = np.concatenate([values(20), values(20) + 100])
    found = feature_map(x, np.repeat([0, 1], 20), method="tsne", perplexity=5)
    assert found.explained is None
    first, second = found.points[:20], found.points[20:]
    apart = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    assert apart > 2 * np.linalg.norm(first - first.mean(axis=0), axis=1).mean()
    again = feature_map(x, method="tsne", perplexity=5)
    np.testing.assert_array_equal(found.points, again.points)
    with pytest.raises(ValueError, match="perplexity 50 must be below the 40 features"):
        feature_map(x, method="tsne", perplexity=50)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": values()[0]}, r"numbers of shape \(n, channels\).* float64 \(7,\)"),
        ({"source": values() * np.nan}, "no finite numbers"),
        ({"labels": [0, 1]}, r"labels must be 40 numbers of classes from 0.*\(2,\)"),
        ({"labels": np.full(40, -1)}, "labels must be 40"),
        ({"labels": np.full(40, 3), "class_names": ["a", "b"]}, "2 class names, and a label 3"),
        ({"method": "umap"}, r"method must be one of \('pca', 'tsne'\), got 'umap'"),
        ({"dataset": "photo_patches"}, "a model comes with dataset="),
        ({"sprites": True}, "sprites and end_point go with a model"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        feature_map(**{"source": values(), **arguments})
