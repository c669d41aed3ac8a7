"""Tests of evaluation/metrics.py on hand-made probabilities."""

import numpy as np
import pytest

from keras_inception.evaluation import metrics

PROBABILITIES = np.array(
    [[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.25, 0.5, 0.25], [0.3, 0.3, 0.4]], "float32"
)
LABELS = np.array([0, 1, 1, 1])


def test_top_k_is_sorted_and_breaks_ties_by_number():
    classes, scores = metrics.top_k(PROBABILITIES, 2)
    assert classes.tolist() == [[0, 1], [2, 1], [1, 0], [2, 0]]
    np.testing.assert_allclose(scores[1], [0.6, 0.3])


def test_top_k_gives_all_classes_when_there_are_fewer():
    assert metrics.top_k(PROBABILITIES, 5)[0].shape == (4, 3)


@pytest.mark.parametrize(("k", "accuracy"), [(1, 0.5), (2, 0.75), (3, 1.0), (5, 1.0)])
def test_top_k_accuracy(k, accuracy):
    assert metrics.top_k_accuracy(PROBABILITIES, LABELS, k) == accuracy


def test_equal_probabilities_are_no_hit_for_every_class():
    uniform = np.full((4, 4), 0.25)
    assert metrics.top_k_accuracy(uniform, np.arange(4), 1) == 0.25


def test_standard_error_is_the_binomials():
    assert metrics.standard_error(0.9, 100) == pytest.approx(0.03)
    assert metrics.standard_error(1.0, 7) == 0


def test_confusion_matrix_has_a_row_for_each_true_class():
    counts = metrics.confusion_matrix(LABELS, np.array([0, 2, 1, 2]), 3)
    assert counts.tolist() == [[1, 0, 0], [0, 1, 2], [0, 0, 0]]


def test_reliability_and_calibration_error():
    # Confidences 0.7, 0.6, 0.5, 0.4; right, wrong, right, wrong.
    pictures, confidence, accuracy = metrics.reliability(PROBABILITIES, LABELS, bins=2)
    assert pictures.tolist() == [2, 2]  # 0.5 is in the lower bin
    np.testing.assert_allclose(confidence, [0.45, 0.65], rtol=1e-6)
    assert accuracy.tolist() == [0.5, 0.5]
    error = metrics.calibration_error(PROBABILITIES, LABELS, bins=2)
    assert error == pytest.approx((2 * 0.05 + 2 * 0.15) / 4)
    sure = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert metrics.calibration_error(sure, np.array([0, 0])) == 0
    assert metrics.calibration_error(sure, np.array([1, 1])) == 1
    assert metrics.reliability(sure, np.array([0, 1]))[0].tolist() == [0] * 14 + [2]


def test_agreement():
    others = PROBABILITIES.copy()
    others[3] = [0.5, 0.3, 0.2]
    assert metrics.agreement(PROBABILITIES, others) == 0.75


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.top_k(PROBABILITIES, 0), "k=0"),
        (lambda: metrics.reliability(PROBABILITIES, LABELS, 0), "bins=0"),
        (lambda: metrics.top_k(PROBABILITIES[0], 1), r"\(pictures, classes\)"),
        (lambda: metrics.top_k(np.empty((0, 3)), 1), "at least one"),
        (lambda: metrics.top_k(PROBABILITIES * np.nan, 1), "NaN"),
        (lambda: metrics.top_k_accuracy(PROBABILITIES, LABELS[:3]), "4 integers"),
        (lambda: metrics.top_k_accuracy(PROBABILITIES, LABELS * 1.0), "float64"),
        (lambda: metrics.top_k_accuracy(PROBABILITIES, LABELS + 2), r"\[0, 3\)"),
        (lambda: metrics.confusion_matrix(LABELS, LABELS - 1, 3), r"-1 to 0"),
        (lambda: metrics.agreement(PROBABILITIES, PROBABILITIES[:2]), "4 pictures"),
        (lambda: metrics.standard_error(0.5, 0), "pictures=0"),
    ],
)
def test_bad_input_is_a_value_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
