"""Old names of `data.open` and the methods of `Dataset`. The next release removes them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import tensorflow as tf

from keras_inception.data.dataset import Dataset, as_dataset, open
from keras_inception.data.info import DatasetInfo
from keras_inception.data.sources import open_source
from keras_inception.renamed import say_renamed


def _say(old, new):
    say_renamed(f"data.pipeline.{old}", new, stacklevel=4)


def dataset_info(name: str, data_dir: str | None = None) -> DatasetInfo:
    """Old name of `data.open(name, split).class_names` and `.splits`."""
    _say("dataset_info", "data.open(name, split), with class_names and splits")
    return open_source(name, data_dir, True).info


def count_examples(name: str, split: str, data_dir: str | None = None) -> int:
    """Old name of `len(data.open(name, split))`."""
    _say("count_examples", "len(data.open(name, split))")
    return len(open(name, split, data_dir))


def encoded_examples(name: str, split: str, data_dir: str | None = None) -> tf.data.Dataset:
    """Old name of `Dataset.encoded`."""
    _say("encoded_examples", "data.open(name, split).encoded()")
    return open(name, split, data_dir).encoded()


def example_names(name: str, split: str, data_dir: str | None = None) -> list[str] | None:
    """Old name of `Dataset.file_names`."""
    _say("example_names", "data.open(name, split).file_names()")
    return open(name, split, data_dir).file_names()


def fingerprint(name: str, split: str, data_dir: str | None = None) -> str:
    """Old name of `Dataset.fingerprint`."""
    _say("fingerprint", "data.open(name, split).fingerprint()")
    return open(name, split, data_dir).fingerprint()


def unreadable_examples(
    name: str, split: str, data_dir: str | None = None
) -> list[tuple[int, str, str]]:
    """Old name of `Dataset.unreadable`."""
    _say("unreadable_examples", "data.open(name, split).unreadable()")
    return open(name, split, data_dir).unreadable()


def pictures(name: str, split: str | None = None, data_dir: str | None = None) -> Dataset:
    """Old name of `data.open(name, split, labelled=False)`."""
    _say("pictures", "data.open(name, split, labelled=False)")
    return as_dataset(name, split, data_dir, labelled=False)


def picture_batches(wanted: Dataset, size: int, batch_size: int) -> tf.data.Dataset:
    """Old name of `Dataset.whole_picture_batches`."""
    _say("picture_batches", "Dataset.whole_picture_batches(size, batch_size)")
    return wanted.whole_picture_batches(size, batch_size)


def training_batches(
    name: str,
    size: int,
    batch_size: int,
    seed: int = 0,
    split: str = "train",
    color: str = "fast",
    data_dir: str | None = None,
    **options: Any,
) -> tf.data.Dataset:
    """Old name of `Dataset.training_batches`."""
    _say("training_batches", "data.open(name, split).training_batches(size, batch_size)")
    dataset = open(name, split, data_dir)
    return dataset.training_batches(size, batch_size, seed=seed, color=color, **options)


def evaluation_batches(
    name: str,
    size: int,
    batch_size: int,
    split: str = "test",
    crops: int = 1,
    data_dir: str | None = None,
    exclude: Collection[int] = (),
    skip: int = 0,
) -> tf.data.Dataset:
    """Old name of `Dataset.evaluation_batches`."""
    _say("evaluation_batches", "data.open(name, split).evaluation_batches(size, batch_size)")
    dataset = open(name, split, data_dir).without(exclude)
    return dataset.evaluation_batches(size, batch_size, crops=crops, skip=skip)
