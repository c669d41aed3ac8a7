"""Features of the pictures of a data set: the mean of a network's grid over its pixels."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_inception.analysis.visualize.ascent import check_settings
from keras_inception.analysis.visualize.head import last_grid
from keras_inception.analysis.visualize.network import Network
from keras_inception.analysis.visualize.pictures import seen_size, to_pixels
from keras_inception.data import Dataset, as_dataset
from keras_inception.renamed import replaced_arguments


class Features(NamedTuple):
    """Feature vectors of pictures, with what is known of each picture.

    Attributes:
        vectors: float32 (n, channels).
        labels: (n,), the class number of each picture; `None` puts all in one class.
        pictures: uint8 (n, size, size, 3), or `None`.
        class_names: names of the classes, by number; `None` names them by their numbers.
    """

    vectors: np.ndarray
    labels: np.ndarray | None = None
    pictures: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None


def _opened(arguments, given):
    """Opens the data set that `features` opened itself in older releases."""
    arguments["dataset"] = as_dataset(arguments["dataset"], **given)


@replaced_arguments(
    ("split", "data_dir"), "features(model, data.open(name, split, data_dir))", _opened
)
def features(
    model: keras.Model,
    dataset: Dataset | str,
    end_point: str | None = None,
    *,
    limit: int = 1000,
) -> Features:
    """Computes the features of a data set's pictures: the mean of a grid over its pixels.

    Args:
        model: a functional model for RGB pictures in [-1, 1].
        dataset: a `Dataset`, or a name as in `data.open`, which stands for the split `test`, or for
            the only split there is.
        end_point: name of the grid; the default is the last one before the global pooling.
        limit: the most pictures to read, at least 3, spread evenly over the data set.

    Returns:
        `Features`.

    Raises:
        ValueError: there is no such end point or data set, or the model does not take squares of
            RGB.
    """
    check_settings(limit=(limit, 3, True))
    network = Network(model)
    grid = last_grid(network) if end_point is None else network.grid(end_point)
    rows, columns = seen_size(network, [grid])
    if rows != columns or network.input.shape[-1] != 3:
        raise ValueError(
            f"{model.name} must take square RGB pictures, but its input is {network.input.shape}"
        )

    @tf.function(reduce_retracing=True)
    def compute(images):
        (values,) = network.run([grid], images)
        return tf.reduce_mean(tf.cast(values, tf.float32), axis=(1, 2))

    chosen = _spread(as_dataset(dataset), limit)
    if not len(chosen):
        raise ValueError(f"{chosen} has no pictures")
    batches = chosen.evaluation_batches(rows, 32)
    found = [(compute(views[:, 0]), labels, to_pixels(views[:, 0])) for views, labels in batches]
    vectors, labels, pictures = (np.concatenate(parts) for parts in zip(*found))
    return Features(vectors, labels, pictures, chosen.class_names or None)


def _spread(dataset, limit):
    """Returns a data set of at most `limit` pictures, spread evenly over another."""
    numbers = dataset.numbers
    if len(numbers) <= limit:
        return dataset
    kept = {numbers[i * len(numbers) // limit] for i in range(limit)}
    return dataset.without(set(numbers) - kept)
