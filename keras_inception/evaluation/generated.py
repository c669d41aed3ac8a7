"""Frechet inception distance and Inception Score: how near generated pictures come to real ones.

Both run the network of 2015-12-05 (`InceptionV3(variant="fid")`): the distance (1706.08500) on the
2048 features of its global average pool, the score (1606.03498) on its 1008 classes.

Pictures are taken whole and squashed to 299 x 299, as the port to PyTorch does with which most
figures are made today (github.com/mseitzer/pytorch-fid): bilinear between pixel centres, no
smoothing before shrinking, pixels in [-1, 1].

**Differences from the authors' code.** That ran the published TensorFlow graph, whose
`ResizeBilinear` of TensorFlow 1 puts pixel 0 on pixel 0 (no `half_pixel_centers`) and whose pixels
are (x - 128) / 128, not x / 127.5 - 1. Figures of the two are not to be compared to the last digit.
"""

import os
import pathlib
from typing import NamedTuple

import keras
import numpy as np

from keras_inception.data import pipeline
from keras_inception.data.broken import UNREADABLE, unreadable
from keras_inception.evaluation import metrics
from keras_inception.evaluation.frechet import Moments, Statistics, frechet_distance
from keras_inception.evaluation.predictors import KerasPredictor
from keras_inception.evaluation.progress import progress_bar
from keras_inception.models.inception_v3 import InceptionV3
from keras_inception.weights.formats import CONVERSION

# A port of the graph of 2015-12-05, published as PyTorch's file alone.
PORT = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth"
)
SPLITS = 10  # of the Inception Score, as published


class InceptionScore(NamedTuple):
    """Mean and standard deviation of the scores of the parts of a set of pictures."""

    mean: float
    deviation: float


def fid(
    a,
    b,
    *,
    model=None,
    weights=None,
    split_a=None,
    split_b=None,
    data_dir=None,
    batch_size=32,
    progress=True,
):
    """The Frechet inception distance between two sets of pictures: 0 for equal ones.

    Args:
        a, b: each a data set's name (`data/sources.py`), where a `folder:PATH` needs no class
            folders; an `.npz` of statistics, of this package, pytorch-fid or the authors' code; or
            a `Statistics`.
        model, weights: as in `statistics`; not looked at where neither set is of pictures.
        split_a, split_b: which part of a named data set; by default the only one there is, or else
            `test`.
        data_dir, batch_size, progress: as in `statistics`.

    Returns:
        The distance. Rounding may leave it just below zero.

    Raises:
        ImportError: SciPy is not installed.
        FileNotFoundError: there is no such file of statistics.
        ValueError: there are pictures and neither model nor weights (the message tells where the
            weights are), a set has fewer than two pictures or one that cannot be read, a file is
            damaged or a pickle, or the two are of features of different networks.
    """
    return frechet_distance(
        *each_statistics(
            (a, b),
            (split_a, split_b),
            model=model,
            weights=weights,
            data_dir=data_dir,
            batch_size=batch_size,
            progress=progress,
        )
    )


def each_statistics(sources, splits, *, model=None, weights=None, **arguments):
    """Yields the `Statistics` of each of `sources`; a network is built once, and only for pictures.

    Args:
        sources, splits: as `a` and `b`, `split_a` and `split_b` of `fid`.
        model, weights, arguments: those of `statistics`.
    """
    network = None
    for source, split in zip(sources, splits, strict=True):
        if _is_known(source):
            yield source if isinstance(source, Statistics) else Statistics.load(source)
        else:
            network = network or features(model, weights)
            yield statistics(source, model=network, split=split, **arguments)


def statistics(
    source,
    *,
    model=None,
    weights=None,
    split=None,
    data_dir=None,
    batch_size=32,
    progress=True,
):
    """Mean and covariance of the features of a set of pictures, to be saved and used again.

    Args:
        source: a data set's name.
        model: a `keras.Model` from square pictures in [-1, 1] to features (batch, features). A
            classifier of this package gives those of its global average pool.
        weights: in place of a model, the path of a file of weights of
            `InceptionV3(variant="fid")`: a `.safetensors` with the names of the port to PyTorch,
            or what this package saved.
        split: which part; by default the only one there is, or else `test`.
        data_dir: where tensorflow-datasets keeps its data.
        batch_size: pictures put through the network at a time.
        progress: whether to show a progress bar with the pictures per second.

    Returns:
        A `Statistics`. Memory does not grow with the number of pictures.
    """
    network = features(model, weights)
    wanted = pipeline.pictures(source, split, data_dir)
    moments = Moments()
    for rows in _outputs(network, wanted, batch_size, progress):
        moments.add(rows)
    identity = f"{network.size} pixels, sha256 {network.fingerprint_of_weights()}"
    return moments.statistics(network=identity, source=f"{wanted.name}, {wanted.split}")


