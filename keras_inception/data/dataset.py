"""A data set as one object: its classes, its pictures, and the batches made from them.

Pictures stay encoded as long as possible, so encoded bytes are shuffled, not pixels. The order of
an epoch depends only on the seed and the epoch's number. A random view depends only on the seed and
the example's place in the endless training sequence. So a seed gives the same batches on any number
of cores. A stopped run needs only the number of its steps to go on with the next batch, even in the
middle of an epoch.
"""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf

from keras_inception.data import exclusion
from keras_inception.data.augmentation import MIN_AREA, check_color, check_min_area, training_view
from keras_inception.data.broken import (
    batches_of_readable,
    check_on_error,
    first_readable,
    unreadable,
)
from keras_inception.data.checks import check_count_of_pictures, check_sizes, check_start
from keras_inception.data.crops import check_count, make_crops
from keras_inception.data.preprocessing import decode_image, resize_bilinear, scale_pixels
from keras_inception.data.sources import Examples, Source, open_source
from keras_inception.data.tf_source import SPLIT, TfSource
from keras_inception.types import PathLike


class Dataset:
    """One split of a data set, made by `data.open` or `data.from_tf`.

    Pictures are numbered from 0 in the order on disk. Methods that leave out pictures or choose
    another split return a new `Dataset` of the same source, which is not opened again.

    Attributes:
        name: the name that it was opened by.
        split: name of the split.
        excluded: sorted numbers of the pictures that `without` left out.
    """

    def __init__(self, source: Source, split: str) -> None:
        if not source.has(split):
            known = ", ".join(source.info.examples)
            raise ValueError(
                f"Data set {source.info.name!r} has no split {split!r}; it has {known}."
            )
        self._source = source
        self._end: int | None = None
        self.name: str = source.info.name
        self.split: str = split
        self.excluded: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"<Dataset {self}: {len(self)} pictures, {len(self.class_names)} classes>"

    def __str__(self) -> str:
        return f"{self.name}, {self.split}"

    def __len__(self) -> int:
        """Returns the number of pictures, without the excluded ones."""
        return self._total() - len(self.excluded)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of the labels; empty if there are no classes."""
        return self._source.info.class_names

    @property
    def unused_classes(self) -> tuple[str, ...]:
        """Names of the classes without a picture in this split; known for folders alone."""
        return self._source.unused_classes(self.split)

    @property
    def splits(self) -> Mapping[str, int]:
        """The number of pictures of each split of the source."""
        return self._source.info.examples

    @property
    def numbers(self) -> list[int]:
        """The numbers of the pictures, without the excluded ones, in order."""
        excluded = set(self.excluded)
        return [number for number in range(self._total()) if number not in excluded]

    def fingerprint(self) -> str:
        """Returns a text that changes when the pictures do.

        For a folder it depends on the files' names, sizes and times, and for tensorflow-datasets on
        the data set's version. For a `tf.data.Dataset` it depends on the pictures themselves, which
        are all read once.
        """
        text = self._source.fingerprint(self.split)
        if self.excluded or self._end is not None:
            selection = f"{self._end} {self.excluded}".encode()
            text = f"{text} {hashlib.sha256(selection).hexdigest()[:16]}"
        return text

    def file_names(self) -> list[str] | None:
        """Returns the pictures' file names in order; `None` if the source keeps none."""
        names = self._source.file_names(self.split)
        return None if names is None else [names[number] for number in self.numbers]

    def with_split(self, split: str) -> Dataset:
        """Returns another split of the same source, or a part of one (`train[:90%]`).

        Raises:
            ValueError: there is no such split; the message lists the splits that exist.
        """
        return Dataset(self._source, split)

    def without(self, pictures: Iterable[int] | PathLike) -> Dataset:
        """Returns the data set without some pictures.

        Args:
            pictures: their numbers, from 0 in the order on disk; or the path of a file that lists
                them, one per line, by file name or number (`exclusion.excluded_numbers`).

        Raises:
            ValueError: a number or line does not stand for a picture of this data set.
            FileNotFoundError: there is no such file.
        """
        total = self._total()
        if isinstance(pictures, (str, os.PathLike)):
            names = self._source.file_names(self.split)
            names = names if names is None else names[:total]
            chosen = exclusion.excluded_numbers(pictures, names, total, str(self))
        else:
            chosen = exclusion.checked(pictures)
        if chosen and not 0 <= chosen[0] <= chosen[-1] < total:
            raise ValueError(
                f"the numbers of pictures to leave out range from {chosen[0]} to {chosen[-1]}; "
                f"they must be from 0 to {total - 1}"
            )
        changed = copy.copy(self)
        changed.excluded = tuple(sorted({*self.excluded, *chosen}))
        return changed

    def take(self, count: int) -> Dataset:
        """Returns the first `count` pictures, or all if there are fewer."""
        check_count_of_pictures(count)
        if count >= len(self):
            return self
        changed = copy.copy(self)
        changed._end = self.numbers[count - 1] + 1
        changed.excluded = tuple(number for number in self.excluded if number < changed._end)
        return changed

    def encoded(self) -> tf.data.Dataset:
        """Returns one pass in the order on disk: (encoded bytes as string, label as int64)."""
        return self._examples().loaded().map(lambda encoded, label, _: (encoded, label))

    def unreadable(self) -> list[tuple[int, str, str]]:
        """Decodes every picture once; returns (number, name, fault) for each broken one."""
        numbers = self.numbers
        broken = unreadable(self._examples())
        return [(numbers[place], name, fault) for place, name, fault in broken]

    def training_batches(
        self,
        size: int,
        batch_size: int,
        *,
        seed: int = 0,
        color: str = "fast",
        min_area: float = MIN_AREA,
        input_context: tf.distribute.InputContext | None = None,
        on_error: str = "skip",
        start: int = 0,
    ) -> tf.data.Dataset:
        """Returns endless batches of random views, reshuffled each epoch.

        Equal seeds give equal batches. A batch may span the end of an epoch, so all batches have
        the same size.

        Args:
            size: side of the views, in pixels.
            batch_size: number of examples in a batch, over all replicas.
            seed: sets the order and the views.
            color, min_area: as in `augmentation.training_view`.
            input_context: selects one input pipeline's share of the examples; a batch is then the
                batch of one replica. `None` selects all examples.
            on_error: "skip" or "error": what to do about pictures that cannot be read
                (`data/broken.py`).
            start: number of batches to skip, for a run that goes on. Skipping reads at most one
                epoch of pictures without decoding them, and reads nothing from a folder.

        Returns:
            float32 (batch_size, size, size, 3) in [-1, 1], int64 (batch_size,).

        Raises:
            ValueError: an argument is out of range, there are fewer examples than pipelines, or
                none of the first thousand pictures can be read.
        """
        check_sizes(size, batch_size)
        check_start(start, "start")
        check_color(color)
        check_min_area(min_area)
        check_on_error(on_error)
        context = input_context or tf.distribute.InputContext()
        batch_size = context.get_per_replica_batch_size(batch_size)

        passed = start * batch_size
        examples = self._shuffled(seed, context, passed)

        def view(picture, place):
            place = place * context.num_input_pipelines + context.input_pipeline_id
            encoded = examples.load(picture)
            return training_view(encoded, size, tf.stack([seed, place]), color, min_area)

        with tf.init_scope():  # runs now, even if the batches are made inside a graph
            spare = first_readable(self._examples())
        numbered = examples.dataset.enumerate(passed)
        batches = batches_of_readable(numbered, view, batch_size, on_error, spare)
        return batches.prefetch(tf.data.AUTOTUNE)

    def evaluation_batches(
        self, size: int, batch_size: int, *, crops: int = 1, skip: int = 0
    ) -> tf.data.Dataset:
        """Returns one pass in the order on disk; the last batch may be smaller.

        Args:
            size: side of the crops, in pixels.
            batch_size: number of examples (not crops) in a batch.
            crops: number of crops per picture (`crops.make_crops`): 1, 10, 12 or 144.
            skip: number of pictures to skip at the beginning; they are not decoded.

        Returns:
            float32 (batch, crops, size, size, 3) in [-1, 1], int64 (batch,).
        """
        check_sizes(size, batch_size)
        check_start(skip, "skip")
        check_count(crops)
        examples = self._examples()

        def views(picture, label, _):
            return make_crops(decode_image(examples.load(picture)), size, crops), label

        # 144 crops of 299 pixels take 154 MB: decode only as many pictures ahead as keep a network
        # busy.
        ahead = tf.data.AUTOTUNE if crops <= 12 else 2
        rest = examples.dataset.skip(skip)
        return rest.map(views, num_parallel_calls=ahead).batch(batch_size).prefetch(ahead)

    def whole_picture_batches(self, size: int, batch_size: int) -> tf.data.Dataset:
        """Returns one pass over whole pictures, squashed to a square as PyTorch does it.

        The resize is bilinear between pixel centres, without smoothing before shrinking. The last
        batch may be smaller.

        Returns:
            float32 (batch, size, size, 3) in [-1, 1].
        """
        check_sizes(size, batch_size)
        examples = self._examples()

        def view(picture, *_):
            image = decode_image(examples.load(picture))
            return scale_pixels(resize_bilinear(image, size, half_pixel_centers=True))

        views = examples.dataset.map(view, num_parallel_calls=tf.data.AUTOTUNE)
        return views.batch(batch_size).prefetch(tf.data.AUTOTUNE)

    def _total(self):
        """Returns the number of pictures up to the end, with the excluded ones."""
        total = self._source.count(self.split)
        return total if self._end is None else min(self._end, total)

    def _examples(self):
        part = self._source.part(self.split, self._end, self.excluded)
        return Examples(part.read(), part.load)

    def _shuffled(self, seed, context, start):
        """Returns endless `Examples` from number `start` on, each epoch in its own order."""
        part = self._source.part(self.split, self._end, self.excluded, context)
        if part.count == 0:
            raise ValueError(
                f"Split {self.split!r} of {self.name!r} has too few examples for every pipeline."
            )
        first, passed = divmod(start, part.count)
        read = part.read  # not `self`: the batches would keep the whole source in memory

        def of_epoch(epoch):
            # Else the seed of `tf.random.set_seed` is mixed in (and a seed of 0 cannot be compared
            # with a tensor).
            tf.compat.v1.get_default_graph().seed = None
            # A different key for every pair of seed and epoch in use.
            key = tf.cast(seed, tf.int64) * 1_000_003 + epoch
            return read(key, tf.where(epoch == first, tf.constant(passed, tf.int64), 0))

        return Examples(tf.data.Dataset.range(first, tf.int64.max).flat_map(of_epoch), part.load)


