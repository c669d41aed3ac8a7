"""Sources of encoded pictures, and the protocol through which a `Dataset` reads them.

| name | source |
| --- | --- |
| `photo_patches` | the embedded data set, built on first use |
| `folder:PATH` | `PATH/SPLIT/CLASS/picture`; or `PATH/CLASS/picture`, whose only split is `all` |
| `tf_flowers`, ... | any tensorflow-datasets name with `image` and `label`, built on first use |

With tensorflow-datasets a split may be a part of one, in its notation: `train[:90%]`,
`train[100:]`. To read pictures without labels, a folder needs no class folders and a data set no
`label`.
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
            file, so a file that cannot be opened is noticed in the same place as a broken picture.
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
        """Reads one pass, whose elements are those of `Examples.dataset`.

        Args:
            shuffle_key: int64 scalar that sets the order; `None` keeps the order on disk.
            start: number of pictures to skip.
        """
        ...

    def load(self, picture: tf.Tensor) -> tf.Tensor:
        """Turns the picture of an element into its encoded bytes."""
        ...


class Source(Protocol):
    """An open data set: a folder, a tensorflow-datasets builder, or a `tf.data.Dataset`."""

    info: DatasetInfo

    def has(self, split: str) -> bool:
        """Tells whether `split` exists, or is a part of a split that exists."""
        ...

    def count(self, split: str) -> int:
        """Returns the number of pictures in a split."""
        ...

    def file_names(self, split: str) -> list[str] | None:
        """Returns the file name of each picture in order, or `None` if none are kept."""
        ...

    def unused_classes(self, split: str) -> tuple[str, ...]:
        """Returns the classes without a picture in a split, if that is known without reading it."""
        ...

    def fingerprint(self, split: str) -> str:
        """Returns a text that changes when the split's pictures do."""
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
            end: leaves out the picture of this number and all that follow it.
            excluded: numbers of the pictures to leave out, from 0 in the order on disk.
            input_context: selects the share of one input pipeline. The shares' sizes differ by at
                most one.
        """
        ...


def open_source(name: str, data_dir: str | None, labelled: bool) -> Source:
    """Opens the data set of this name; the arguments are those of `data.open`.

    Raises:
        ValueError: there is no such data set, or it has no pictures or labels.
    """
    from keras_inception.data import folders, tfds_source

    if folders.is_folder(name):
        return folders.open_folder(name, labelled)
    return tfds_source.TfdsSource(name, data_dir, labelled)
