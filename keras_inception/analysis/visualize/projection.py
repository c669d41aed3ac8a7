"""Maps of features: each picture a point, near those that the network finds similar."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import ArrayLike

from keras_inception.analysis.visualize.ascent import check_settings
from keras_inception.analysis.visualize.feature_vectors import Features, features
from keras_inception.analysis.visualize.scatter_plot import scatter
from keras_inception.analysis.visualize.svg import Figure
from keras_inception.data import as_dataset
from keras_inception.renamed import replaced_arguments

METHODS = ("pca", "tsne")


@dataclasses.dataclass(frozen=True)
class FeatureMap:
    """A map of features, made by `feature_map`.

    Attributes:
        points: (n, 2), a row for each picture.
        labels: (n,), the class number of each picture.
        class_names: names of the classes, by number.
        explained: for "pca" the share of the variance along each axis, otherwise `None`.
        figure: the map as a `Figure`, its classes in colours, with a legend.
    """

    points: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    explained: tuple[float, float] | None
    figure: Figure


def _of_a_model(arguments, given):
    """Accepts the old call with a model, and computes its features."""
    if not isinstance(arguments["source"], keras.Model):
        if {"dataset", "end_point"} & set(given):
            raise ValueError("dataset and end_point go with a model, not with features")
    elif "dataset" in given:
        place = {name: given.pop(name) for name in ("split", "data_dir") if name in given}
        dataset = as_dataset(given.pop("dataset"), **place)
        arguments["source"] = features(arguments["source"], dataset, **given)


@replaced_arguments(
    ("dataset", "end_point", "split", "limit", "data_dir"),
    "feature_map(features(model, dataset, ...))",
    _of_a_model,
)
def feature_map(
    source: Features | ArrayLike,
    labels: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    *,
    method: str = "pca",
    sprites: bool = False,
    perplexity: float = 30.0,
    seed: int = 0,
) -> FeatureMap:
    """Maps features to the plane and draws them.

    Args:
        source: the `features` of a data set's pictures, or numbers (n, channels).
        labels: (n,), the class number of each row. The default is the labels of `source`; without
            any, all rows are one class.
        class_names: names of the classes, by number. The default is those of `source`; without any,
            the numbers.
        method: "pca" for the two directions of largest variance, or "tsne" (van der Maaten and
            Hinton 2008), which keeps neighbours together and needs scikit-learn.
        sprites: whether to draw the pictures of `source` themselves, small, in place of marks.
        perplexity: about how many neighbours "tsne" keeps together.
        seed: seed of "tsne".

    Returns:
        A `FeatureMap`.

    Raises:
        ValueError: features, labels or names do not fit each other, or there are no pictures for
            `sprites`.
        ImportError: "tsne" without scikit-learn.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    check_settings(perplexity=(perplexity, 1))
    if isinstance(source, keras.Model):
        raise ValueError("source is a model: give features(model, dataset) instead")
    found = source if isinstance(source, Features) else Features(np.asarray(source))
    if sprites and found.pictures is None:
        raise ValueError("sprites=True draws pictures: give Features that have some")
    values, numbers, names = _checked(
        found.vectors,
        found.labels if labels is None else labels,
        found.class_names if class_names is None else class_names,
    )
    explained = None
    if method == "pca":
        points, explained = pca(values)
    else:
        points = _tsne(values, perplexity, seed)
    shown = found.pictures if sprites else None
    figure = scatter(points, numbers, names, _axis_names(explained), shown)
    return FeatureMap(points, numbers, names, explained, figure)


def pca(values: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Projects (n, channels) to its two principal components.

    The sign of each component is such that its largest weight is positive.

    Returns:
        Points (n, 2), and the share of the variance along each component.
    """
    centred = values - values.mean(axis=0)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:2]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    total = max((lengths**2).sum(), np.finfo("float64").tiny)
    first, second = (float(length**2 / total) for length in lengths[:2])
    return centred @ directions.T, (first, second)


def _tsne(values, perplexity, seed):
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise ImportError(
            "method 'tsne' needs scikit-learn: pip install keras_inception[visualize], or use 'pca'"
        ) from error
    if perplexity >= len(values):
        raise ValueError(f"perplexity {perplexity:g} must be below the {len(values)} features")
    return TSNE(perplexity=perplexity, random_state=seed, init="pca").fit_transform(values)


def _checked(values, labels, class_names):
    values = np.asarray(values)
    if values.ndim != 2 or len(values) < 3 or values.shape[1] < 2 or values.dtype.kind not in "uif":
        raise ValueError(
            "features must be numbers of shape (n, channels), at least 3 rows of 2, got "
            f"{values.dtype.name} {values.shape}"
        )
    values = values.astype("float64")
    if not np.isfinite(values).all():
        raise ValueError("features must be finite numbers, got NaN or infinity")
    labels = np.zeros(len(values), int) if labels is None else np.asarray(labels)
    if labels.shape != (len(values),) or labels.dtype.kind not in "ui" or labels.min() < 0:
        raise ValueError(
            f"labels must be {len(values)} class numbers from 0, one for each row of the features, "
            f"got {labels.dtype.name} {labels.shape}"
        )
    if class_names is None:
        class_names = [str(i) for i in range(labels.max() + 1)]
    if len(class_names) <= labels.max():
        raise ValueError(
            f"class_names must have a name for label {labels.max()}, got {len(class_names)} names"
        )
    return values, labels, tuple(map(str, class_names))


def _axis_names(explained):
    if explained is None:
        return ("", "")
    return tuple(
        f"component {i}, {share:.0%} of the variance" for i, share in enumerate(explained, 1)
    )
