"""Maps of features: PCA by another way, the figure, the pictures themselves, bad input."""

import sys
import xml.etree.ElementTree as ElementTree

import keras
import numpy as np
import pytest

from keras_inception import data, renamed
from keras_inception.analysis.visualize import Features, feature_map, features, write_picture
from keras_inception.analysis.visualize.projection import pca

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


def of_pictures(count=12):
    pictures = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), "uint8")
    return Features(values(count), np.arange(count) % 2, pictures, ("cat", "dog"))


def test_features_of_pictures():
    found = feature_map(of_pictures())
    np.testing.assert_array_equal(found.points, feature_map(values(12)).points)
    assert found.labels.tolist() == [0, 1] * 6
    assert found.class_names == ("cat", "dog")
    assert "<image" not in found.figure.svg
    others = feature_map(of_pictures(), np.zeros(12, int), ["all"])
    assert (others.labels.tolist(), others.class_names) == ([0] * 12, ("all",))


def test_pictures_in_place_of_marks():
    root = ElementTree.fromstring(feature_map(of_pictures(), sprites=True).figure.svg)
    assert len(list(root.iter(f"{NAMESPACE}image"))) == 12


def test_the_old_arguments_of_a_model(monkeypatch, tmp_path):
    monkeypatch.setattr(renamed, "_said", set())
    for i in range(4):
        write_picture(np.full((12, 12, 3), 60 * i, "uint8"), tmp_path / f"a/{i % 2}/{i}.png")
    images = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="early")(images)
    model = keras.Model(images, keras.layers.GlobalAveragePooling2D()(x))
    options = {"end_point": "early", "split": "a", "limit": 3}
    opened = data.open(f"folder:{tmp_path}", "a")
    expected = feature_map(features(model, opened, "early", limit=3), sprites=True)
    with pytest.warns(FutureWarning, match=r"feature_map\(dataset=..., .* is now fea") as said:
        found = feature_map(model, dataset=f"folder:{tmp_path}", sprites=True, **options)
    assert len(said) == 1
    assert found.figure == expected.figure
    with pytest.raises(ValueError, match="dataset and end_point go with a model"):
        feature_map(values(), dataset=f"folder:{tmp_path}", **options)
    with pytest.raises(ValueError, match=r"source is a model: give features\(model, dataset\)"):
        feature_map(model)


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
        ({"source": values() * np.nan}, "must be finite numbers"),
        ({"labels": [0, 1]}, r"labels must be 40 class numbers from 0.*\(2,\)"),
        ({"labels": np.full(40, -1)}, "labels must be 40"),
        (
            {"labels": np.full(40, 3), "class_names": ["a", "b"]},
            "name for label 3, got 2 names",
        ),
        ({"method": "umap"}, r"method must be one of \('pca', 'tsne'\), got 'umap'"),
        ({"sprites": True}, "sprites=True draws pictures: give Features that have some"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        feature_map(**{"source": values(), **arguments})
