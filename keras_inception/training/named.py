"""A split of a data set by name, until `keras_inception.data` has an object for it."""

from __future__ import annotations

import dataclasses

from keras_inception.data import pipeline


@dataclasses.dataclass(frozen=True)
class Named:
    """A split of a data set, with the methods that training uses."""

    name: str
    split: str
    data_dir: str | None

    @property
    def class_names(self):
        """Name of each class."""
        return pipeline.dataset_info(self.name, self.data_dir).class_names

    def __len__(self):
        return pipeline.count_examples(self.name, self.split, self.data_dir)

    def with_split(self, split):
        """Returns another split of the data set."""
        return dataclasses.replace(self, split=split)

    def training_batches(self, size, batch_size, **options):
        """Makes the endless batches of `pipeline.training_batches`."""
        return pipeline.training_batches(
            self.name, size, batch_size, split=self.split, data_dir=self.data_dir, **options
        )

    def evaluation_batches(self, size, batch_size):
        """Makes the batches of `pipeline.evaluation_batches`."""
        return pipeline.evaluation_batches(
            self.name, size, batch_size, split=self.split, data_dir=self.data_dir
        )
