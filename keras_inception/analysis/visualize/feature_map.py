"""Maps of features: each picture a point, near to those that a network finds alike."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from keras_inception.analysis.visualize.ascent import check_settings
from keras_inception.analysis.visualize.head import last_grid
from keras_inception.analysis.visualize.network import Network
from keras_inception.analysis.visualize.pictures import seen_size, to_pixels
from keras_inception.analysis.visualize.scatter import scatter
from keras_inception.analysis.visualize.svg import Figure

METHODS = ("pca", "tsne")


@dataclasses.dataclass(frozen=True)
class FeatureMap:
    """What `feature_map` found.

    Attributes:
        points: (n, 2), a row a picture.
        labels: (n,), the number of each one's class.
        class_names: of the numbers.
        explained: of "pca", the share of the variance along each of both axes; else `None`.
        figure: a `Figure`: classes in colours, with a legend.
    """

    points: np.ndarray
    labels: np.ndarray
    class_names: tuple
    explained: tuple | None
    figure: Figure


def feature_map(
    source,
    labels=None,
    *,
    dataset=None,
    method="pca",
    end_point=None,
    class_names=None,
    split="test",
    limit=1000,
    sprites=False,
    perplexity=30.0,
    seed=0,
    data_dir=None,
):
    """Maps features to the plane and draws them.

    Args:
        source: features (n, channels), or a model that takes pictures in [-1, 1], whose features
            of `dataset` are computed: the mean of an end point over its pixels.
        labels: with features, the number of each one's class; by default all are one class.
        dataset: with a model, as in `data.pipeline`: a name, or `folder:PATH`.
        method: "pca", the two directions of the largest variance; or "tsne" (van der Maaten and
            Hinton 2008), which keeps neighbours together and needs scikit-learn.
        end_point: by default the last grid, before the global pooling.
        class_names: by default those of the data set, or the numbers.
        split, data_dir: of the data set.
        limit: at most so many pictures, spread evenly over the split.
        sprites: whether the points are the pictures themselves, small.
        perplexity, seed: of "tsne".

    Returns:
        A `FeatureMap`.

    Raises:
        ValueError: features, labels or names do not fit each other, or there is no such end point.
        ImportError: "tsne" without scikit-learn.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    check_settings(limit=(limit, 3, True), perplexity=(perplexity, 1))
    is_model = isinstance(source, keras.Model)
    if is_model == (dataset is None):
        raise ValueError("a model comes with dataset=, features (n, channels) come without")
    pictures = None
    if is_model:
        source, labels, pictures, names = features(
            source, dataset, split=split, end_point=end_point, limit=limit, data_dir=data_dir
        )
        class_names = names if class_names is None else class_names
    elif sprites or end_point is not None:
        raise ValueError("sprites and end_point go with a model, not with features")
    values, labels, class_names = _checked(source, labels, class_names)
    explained = None
    if method == "pca":
        points, explained = pca(values)
    else:
        points = _tsne(values, perplexity, seed)
    shown = pictures if sprites else None
    figure = scatter(points, labels, class_names, _axis_names(explained), shown)
    return FeatureMap(points, labels, class_names, explained, figure)


def features(model, dataset, *, split="test", end_point=None, limit=1000, data_dir=None):
    """The features of a data set's pictures.

    Args: as in `feature_map`.

    Returns:
        features float32 (n, channels), labels (n,), pictures uint8 (n, size, size, 3), and the
        names of the classes.
    """
    from keras_inception.data import pipeline

    network = Network(model)
    grid = last_grid(network) if end_point is None else network.grid(end_point)
    rows, columns = seen_size(network, [grid])
    if rows != columns or network.input.shape[-1] != 3:
        raise ValueError(f"{model.name} takes {network.input.shape}; squares of RGB are wanted")

    @tf.function(reduce_retracing=True)
    def compute(images):
        (values,) = network.run([grid], images)
        return tf.reduce_mean(tf.cast(values, tf.float32), axis=(1, 2))

    count = pipeline.count_examples(dataset, split, data_dir)
    wanted = {i * count // limit for i in range(limit)} if count > limit else set(range(count))
    batches = pipeline.evaluation_batches(
        dataset, rows, 32, split, data_dir=data_dir, exclude=set(range(count)) - wanted
    )
    found = [(compute(views[:, 0]), labels, to_pixels(views[:, 0])) for views, labels in batches]
    values, labels, pictures = (np.concatenate(parts) for parts in zip(*found))
    return values, labels, pictures, pipeline.dataset_info(dataset, data_dir).class_names


def pca(values):
    """The two principal components of (n, channels), and the share of the variance along each.

    The sign of a direction is such that its largest weight is positive.
    """
    centred = values - values.mean(axis=0)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:2]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    total = max((lengths**2).sum(), np.finfo("float64").tiny)
    return centred @ directions.T, tuple(float(length**2 / total) for length in lengths[:2])


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
        raise ValueError("there are features that are no finite numbers")
    labels = np.zeros(len(values), int) if labels is None else np.asarray(labels)
    if labels.shape != (len(values),) or labels.dtype.kind not in "ui" or labels.min() < 0:
        raise ValueError(
            f"labels must be {len(values)} numbers of classes from 0, one a row of the features, "
            f"got {labels.dtype.name} {labels.shape}"
        )
    if class_names is None:
        class_names = [str(i) for i in range(labels.max() + 1)]
    if len(class_names) <= labels.max():
        raise ValueError(f"{len(class_names)} class names, and a label {labels.max()}")
    return values, labels, tuple(map(str, class_names))


def _axis_names(explained):
    if explained is None:
        return ("", "")
    return tuple(
        f"component {i}, {share:.0%} of the variance" for i, share in enumerate(explained, 1)
    )
