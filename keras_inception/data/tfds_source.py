"""Data sets of tensorflow-datasets as sources, including photo_patches."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import tensorflow as tf

from keras_inception.data.info import NO_LABEL, DatasetInfo

# Number of encoded pictures in the shuffle buffer: all 2,800 of photo_patches, and 0.5 GB of
# ImageNet, whose 1,024 files are also shuffled and interleaved.
SHUFFLE_BUFFER = 4096


class TfdsSource:
    """A prepared tensorflow-datasets builder.

    Args:
        name: name in the catalogue of tensorflow-datasets, or photo_patches.
        data_dir: folder of the prepared data; `None` is tensorflow-datasets' default.
        labelled: whether the data set must have labels.
    """

    def __init__(self, name: str, data_dir: str | None = None, labelled: bool = True) -> None:
        self._builder = _builder(name, data_dir, {"image", "label"} if labelled else {"image"})
        info = self._builder.info
        examples = {split: info.splits[split].num_examples for split in info.splits}
        class_names = tuple(info.features["label"].names) if labelled else ()
        self.info = DatasetInfo(name, class_names, examples)
        features = [f for f in info.features if f.rpartition("/")[2] in ("file_name", "filename")]
        self._name_feature = features[0] if features else None
        self._label_feature = "label" if labelled else None

    def has(self, split: str) -> bool:
        """Tells whether `split` exists, or is a part of a split that exists."""
        name, bracket, _ = split.partition("[")
        if name not in self.info.examples or (bracket and not split.endswith("]")):
            return False
        try:
            return self.count(split) > 0
        except (ValueError, AssertionError):  # the text between the brackets is not a range
            return False

    def count(self, split: str) -> int:
        """Returns the number of pictures in a split."""
        return self._builder.info.splits[split].num_examples

    def file_names(self, split: str) -> list[str] | None:
        """Returns the file names that the data set keeps, or `None`.

        They are read from the text feature `file_name` or `filename`, or from a feature whose path
        ends in one of these (`imagenet2012`, `oxford_iiit_pet`, ...).
        """
        if self._name_feature is None:
            return None
        return [name for _, _, name in self._texts(split)]

    def unused_classes(self, split: str) -> tuple[str, ...]:
        """Returns nothing: labels are known only when all pictures are read."""
        return ()

    def fingerprint(self, split: str) -> str:
        """Returns the data set's name and version, and the split."""
        return f"{self._builder.info.full_name} {split}"

    def part(
        self,
        split: str,
        end: int | None = None,
        excluded: Collection[int] = (),
        input_context: tf.distribute.InputContext | None = None,
    ) -> TfdsPart:
        """Selects pictures of a split; the arguments are those of `Source.part`."""
        import tensorflow_datasets as tfds

        share = split if end is None else self._first(split, end)
        if input_context is not None and input_context.num_input_pipelines > 1:
            # tensorflow-datasets splits so that no two pipelines read the same file.
            shares = tfds.even_splits(share, input_context.num_input_pipelines)
            share = shares[input_context.input_pipeline_id]
        part = TfdsPart(self._builder, share, self._name_feature, self._label_feature)
        if excluded and input_context is None:
            part.leave_out_numbers(excluded)
        elif excluded:  # pipelines read in any order, so numbers do not identify the pictures
            left_out = set(excluded)
            ids = enumerate(self.part(split, end).ids())
            part.leave_out_ids({id for number, id in ids if number in left_out})
        return part

    def _first(self, split, end):
        """Returns the first `end` examples of a split as a tensorflow-datasets instruction."""
        import tensorflow_datasets as tfds

        spec = tfds.core.ReadInstruction.from_spec(split)
        ((name, start, stop),) = (
            (part.splitname, part.from_ or 0, part.to)
            for part in spec.to_absolute(self._builder.info.splits)
        )
        last = start + end if stop is None else min(stop, start + end)
        return tfds.core.ReadInstruction(name, from_=start, to=last, unit="abs")

    def _texts(self, split):
        part = self.part(split)
        for picture, label, name in part.read().as_numpy_iterator():
            yield picture, label, name.decode()


