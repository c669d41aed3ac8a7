"""Frechet inception distance and Inception Score, which compare generated pictures with real ones.

Both run the network of 2015-12-05 (`InceptionV3(variant="fid")`). The distance (1706.08500) uses
the 2048 features of its global average pool, the score (1606.03498) its 1008 classes.

Whole pictures are squashed to 299 x 299 as in the port to PyTorch with which most figures are made
today (github.com/mseitzer/pytorch-fid): bilinear between pixel centres, without smoothing before
shrinking, pixels in [-1, 1].

**Differences from the authors' code.** It runs the published TensorFlow graph. There TensorFlow 1's
`ResizeBilinear` puts pixel 0 on pixel 0 (no `half_pixel_centers`), and pixels are (x - 128) / 128,
not x / 127.5 - 1. The two give figures that differ in the last digits.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np

from keras_inception.data import Dataset, as_dataset
from keras_inception.data.broken import UNREADABLE
from keras_inception.evaluation import metrics
from keras_inception.evaluation.frechet import Moments, Statistics, frechet_distance
from keras_inception.evaluation.predictors import KerasPredictor
from keras_inception.evaluation.progress import progress_bar
from keras_inception.models.inception_v3 import InceptionV3
from keras_inception.renamed import replaced_argument
from keras_inception.types import PathLike
from keras_inception.weights.formats import CONVERSION

# A port of the graph of 2015-12-05, which is published only as a PyTorch file.
PORT = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth"
)
SPLITS = 10  # number of parts for the Inception Score, as published
Pictures: TypeAlias = Dataset | str


class InceptionScore(NamedTuple):
    """Mean and standard deviation of the scores of all parts of a set of pictures."""

    mean: float
    deviation: float


def _split_of(argument):
    """Makes a decorator that accepts the old argument for the split of `argument`."""
    suffix = "" if argument == "source" else f"_{argument}"

    def convert(arguments: dict[str, Any], split: Any) -> None:
        if split is not None:
            named, data_dir = arguments[argument], arguments.get("data_dir")
            arguments[argument] = as_dataset(named, split, data_dir, labelled=False)

    return replaced_argument(f"split{suffix}", "data.open(name, split, labelled=False)", convert)


@_split_of("a")
@_split_of("b")
def fid(
    a: Pictures | Statistics | PathLike,
    b: Pictures | Statistics | PathLike,
    *,
    model: keras.Model | None = None,
    weights: PathLike | None = None,
    data_dir: str | None = None,
    batch_size: int = 32,
    progress: bool = True,
) -> float:
    """Computes the Frechet inception distance between two sets of pictures (0 if they are equal).

    Args:
        a, b: each is a `Dataset`, which needs no classes, or the name of one; the path of an `.npz`
            file of statistics by this package, pytorch-fid or the authors' code; or a `Statistics`.
        model, weights: as in `statistics`; not needed if neither set is given as pictures.
        data_dir, batch_size, progress: as in `statistics`.

    Returns:
        The distance. Rounding may leave it just below zero.

    Raises:
        ImportError: SciPy is not installed.
        FileNotFoundError: there is no such file of statistics.
        ValueError: there are pictures, but neither a model nor weights (the message says where the
            weights are); a set has fewer than two pictures, or one that cannot be read; a file is
            damaged or a pickle; or the features of the two sets come from different networks.
    """
    found = each_statistics(
        (a, b),
        model=model,
        weights=weights,
        data_dir=data_dir,
        batch_size=batch_size,
        progress=progress,
    )
    return frechet_distance(*found)


def each_statistics(
    sources: Iterable[Pictures | Statistics | PathLike],
    *,
    model: keras.Model | None = None,
    weights: PathLike | None = None,
    **arguments: Any,
) -> Iterator[Statistics]:
    """Yields the `Statistics` of each source; builds a network at most once, for pictures only.

    Args:
        sources: each is as `a` and `b` of `fid`.
        model, weights, arguments: as in `statistics`.
    """
    network = None
    for source in sources:
        if isinstance(source, Statistics):
            yield source
        elif (file := _statistics_file(source)) is not None:
            yield Statistics.load(file)
        else:
            network = network or features(model, weights)
            yield statistics(source, model=network, **arguments)


@_split_of("source")
def statistics(
    source: Pictures,
    *,
    model: keras.Model | KerasPredictor | None = None,
    weights: PathLike | None = None,
    data_dir: str | None = None,
    batch_size: int = 32,
    progress: bool = True,
) -> Statistics:
    """Computes the mean and covariance of the features of a set of pictures.

    Save them if the set is compared more than once. Memory does not grow with the number of
    pictures.

    Args:
        source: a `Dataset`, which needs no classes (`data.open(name, split, labelled=False)`), or
            the name of one, whose split is then its only one, or `test` if there are several.
        model: a `keras.Model` from square pictures in [-1, 1] to features (batch, features). For a
            classifier of this package the features are those of its global average pool.
        weights: instead of a model, the path of a file of weights for
            `InceptionV3(variant="fid")`: a `.safetensors` file with the names of the port to
            PyTorch, or a file that this package saved.
        data_dir: for a name: folder in which tensorflow-datasets keeps its data.
        batch_size: number of pictures that the network takes at a time.
        progress: whether to show a progress bar with the pictures per second.

    Raises:
        ValueError: there is neither a model nor weights (the message says where the weights are),
            there are fewer than two pictures, or one cannot be read.
    """
    network = features(model, weights)
    dataset = as_dataset(source, None, data_dir, labelled=False)
    moments = Moments()
    for rows in _outputs(network, dataset, batch_size, progress):
        moments.add(rows)
    identity = f"{network.size} pixels, sha256 {network.fingerprint_of_weights()}"
    return moments.statistics(network=identity, source=str(dataset))


@_split_of("source")
def inception_score(
    source: Pictures,
    *,
    model: keras.Model | None = None,
    weights: PathLike | None = None,
    splits: int = SPLITS,
    seed: int | None = None,
    data_dir: str | None = None,
    batch_size: int = 32,
    progress: bool = True,
) -> InceptionScore:
    """Computes the Inception Score: exp of the mean Kullback-Leibler divergence of the classes.

    The divergence compares a picture's probabilities with their mean over a part of the pictures.
    As in the published code, the parts follow each other, and the logits have no bias, although the
    classifier's file has one.

    Args:
        source, data_dir, batch_size, progress: as in `statistics`.
        model: a `keras.Model` from square pictures in [-1, 1] to probabilities (batch, classes),
            whose bias is left as it is.
        weights: as in `statistics`.
        splits: number of parts.
        seed: deals pictures to the parts in a random order. `None` keeps the order on disk. Then
            the pictures of a class folder follow each other, so each part has few classes.

    Returns:
        Mean and standard deviation of the scores of the parts.

    Raises:
        ValueError: there is neither a model nor weights, there are fewer pictures than parts, one
            cannot be read, or the outputs are not probabilities.
    """
    _check_network(model, weights)
    dataset = as_dataset(source, None, data_dir, labelled=False)
    count = len(dataset)
    if not 1 <= splits <= count:
        raise ValueError(f"splits={splits} is not from 1 to {count}, the number of pictures")
    network = KerasPredictor(_classifier(weights) if model is None else _checked(model))
    # The part of each picture. Sizes of parts differ by at most one, as in the published code.
    parts = np.repeat(np.arange(splits), np.diff(np.arange(splits + 1) * count // splits))
    if seed is not None:
        parts = np.random.default_rng(seed).permutation(parts)
    total = np.zeros((splits, network.classes))
    negative_entropy = np.zeros(splits)
    done = 0
    for batch in _outputs(network, dataset, batch_size, progress):
        metrics.check_probabilities(batch, network.name)
        batch = batch.astype(np.float64)
        part = parts[done : done + len(batch)]
        np.add.at(total, part, batch)
        np.add.at(negative_entropy, part, _p_log_p(batch))
        done += len(batch)
    counts = np.bincount(parts)
    # The mean of KL(p | m), m being the mean of p, is the mean of p log p minus m log m.
    divergence = negative_entropy / counts - _p_log_p(total / counts[:, np.newaxis])
    scores = np.exp(divergence)
    return InceptionScore(float(scores.mean()), float(scores.std()))


def features(
    model: keras.Model | KerasPredictor | None = None, weights: PathLike | None = None
) -> KerasPredictor:
    """Makes a predictor of features from a `keras.Model`, or from weights of FID's network.

    Raises:
        ValueError: both or neither are given, or the model is not a `keras.Model`.
    """
    if isinstance(model, KerasPredictor):
        return model
    _check_network(model, weights)
    if model is None:
        model = InceptionV3(
            include_top=False,
            weights=weights,
            input_shape=(299, 299, 3),
            pooling="avg",
            variant="fid",
        )
    network = _checked(model)
    if {"avg_pool", "predictions"} <= {layer.name for layer in network.layers}:
        pool = network.get_layer("avg_pool").output
        network = keras.Model(network.input, pool, name=network.name)
    return KerasPredictor(network)


def _check_network(model, weights):
    if model is not None and weights is not None:
        raise ValueError("both model and weights are given: expected one of them")
    if model is None and weights is None:
        raise ValueError(
            "the network needs weights: pass weights=PATH of a file, or a model. Public weights "
            f"are at {PORT}; {CONVERSION}"
        )


def _classifier(weights):
    """Builds FID's network with its 1008 classes, but without their bias."""
    model = InceptionV3(weights=weights, variant="fid")
    bias = model.get_layer("predictions").bias
    bias.assign(np.zeros(bias.shape))
    return model