def open(
    name: str, split: str | None = None, data_dir: str | None = None, *, labelled: bool = True
) -> Dataset:
    """Opens a data set by its name.

    Args:
        name: `photo_patches`; `folder:PATH`, a folder with one sub-folder per class, or with one
            such folder per split; or a tensorflow-datasets name.
        split: name of the split, or a part of one (`train[:90%]`). `None` takes the only split.
        data_dir: folder in which tensorflow-datasets keeps its data; `None` is its default.
        labelled: `False` also opens pictures without classes: pictures that lie in PATH itself, or
            a tensorflow-datasets data set without labels.

    Raises:
        ValueError: there is no such data set or split, or it has no pictures or labels; the message
            says what there is.
    """
    if not isinstance(name, str):
        raise ValueError(
            "expected the name of a data set (folder:PATH for a folder of pictures), not an object "
            f"of type {type(name).__name__}"
        )
    source = open_source(name, data_dir, labelled)
    if split is None:
        if len(source.info.examples) > 1:
            known = ", ".join(source.info.examples)
            raise ValueError(f"Data set {name!r} has several splits; choose one of them: {known}.")
        (split,) = source.info.examples
    return Dataset(source, split)


def from_tf(
    dataset: tf.data.Dataset, class_names: Sequence[str] | None = None, *, name: str = "tf.data"
) -> Dataset:
    """Makes a `Dataset` from your own `tf.data.Dataset`.

    Args:
        dataset: elements are (image, label) or {"image": image, "label": label}, single or in
            batches; or images alone. An image is uint8 (height, width, channels) in [0, 255] with
            one or three channels, or the encoded bytes of a picture. A label is an integer from 0.
            Each pass must give the same pictures in the same order.
        class_names: one name per class. `None` takes `dataset.class_names`, which Keras's
            `image_dataset_from_directory` sets; without it the data set has no classes, and only
            the images are used.
        name: what reports call the data set.

    Raises:
        ValueError: the elements are of another form, there are none or infinitely many, or they
            come in another order at each pass.
    """
    if class_names is None:
        class_names = getattr(dataset, "class_names", None)
    return Dataset(TfSource(dataset, class_names, name), SPLIT)


