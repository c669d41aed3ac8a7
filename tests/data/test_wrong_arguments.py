"""Arguments of `data` that stand for no pictures or classes, or not for those that were meant."""

import logging
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_inception import data
from keras_inception.data import tf_source

CLASSES = ["ash", "beech", "cedar"]
PIXELS = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), "uint8")
LABELS = np.arange(9) % 3


def slices():
    return tf.data.Dataset.from_tensor_slices((PIXELS, LABELS))


@pytest.fixture(scope="module")
def dataset():
    return data.from_tf(slices(), CLASSES)


@pytest.mark.parametrize(
    "pictures",
    [np.array([True] + [False] * 8), [True, False], [1.7], 3, None, ["1.png"], [np.float32(1)]],
    ids=["mask", "booleans", "float", "number", "none", "name", "numpy float"],
)
def test_pictures_to_leave_out_that_are_not_numbers(dataset, pictures):
    with pytest.raises(ValueError, match="pictures to leave out must be several whole numbers"):
        dataset.without(pictures)


@pytest.mark.parametrize("pictures", [[2, 0], range(0, 3, 2), np.array([2, 0]), {np.int8(0), 2}])
def test_pictures_to_leave_out(dataset, pictures):
    assert dataset.without(pictures).excluded == (0, 2)


def test_a_folder_is_not_a_list_of_pictures(dataset, tmp_path):
    with pytest.raises(ValueError, match="is a folder, not a list of pictures"):
        dataset.without(tmp_path)


@pytest.mark.parametrize("count", [0, 2.5, "3", None])
def test_counts(dataset, count):
    with pytest.raises(ValueError, match="count must be a whole number of at least 1, not"):
        dataset.take(count)


def test_sizes_and_starts(dataset):
    with pytest.raises(ValueError, match="must be whole numbers of at least 1, not size=8.5"):
        dataset.evaluation_batches(8.5, 4)
    with pytest.raises(ValueError, match="skip must be a whole number of at least 0, not -1"):
        dataset.evaluation_batches(8, 4, skip=-1)
    with pytest.raises(ValueError, match="start must be a whole number of at least 0, not 1.5"):
        dataset.training_batches(8, 4, start=1.5)


@pytest.mark.parametrize("name", [pathlib.Path("pictures"), None, 3])
def test_names_that_are_not_texts(name):
    with pytest.raises(ValueError, match="expected the name of a data set .folder:PATH for a fold"):
        data.open(name)


@pytest.mark.parametrize(
    "class_names", [set(CLASSES), dict.fromkeys(CLASSES), "abc", [0, 1, 2], 3, [], ["a", " ", "c"]]
)
def test_class_names_that_have_no_order_or_are_not_texts(class_names):
    with pytest.raises(ValueError, match="class_names of tf.data must be a list of texts, one per"):
        data.from_tf(slices(), class_names)


def test_class_names():
    with pytest.raises(ValueError, match="class_names of tf.data has 'a' more than once"):
        data.from_tf(slices(), ["a", "a", "b"])
    assert data.from_tf(slices(), np.array(CLASSES)).class_names == tuple(CLASSES)


def test_a_split_of_a_data_set_that_is_open(dataset):
    assert data.as_dataset(dataset, "all") is dataset
    with pytest.raises(ValueError, match=r"open already: pass dataset.with_split\('train'\)"):
        data.as_dataset(dataset, "train")


def test_a_count_that_takes_long_says_so(monkeypatch, caplog):
    """As of pictures without an end, of which TensorFlow does not know that they have none."""
    monkeypatch.setattr(tf_source, "_LONG", -1)
    pairs = slices().repeat(20).filter(lambda _, label: label >= 0)
    with caplog.at_level(logging.WARNING):
        assert len(data.from_tf(pairs, CLASSES)) == 180
    assert caplog.text.count("counting its pictures takes long, 64 so far; does it have an") == 1


def test_the_module_of_old_names_is_there():
    assert callable(data.pipeline.training_batches)
    with pytest.raises(AttributeError, match="has no attribute 'pipelines'"):
        _ = data.pipelines