def inception_score(
    source,
    *,
    model=None,
    weights=None,
    split=None,
    splits=SPLITS,
    seed=None,
    data_dir=None,
    batch_size=32,
    progress=True,
):
    """The Inception Score: exp of the mean Kullback-Leibler divergence of a picture's classes.

    The divergence is from the mean over a part of the pictures. As in the published code the parts
    follow each other, and the logits are without the classifier's bias, which its file has.

    Args:
        source, split, data_dir, batch_size, progress: as in `statistics`.
        model: a `keras.Model` from square pictures in [-1, 1] to probabilities (batch, classes),
            whose bias is left as it is.
        weights: as in `statistics`.
        splits: how many parts.
        seed: of an order in which pictures are dealt to the parts; `None` keeps that on disk, where
            those of one class folder follow each other and a part lacks the other classes.

    Returns:
        An `InceptionScore`.

    Raises:
        ValueError: there are fewer pictures than parts, one cannot be read, or the outputs are no
            probabilities.
    """
    _check_network(model, weights)
    wanted = pipeline.pictures(source, split, data_dir)
    if not 1 <= splits <= wanted.count:
        raise ValueError(
            f"splits={splits} is outside of 1 to {wanted.count}, the pictures there are"
        )
    network = KerasPredictor(_classifier(weights) if model is None else _checked(model))
    # The part of picture i: parts differ by one picture at most, as in the published code.
    parts = np.repeat(np.arange(splits), np.diff(np.arange(splits + 1) * wanted.count // splits))
    if seed is not None:
        parts = np.random.default_rng(seed).permutation(parts)
    total = np.zeros((splits, network.classes))
    negative_entropy = np.zeros(splits)
    done = 0
    for batch in _outputs(network, wanted, batch_size, progress):
        metrics.check_probabilities(batch, network.name)
        batch = batch.astype(np.float64)
        part = parts[done : done + len(batch)]
        np.add.at(total, part, batch)
        np.add.at(negative_entropy, part, _p_log_p(batch))
        done += len(batch)
    count = np.bincount(parts)
    # The mean of KL(p | mean) is the mean of p log p, less that of the mean.
    divergence = negative_entropy / count - _p_log_p(total / count[:, np.newaxis])
    scores = np.exp(divergence)
    return InceptionScore(float(scores.mean()), float(scores.std()))


def features(model=None, weights=None):
    """A predictor of features: of the network of FID, or of a `keras.Model` (`statistics`)."""
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
    names = {layer.name for layer in _checked(model).layers}
    if {"avg_pool", "predictions"} <= names:
        model = keras.Model(model.input, model.get_layer("avg_pool").output, name=model.name)
    return KerasPredictor(model)


def _check_network(model, weights):
    if model is not None and weights is not None:
        raise ValueError("the network is of model or of weights: give one of them")
    if model is None and weights is None:
        raise ValueError(
            "the network needs weights: give weights=PATH of a file, or a model. Public ones are "
            f"at {PORT}; {CONVERSION}"
        )


def _classifier(weights):
    """The network of FID with its 1008 classes, without their bias."""
    model = InceptionV3(weights=weights, variant="fid")
    bias = model.get_layer("predictions").bias
    bias.assign(np.zeros(bias.shape))
    return model


def _checked(model):
    if not isinstance(model, keras.Model):
        raise ValueError(f"model must be a keras.Model, got {type(model).__name__}")
    return model


def _is_known(source):
    """Whether statistics are at hand, as an object or in a file."""
    if isinstance(source, Statistics):
        return True
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(
            "a set of pictures is a data set's name, folder:PATH, an .npz of statistics or a "
            f"Statistics, got {type(source).__name__}"
        )
    return pathlib.PurePath(source).suffix == ".npz"


def _outputs(network, wanted, batch_size, progress):
    """What the network gives for each batch of pictures; a broken one is a ValueError."""
    batches = pipeline.picture_batches(wanted, network.size, batch_size)
    with progress_bar(wanted.count, f"{wanted.name}, {wanted.split}", shown=progress) as bar:
        try:
            for batch in batches:
                yield network(batch)
                bar.update(len(batch))
        except UNREADABLE as error:
            broken = next(unreadable(wanted.examples), None)
            if broken is None:
                raise
            raise ValueError(f"{broken[1]} cannot be read: {broken[2]}") from error


def _p_log_p(probabilities):
    """The sum over classes of p log p, which is 0 at 0."""
    logarithms = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    return (probabilities * logarithms).sum(axis=-1)