def as_dataset(
    source: Dataset | str,
    split: str | None = None,
    data_dir: str | None = None,
    *,
    labelled: bool = True,
) -> Dataset:
    """Returns a `Dataset` unchanged, or opens the data set with that name.

    Functions that take both use it, for example `evaluate`.

    Args:
        source: a `Dataset` or a name, as in `open`.
        split: for a name: which split. `None` takes the only split, or `test` if there are several.
            A `Dataset` is of one split already, and another one is refused.
        data_dir, labelled: for a name: as in `open`.

    Raises:
        ValueError: as in `open`, or `source` is of another type.
    """
    if isinstance(source, Dataset):
        if split not in (None, source.split):
            raise ValueError(
                f"split={split!r} goes with the name of a data set, and {source} is open already: "
                f"pass dataset.with_split({split!r})"
            )
        return source
    if isinstance(source, tf.data.Dataset):
        raise ValueError(
            "a tf.data.Dataset has no class names: pass data.from_tf(dataset, class_names=[...])"
        )
    if not isinstance(source, str):
        raise ValueError(
            f"expected a Dataset or the name of one, not an object of type {type(source).__name__}"
        )
    opened = open_source(source, data_dir, labelled)
    if split is None:
        splits = list(opened.info.examples)
        split = splits[0] if len(splits) == 1 else "test"
    return Dataset(opened, split)