def _checked(model):
    if not isinstance(model, keras.Model):
        raise ValueError(f"model must be a keras.Model, got {type(model).__name__}")
    return model


def _statistics_file(source: Pictures | PathLike) -> PathLike | None:
    """Returns a source that is a file of statistics, or `None` if it is a set of pictures."""
    if isinstance(source, Dataset):
        return None
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(
            "a set of pictures must be a Dataset, the name of one, the path of an .npz file or a "
            f"Statistics, not an object of type {type(source).__name__}"
        )
    return source if pathlib.PurePath(source).suffix == ".npz" else None


def _outputs(network, dataset, batch_size, progress):
    """Yields the network's outputs for each batch; raises ValueError for a broken picture."""
    batches = dataset.whole_picture_batches(network.size, batch_size)
    with progress_bar(len(dataset), str(dataset), shown=progress) as bar:
        try:
            for batch in batches:
                yield network(batch)
                bar.update(len(batch))
        except UNREADABLE as error:
            broken = next(iter(dataset.unreadable()), None)
            if broken is None:
                raise
            raise ValueError(f"{broken[1]} cannot be read: {broken[2]}") from error


def _p_log_p(probabilities):
    """Returns the sum over classes of p log p, which is 0 at 0."""
    logarithms = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    return (probabilities * logarithms).sum(axis=-1)
