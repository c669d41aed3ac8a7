"""The data of a run: the pictures to train on, and those to validate on."""

from __future__ import annotations

import dataclasses
import functools
import hashlib

from keras_inception.data import Dataset, as_dataset
from keras_inception.data import open as open_dataset
from keras_inception.training.recipe import Recipe

# Pictures whose content identifies a data set. Our choice: reading all of them, as a fingerprint
# of every source would need, can take as long as an epoch.
_COMPARED = 16


@dataclasses.dataclass(frozen=True)
class RunData:
    """The two data sets of a run.

    Attributes:
        training: pictures to train on.
        validation: pictures to validate on after each epoch.

    Raises:
        ValueError: if they have no classes, or not the same ones.
    """

    training: Dataset
    validation: Dataset

    def __post_init__(self) -> None:
        if not self.class_names:
            raise ValueError(f"{self.training} has no class names, so nothing can be trained on it")
        if self.validation.class_names != self.class_names:
            raise ValueError(
                f"{self.training} and {self.validation} must have the same class names in the same "
                "order"
            )
        if unused := self.training.unused_classes:
            raise ValueError(
                f"{self.training} has no pictures of {len(unused)} of its {len(self.class_names)} "
                f"classes: {', '.join(unused[:10])}. Every class folder of any split must have "
                f"pictures in {self.training.split!r}, under the same name, capitals and accents "
                "included"
            )

    @classmethod
    def given(
        cls, data: Dataset | tuple[Dataset, Dataset], recipe: Recipe, strategy: str
    ) -> RunData:
        """Checks the argument `data` of `train`.

        Args:
            data: `(training, validation)`, or one data set whose source has the recipe's splits.
            recipe: names the splits of a single data set.
            strategy: name of the strategy that will use the data.

        Raises:
            ValueError: if `data` is something else, or if the strategy cannot use it.
        """
        if strategy in ("multi_worker", "parameter_server"):
            raise ValueError(
                f"strategy {strategy!r} cannot take data that is open already: TensorFlow joins a "
                "cluster before it opens anything. Leave data out, and name the data set in the "
                "recipe's fields dataset, train_split and validation_split"
            )
        if isinstance(data, Dataset):
            splits = (recipe.train_split, recipe.validation_split)
            if data.split not in splits:
                raise ValueError(
                    f"{data} is neither of the recipe's splits {splits[0]!r} and {splits[1]!r}: "
                    "pass one of these, or a pair (training, validation) of Datasets"
                )
            return cls(*(data if data.split == s else data.with_split(s) for s in splits))
        if not isinstance(data, tuple | list) or len(data) != 2 or str in map(type, data):
            raise ValueError(
                "data must be a Dataset or a pair (training, validation) of Datasets, got "
                f"{type(data).__name__}; data.open and data.from_tf make Datasets"
            )
        return cls(*map(as_dataset, data))

    @classmethod
    def opened(cls, recipe: Recipe, data_dir: str | None) -> RunData:
        """Opens the data sets that the recipe names.

        Args:
            recipe: names the data sets and splits.
            data_dir: where tensorflow-datasets keeps its data, or `None` for its own default.
        """
        training = open_dataset(recipe.dataset, recipe.train_split, data_dir)
        if recipe.validation_dataset in (None, recipe.dataset):
            return cls(training, training.with_split(recipe.validation_split))
        return cls(
            training, open_dataset(recipe.validation_dataset, recipe.validation_split, data_dir)
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class, in the order of the labels."""
        return self.training.class_names

    def named_in(self, recipe: Recipe) -> Recipe:
        """Returns the recipe with the names of these data sets, and their sizes as the source."""
        source = "the argument data"
        training, validation = self.training, self.validation
        if validation.name != training.name:
            recipe = recipe.replace(source=source, validation_dataset=validation.name)
        elif recipe.validation_dataset is not None:
            recipe = recipe.replace(validation_dataset=None)
        recipe = recipe.replace(source=source, dataset=training.name)
        recipe = recipe.replace(source=f"{source}: {_size(training)}", train_split=training.split)
        return recipe.replace(
            source=f"{source}: {_size(validation)}", validation_split=validation.split
        )

    @functools.cached_property
    def identity(self) -> dict[str, str]:
        """Texts that differ if a run goes on with other data than it began with."""
        class_names = hashlib.sha256("\n".join(self.class_names).encode()).hexdigest()
        return {
            "training pictures": _identity(self.training),
            "validation pictures": _identity(self.validation),
            "class names": class_names[:16],
        }


def _size(dataset):
    left_out = f", {len(dataset.excluded)} left out" if dataset.excluded else ""
    return f"{len(dataset)} pictures{left_out}"


def _identity(dataset):
    """Returns the number of pictures, and a hash of the first ones and the excluded numbers."""
    digest = hashlib.sha256(repr(dataset.excluded).encode())
    first = dataset.take(_COMPARED).encoded().ignore_errors()  # of files that cannot be read
    for encoded, label in first.as_numpy_iterator():
        digest.update(f" {label} {len(encoded)} ".encode() + encoded)
    return f"{len(dataset)} {digest.hexdigest()[:16]}"
