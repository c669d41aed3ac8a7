"""Accuracies and counts of a classification, in numpy.

Everywhere `probabilities` has shape (pictures, classes), `labels` (pictures,) holds integers in
[0, classes), and an accuracy is a fraction in [0, 1].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def top_k(probabilities: ArrayLike, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the `k` likeliest classes of each picture, best first, and their probabilities.

    If probabilities are equal, the lower class comes first, as in `tf.math.top_k`. A `k` above the
    number of classes gives all of them.

    Returns:
        Two arrays of shape (pictures, k): class numbers, and their probabilities.

    Raises:
        ValueError: `k` is below one, or `probabilities` has another shape or is not finite.
    """
    probabilities = _checked(probabilities)
    if k < 1:
        raise ValueError(f"k={k} is below one")
    classes = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return classes, np.take_along_axis(probabilities, classes, axis=1)


def check_probabilities(probabilities: np.ndarray, name: str) -> None:
    """Raises ValueError if the outputs of the model `name` do not sum to one, as a softmax's do."""
    # In half and 8-bit precision the sum of a softmax stays within a few percent of one.
    if not np.allclose(probabilities.sum(axis=1), 1, atol=0.05):
        raise ValueError(f"the outputs of {name} do not sum to one: they are not a softmax, or NaN")


def top_k_accuracy(probabilities: ArrayLike, labels: ArrayLike, k: int = 1) -> float:
    """Returns the fraction of pictures whose label is among their `k` likeliest classes.

    Raises:
        ValueError: `k` is below one, or an array has another shape, type or range.
    """
    classes, _ = top_k(probabilities, k)
    labels = _checked_labels(labels, len(classes), np.shape(probabilities)[1])
    return float(np.mean(np.any(classes == labels[:, np.newaxis], axis=1)))


def standard_error(accuracy: float, pictures: int) -> float:
    """Returns one standard deviation of an accuracy measured on independent pictures.

    It is the standard deviation of a binomial's mean, sqrt(p (1 - p) / n). Patches of one
    photograph are not independent, so it is a lower bound for `photo_patches`.

    Raises:
        ValueError: the number of pictures is below one.
    """
    if pictures < 1:
        raise ValueError(f"pictures={pictures} is below one")
    return float(np.sqrt(accuracy * (1 - accuracy) / pictures))


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, classes: int) -> np.ndarray:
    """Counts how often pictures of each class were classified as each class.

    Returns:
        int64 (classes, classes): a row for each true class, a column for each predicted one.

    Raises:
        ValueError: labels or predictions have another shape, type or range.
    """
    pictures = len(np.asarray(labels))
    labels = _checked_labels(labels, pictures, classes)
    predictions = _checked_labels(predictions, pictures, classes)
    counts = np.bincount(labels * classes + predictions, minlength=classes * classes)
    return counts.reshape(classes, classes)


def reliability(
    probabilities: ArrayLike, labels: ArrayLike, bins: int = 15
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compares confidence with accuracy, in bins of equal width.

    The confidence of a picture is the probability of its likeliest class. The default of 15 bins is
    from C. Guo et al., "On calibration of modern neural networks" (1706.04599).

    Returns:
        `pictures`, `confidence` and `accuracy`, each (bins,): the number of pictures in each bin,
        their mean confidence, and the fraction of them that is right (both 0 if the bin is empty).
        Bin i is for confidences in (i / bins, (i + 1) / bins].

    Raises:
        ValueError: `bins` is below one, or an array has another shape, type or range.
    """
    if bins < 1:
        raise ValueError(f"bins={bins} is below one")
    classes, scores = top_k(probabilities, 1)
    labels = _checked_labels(labels, len(classes), np.shape(probabilities)[1])
    right, confidence = classes[:, 0] == labels, scores[:, 0].astype(np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    pictures = np.bincount(place, minlength=bins)
    confidence, accuracy = (
        np.bincount(place, values, bins) / np.maximum(pictures, 1) for values in (confidence, right)
    )
    return pictures, confidence, accuracy


def calibration_error(probabilities: ArrayLike, labels: ArrayLike, bins: int = 15) -> float:
    """Returns the expected calibration error (ECE) of 1706.04599, from 0 (best) to 1.

    It is the mean distance between the accuracy and the mean confidence of a bin, weighted by the
    bin's number of pictures. The arguments and errors are those of `reliability`.
    """
    pictures, confidence, accuracy = reliability(probabilities, labels, bins)
    return float(np.sum(pictures * np.abs(accuracy - confidence)) / np.sum(pictures))


def agreement(probabilities: ArrayLike, others: ArrayLike) -> float:
    """Returns the fraction of pictures for which two models have the same likeliest class.

    Raises:
        ValueError: the two arrays have different numbers of pictures.
    """
    ours, _ = top_k(probabilities, 1)
    theirs, _ = top_k(others, 1)
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} pictures cannot be compared with {len(theirs)}")
    return float(np.mean(ours == theirs))


def _checked(probabilities: ArrayLike) -> np.ndarray:
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2 or 0 in probabilities.shape:
        raise ValueError(
            f"probabilities have the shape {probabilities.shape}; expected (pictures, classes), "
            "with at least one of each"
        )
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities have NaN or infinite values")
    return probabilities


def _checked_labels(labels: ArrayLike, pictures: int, classes: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.shape != (pictures,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels have the shape {labels.shape} and the type {labels.dtype}; expected "
            f"{pictures} integers, one per picture"
        )
    if pictures and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"labels range from {labels.min()} to {labels.max()}; with {classes} classes they must "
            f"be in [0, {classes})"
        )
    return labels.astype(np.int64)
