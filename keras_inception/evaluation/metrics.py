"""Accuracies and counts of a classification, in numpy.

Everywhere `probabilities` has shape (pictures, classes), `labels` (pictures,) holds integers in
[0, classes), and an accuracy is a fraction in [0, 1].
"""

import numpy as np


def top_k(probabilities, k):
    """The `k` likeliest classes of each picture, best first, and their probabilities.

    Of equal probabilities the lower class comes first, as in `tf.math.top_k`. A `k` above the
    number of classes gives them all.

    Returns:
        Two arrays of shape (pictures, k): class numbers, and their probabilities.
    """
    probabilities = _checked(probabilities)
    if k < 1:
        raise ValueError(f"k={k} is below one")
    classes = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return classes, np.take_along_axis(probabilities, classes, axis=1)


def check_probabilities(probabilities, name):
    """Raises ValueError where what `name` gave, (pictures, classes), is no softmax's output."""
    # Half and 8-bit precision leave the sum of a softmax within a few percent of one.
    if not np.allclose(probabilities.sum(axis=1), 1, atol=0.05):
        raise ValueError(f"the outputs of {name} do not sum to one: no softmax, or NaN")


def top_k_accuracy(probabilities, labels, k=1):
    """The fraction of pictures whose label is among their `k` likeliest classes."""
    classes, _ = top_k(probabilities, k)
    labels = _checked_labels(labels, len(classes), np.shape(probabilities)[1])
    return float(np.mean(np.any(classes == labels[:, np.newaxis], axis=1)))


def standard_error(accuracy, pictures):
    """One standard deviation of an accuracy measured on `pictures` independent pictures.

    That of a binomial's mean, sqrt(p (1 - p) / n). Pictures cut from one photograph are not
    independent, so for `photo_patches` it is a lower bound.
    """
    if pictures < 1:
        raise ValueError(f"pictures={pictures} is below one")
    return float(np.sqrt(accuracy * (1 - accuracy) / pictures))


def confusion_matrix(labels, predictions, classes):
    """How often each class was taken for each: (classes, classes) counts, one row a true class."""
    labels = _checked_labels(labels, len(labels), classes)
    predictions = _checked_labels(predictions, len(labels), classes)
    counts = np.bincount(labels * classes + predictions, minlength=classes * classes)
    return counts.reshape(classes, classes)


def reliability(probabilities, labels, bins=15):
    """How often the network is right where it says how sure it is, in bins of equal width.

    The confidence of a picture is the probability of its likeliest class. 15 bins as in C. Guo et
    al., "On calibration of modern neural networks" (1706.04599).

    Returns:
        `pictures`, `confidence` and `accuracy`, each (bins,): their number in the bin, the mean
        confidence and the fraction that is right (both 0 where there is no picture). Bin i is for
        confidences in (i / bins, (i + 1) / bins].
    """
    if bins < 1:
        raise ValueError(f"bins={bins} is below one")
    classes, scores = top_k(probabilities, 1)
    labels = _checked_labels(labels, len(classes), np.shape(probabilities)[1])
    right, confidence = classes[:, 0] == labels, scores[:, 0].astype(np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    pictures = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, weights, bins) for weights in (confidence, right)]
    return pictures, *(values / np.maximum(pictures, 1) for values in sums)


def calibration_error(probabilities, labels, bins=15):
    """The expected calibration error (ECE) of 1706.04599: a fraction in [0, 1], best 0.

    The mean over the pictures of how far their bin's accuracy is from its mean confidence.
    """
    pictures, confidence, accuracy = reliability(probabilities, labels, bins)
    return float(np.sum(pictures * np.abs(accuracy - confidence)) / np.sum(pictures))


def agreement(probabilities, others):
    """The fraction of pictures for which two sets of probabilities have the same best class."""
    ours, _ = top_k(probabilities, 1)
    theirs, _ = top_k(others, 1)
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} pictures cannot be compared with {len(theirs)}")
    return float(np.mean(ours == theirs))


def _checked(probabilities):
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2 or 0 in probabilities.shape:
        raise ValueError(
            f"probabilities of shape {probabilities.shape}; (pictures, classes), at least one of "
            "each, is wanted"
        )
    if not np.isfinite(probabilities).all():
        raise ValueError("the probabilities hold NaN or infinite values")
    return probabilities


def _checked_labels(labels, pictures, classes):
    labels = np.asarray(labels)
    if labels.shape != (pictures,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels of shape {labels.shape} and type {labels.dtype}; {pictures} integers are "
            "wanted, one a picture"
        )
    if pictures and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"labels from {labels.min()} to {labels.max()}; with {classes} classes they must lie "
            f"in [0, {classes})"
        )
    return labels.astype(np.int64)
