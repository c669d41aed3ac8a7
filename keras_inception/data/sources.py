"""Sources of encoded pictures, and what a `Dataset` asks of them.

| name | source |
| --- | --- |
| `photo_patches` | the embedded data set, built on first use |
| `folder:PATH` | `PATH/SPLIT/CLASS/picture`; or `PATH/CLASS/picture`, whose only split is `all` |
| `tf_flowers`, ... | any tensorflow-datasets name with `image` and `label`, built on first use |

A split of tensorflow-datasets may be a part of one, in its notation: `train[:90%]`, `train[100:]`.
To read pictures without labels, a folder needs no class folders and a data set no `label`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

import tensorflow as tf

from keras_inception.data.info import DatasetInfo


@dataclass(frozen=True)
class Examples:
    """Pictures on their way to a pipeline, with the function that loads one.

    Attributes:
        dataset: elements are (picture as string, label as int64, name as string). The name is the
            picture's file name if the source keeps it, else an id.
        load: turns the picture of an element into its encoded bytes. For a folder it reads the
            file, so that an unreadable file is found in the same place as a broken picture.
    """

    dataset: tf.data.Dataset
    load: Callable[[tf.Tensor], tf.Tensor]

    def loaded(self) -> tf.data.Dataset:
        """Returns elements (encoded bytes, label, name)."""
        return self.dataset.map(
            lambda picture, label, name: (self.load(picture), label, name),
            num_parallel_calls=tf.data.AUTOTUNE,
        )


class Part(Protocol):
    """The pictures of a split that one pipeline reads."""

    count: int

    def read(self, shuffle_key: tf.Tensor | None = None, start: int = 0) -> tf.data.Dataset:
        """Reads one pass: elements as in `Examples.dataset`.

        Args:
            shuffle_key: an int64 that sets the order; `None` keeps the order on disk.
            start: number of pictures to skip.
        """
        ...

    def load(self, picture: tf.Tensor) -> tf.Tensor:
        """Turns the picture of an element into its encoded bytes."""
        ...


class Source(Protocol):
    """A data set that is open: a folder, a tensorflow-datasets builder, or a `tf.data.Dataset`."""

    info: DatasetInfo

    def has(self, split: str) -> bool:
        """Tells whether there is such a split, or a split that it is a part of."""
        ...

    def count(self, split: str) -> int:
        """Returns the number of pictures in a split."""
        ...

    def file_names(self, split: str) -> list[str] | None:
        """Returns the file name of each picture in order, or `None` if none are kept."""
        ...

    def fingerprint(self, split: str) -> str:
        """Returns a text that changes when the pictures of the split do."""
        ...

    def part(
        self,
        split: str,
        end: int | None = None,
        excluded: Collection[int] = (),
        input_context: tf.distribute.InputContext | None = None,
    ) -> Part:
        """Selects pictures of a split.

        Args:
            split: the name of the split.
            end: number of the first picture that is left out together with all that follow it.
            excluded: numbers of pictures, from 0 in the order on disk, that are left out.
            input_context: selects the share of one input pipeline. Shares differ by one at most.
        """
        ...


def open_source(name: str, data_dir: str | None, labelled: bool) -> Source:
    """Opens the source that a data set's name stands for.

    Raises:
        ValueError: there is no such data set, or it has no pictures or labels.
    """
    from keras_inception.data import folders, tfds_source

    if folders.is_folder(name):
        return folders.open_folder(name, labelled)
    return tfds_source.TfdsSource(name, data_dir, labelled)
