"""Classes of models and data are matched by their names, however these are written."""

import numpy as np
import pytest

from keras_inception.evaluation.class_matching import match
from keras_inception.models import imagenet

WORDNET_IDS, NAMES = map(list, zip(*imagenet.class_names()))
NUMBERS = [str(i) for i in range(12)]


def labels_of(model_names, data_names):
    """The class of the evaluation for each label, and its name."""
    found = match([("model", model_names)], data_names)
    classes = found.classes_of(np.arange(len(data_names)))
    return [found.class_names[i] for i in classes]


def outputs_of(model_names, data_names):
    """The output of the model for each label of the data."""
    found = match([("model", model_names)], data_names)
    (order,) = found.orders
    classes = found.classes_of(np.arange(len(data_names)))
    return (classes if order is None else order[classes]).tolist()


@pytest.mark.parametrize(
    ("model_names", "data_names", "outputs"),
    [
        ("abcd", "abcd", [0, 1, 2, 3]),
        ("abcd", "dcba", [3, 2, 1, 0]),
        ("abcd", "db", [3, 1]),
        (["caf\u00e9", "bar"], ["bar", "cafe\u0301"], [1, 0]),
        (NUMBERS, NUMBERS, list(range(12))),
        (NUMBERS, sorted(NUMBERS), [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]),
        (NUMBERS, ["05", "11"], [5, 11]),
        (NUMBERS[:2], ["cat", "dog"], [0, 1]),
        (["cat", "dog", "emu"], ["0", "2"], [0, 2]),
        (["7", "5", "6"], ["5", "6", "7"], [1, 2, 0]),
        (NAMES, WORDNET_IDS, list(range(1000))),
        (WORDNET_IDS, WORDNET_IDS, list(range(1000))),
        (NAMES, ["n01440764", "n03888257"], [0, 701]),
        (NAMES, ["0", "999"], [0, 999]),
        (NAMES, ["tench", "golden retriever", "Golden_Retriever"][:2], [0, 207]),
        (WORDNET_IDS, ["French_horn"], [566]),
    ],
)
def test_outputs(model_names, data_names, outputs):
    assert outputs_of(model_names, data_names) == outputs


def test_names_of_the_evaluation_are_those_of_the_data_or_of_all_outputs():
    assert match([("model", "abc")], "bca").class_names == ("b", "c", "a")
    assert match([("model", "abc")], "ca").class_names == ("a", "b", "c")
    assert match([("model", NUMBERS[:2])], ["cat", "dog"]).class_names == ("cat", "dog")
    assert match([("model", NAMES)], WORDNET_IDS).class_names[0] == "tench"
    assert match([("model", "abc")], None).class_names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("model_names", "data_names", "message"),
    [
        ("abcd", "acde", "model does not know 1 of the data's 4 classes: e. It knows a, b, c, d; "),
        (["cat", "dog"], ["Katze", "Hund"], "does not know 2 of the data's 2 classes: Katze, Hund"),
        (
            NUMBERS,
            ["1", "12"],
            "does not know 1 of the data's 2 classes: 12. It knows 0, 1, .* 2 m",
        ),
        (NUMBERS, ["cat", "dog"], "model has 12 classes, expected 2"),
        (NAMES, ["tench", "cardboard"], "classes: cardboard. It knows tench, .* and 990 more"),
        (NAMES, ["crane", "tench"], "model has several classes of the name crane"),
        (NAMES, ["tench", "n01440764"], "the data's classes tench, n01440764 are one class of mod"),
        ("aab", "ab", "several classes of the name a"),
    ],
)
def test_classes_that_do_not_match(model_names, data_names, message):
    with pytest.raises(ValueError, match=message) as caught:
        match([("model", model_names)], data_names)
    assert len(str(caught.value)) < 1500


def test_models_together():
    found = match([("one", "abc"), ("two", "cab"), ("three", ["0", "1", "2"])], "bca")
    assert found.class_names == ("b", "c", "a")
    assert [order.tolist() for order in found.orders if order is not None][:2] == [
        [1, 2, 0],
        [2, 0, 1],
    ]
    with pytest.raises(
        ValueError, match="two and one do not know the same classes: cat is not kno"
    ):
        match([("one", ["cat", "dog"]), ("two", ["dog", "emu"])], None)
    with pytest.raises(ValueError, match="two has 3 classes, expected 2"):
        match([("one", "ab"), ("two", "abc")], None)
    unnamed = match([("one", ["0", "1"]), ("two", "ab")], None)
    assert (unnamed.class_names, unnamed.orders) == (("a", "b"), (None, None))


def test_labels_beyond_the_classes():
    found = match([("model", "abc")], "ca")
    assert found.classes_of(np.array([1, 0])).tolist() == [0, 2]
    with pytest.raises(ValueError, match="labels range from -1 to 1; they must be from 0 to 1"):
        found.classes_of(np.array([1, -1]))
