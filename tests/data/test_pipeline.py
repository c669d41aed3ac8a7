"""Old names of the methods of `Dataset`, and of arguments of data/."""

import inspect
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from keras_inception import data
from keras_inception.data import augmentation, pipeline, preprocessing


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr("keras_inception.renamed._said", set())


def first(batches):
    return next(iter(batches))[0].numpy()


def test_old_names_work_and_say_the_new_ones(photo_patches_dir):
    name, split = "photo_patches", "test[:20]"
    dataset = data.open(name, split, photo_patches_dir)
    cases = {
        "dataset_info": (
            lambda: pipeline.dataset_info(name, photo_patches_dir).class_names,
            dataset.class_names,
        ),
        "count_examples": (lambda: pipeline.count_examples(name, split, photo_patches_dir), 20),
        "example_names": (
            lambda: pipeline.example_names(name, split, photo_patches_dir),
            dataset.file_names(),
        ),
        "fingerprint": (
            lambda: pipeline.fingerprint(name, split, photo_patches_dir),
            dataset.fingerprint(),
        ),
        "unreadable_examples": (
            lambda: pipeline.unreadable_examples(name, split, photo_patches_dir),
            [],
        ),
    }
    for old, (call, expected) in cases.items():
        with pytest.warns(FutureWarning, match=rf"data.pipeline.{old} is now .*data.open"):
            assert call() == expected


def test_the_old_name_of_training_batches(photo_patches_dir, monkeypatch):
    method = mock.create_autospec(data.Dataset.training_batches, return_value="batches")
    monkeypatch.setattr(data.Dataset, "training_batches", method)
    with pytest.warns(FutureWarning, match="training_batches is now"):
        old = pipeline.training_batches(
            "photo_patches", 16, 4, 3, "test", "none", photo_patches_dir, start=1
        )
    assert old == "batches"
    (dataset, *arguments), options = method.call_args
    given = inspect.signature(method).bind(dataset, *arguments, **options)
    given.apply_defaults()
    by_hand = inspect.signature(method).bind(dataset, 16, 4, seed=3, color="none", start=1)
    by_hand.apply_defaults()
    assert given == by_hand
    assert (dataset.name, dataset.split) == ("photo_patches", "test")


def test_old_names_of_batches(photo_patches_dir):
    dataset = data.open("photo_patches", "test", photo_patches_dir)
    with pytest.warns(FutureWarning, match="evaluation_batches is now"):
        old = pipeline.evaluation_batches(
            "photo_patches", 16, 4, data_dir=photo_patches_dir, exclude={0}, skip=1
        )
    np.testing.assert_array_equal(first(old), first(dataset.evaluation_batches(16, 4, skip=2)))
    with pytest.warns(FutureWarning, match="encoded_examples is now"):
        old = pipeline.encoded_examples("photo_patches", "test", photo_patches_dir)
    assert next(iter(old))[0] == next(iter(dataset.encoded()))[0]
    with pytest.warns(FutureWarning, match="pictures is now"):
        old = pipeline.pictures("photo_patches", data_dir=photo_patches_dir)
    with pytest.warns(FutureWarning, match="picture_batches is now"):
        old = pipeline.picture_batches(old, 16, 4)
    new = dataset.whole_picture_batches(16, 4)
    np.testing.assert_array_equal(next(iter(old)), next(iter(new)))


def test_old_names_of_arguments():
    encoded = tf.io.encode_png(np.arange(300).astype("uint8").reshape(10, 10, 3))
    with pytest.warns(FutureWarning, match=r"decode_image\(image_bytes=...\) is now encoded"):
        old = preprocessing.decode_image(image_bytes=encoded)
    np.testing.assert_array_equal(old, preprocessing.decode_image(encoded))
    with pytest.warns(FutureWarning, match=r"training_view\(image_bytes=...\) is now encoded"):
        old = augmentation.training_view(image_bytes=encoded, size=8, seed=(1, 2))
    np.testing.assert_array_equal(old, augmentation.training_view(encoded, 8, (1, 2)))