class TfdsPart:
    """The examples of a tensorflow-datasets split that one pipeline reads."""

    def __init__(
        self, builder: Any, share: Any, name_feature: str | None, label_feature: str | None
    ) -> None:
        self.count: int = builder.info.splits[share].num_examples
        self._builder, self._share = builder, share
        self._name_feature, self._label_feature = name_feature, label_feature
        self._excluded_ids: tf.Tensor | None = None
        self._excluded_numbers: tf.Tensor | None = None

    load = staticmethod(tf.identity)

    def ids(self) -> list[bytes]:
        """Returns the ids of the examples in the order on disk, without decoding pictures."""
        return [
            example["tfds_id"]
            for example in self._examples(None)
            .map(lambda example: {"tfds_id": example["tfds_id"]})
            .as_numpy_iterator()
        ]

    def leave_out_numbers(self, numbers: Collection[int]) -> None:
        """Leaves out examples by their numbers, from 0 in the order on disk."""
        self.count -= len(numbers)
        self._excluded_numbers = tf.constant(sorted(numbers), tf.int64)

    def leave_out_ids(self, ids: set[bytes]) -> None:
        """Leaves out examples by their ids, which do not depend on the order."""
        here = sorted(ids.intersection(self.ids()))
        self.count -= len(here)
        self._excluded_ids = tf.constant(here, tf.string, shape=(len(here),))

    def read(self, shuffle_key: tf.Tensor | None = None, start: int = 0) -> tf.data.Dataset:
        """Reads one pass; the arguments are those of `Part.read`."""
        name, label = self._name_feature or "tfds_id", self._label_feature
        ids, numbers = self._excluded_ids, self._excluded_numbers
        examples = self._examples(shuffle_key)
        if ids is not None:
            examples = examples.filter(lambda example: tf.reduce_all(example["tfds_id"] != ids))
        elif numbers is not None:
            examples = examples.enumerate().filter(lambda i, _: tf.reduce_all(i != numbers))
            examples = examples.map(lambda _, example: example)
        examples = examples.map(
            lambda example: (
                example["image"],
                tf.cast(example[label] if label else NO_LABEL, tf.int64),
                example[name],
            )
        )
        if shuffle_key is not None:
            examples = examples.shuffle(SHUFFLE_BUFFER, seed=shuffle_key)
        return examples.skip(start)

    def _examples(self, shuffle_key):
        import tensorflow_datasets as tfds

        options = tf.data.Options()
        options.deterministic = True
        return self._builder.as_dataset(
            split=self._share,
            shuffle_files=shuffle_key is not None,
            decoders={"image": tfds.decode.SkipDecoding()},
            read_config=tfds.ReadConfig(
                shuffle_seed=shuffle_key,
                options=options,
                add_tfds_id=True,
                try_autocache=False,  # a cache within `flat_map` would be filled again each epoch
            ),
        )


def _builder(name, data_dir, needed):
    """Returns the prepared builder of `name`, which must have the features `needed`."""
    import tensorflow_datasets as tfds

    if name == "photo_patches":
        from keras_inception.data.photo_patches import PhotoPatches

        builder = PhotoPatches(data_dir=data_dir)
    else:
        try:
            builder = tfds.builder(name, data_dir=data_dir)
        except tfds.core.DatasetNotFoundError as error:
            raise ValueError(
                f"Unknown data set {name!r}; choose photo_patches, folder:PATH or a name from "
                "https://www.tensorflow.org/datasets/catalog."
            ) from error
    builder.download_and_prepare()
    missing = needed - set(builder.info.features)
    if missing:
        raise ValueError(
            f"Data set {name!r} has no feature {' and no '.join(sorted(missing))}; "
            f"it has {', '.join(builder.info.features)}."
        )
    return builder
