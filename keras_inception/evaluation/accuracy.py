"""Measures the accuracy of a network, or of several together, on a data set.

It follows the papers: each picture is cut into crops (1, 10, 12 or 144, `data/crops.py`), the
softmax outputs are averaged over the crops and over the networks (1409.4842, section 7;
1512.00567, section 10), and the likeliest one or five classes are compared with the label.
"""

from __future__ import annotations

import logging
import pathlib
import time
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from keras_inception import labels
from keras_inception.data import Dataset, as_dataset
from keras_inception.data.broken import UNREADABLE, check_on_error
from keras_inception.data.crops import check_count
from keras_inception.data.tf_source import wrong_label
from keras_inception.evaluation import metrics
from keras_inception.evaluation.class_matching import ClassMatching, match
from keras_inception.evaluation.predictors import Predictor, predictor
from keras_inception.evaluation.progress import progress_bar
from keras_inception.evaluation.results import Evaluation
from keras_inception.evaluation.state import Findings, open_state
from keras_inception.renamed import replaced_argument
from keras_inception.types import PathLike

_LOGGER = logging.getLogger(__name__)
Model: TypeAlias = keras.Model | Predictor | PathLike


def _exclude(arguments: dict[str, Any], exclude: Any) -> None:
    """Converts the old argument `exclude`, whose pictures `Dataset.without` leaves out now."""
    if exclude is not None:
        named = arguments["dataset"]
        split, data_dir = arguments.pop("split", None), arguments.get("data_dir")
        arguments["dataset"] = as_dataset(named, split, data_dir).without(exclude)


@replaced_argument("exclude", "data.open(name, split).without(exclude)", _exclude)
def evaluate(
    models: Model | list[Model] | tuple[Model, ...],
    dataset: Dataset | str | tf.data.Dataset,
    crops: int = 1,
    *,
    split: str | None = None,
    batch_size: int = 32,
    data_dir: str | None = None,
    on_error: str = "error",
    state_dir: PathLike | None = None,
    resume: bool = True,
    progress: bool = True,
) -> Evaluation:
    """Measures the accuracy of one model, or of an ensemble, on a data set.

    Classes are matched by their names (`evaluation/class_matching.py`). The data may have some of
    a model's classes only: the likeliest class is then taken from all of the model's.

    Args:
        models: a Keras model; the path of a `.keras`, `.h5`, `.tflite`, `.onnx` or OpenVINO `.xml`
            file or of a SavedModel folder; a predictor; or a list of these, which are averaged.
            Their sizes may differ.
        dataset: a `Dataset` (`data.open`, `data.from_tf`) or the name of one. For models of one
            size it may also be batches: a `tf.data.Dataset` of float32 (batch, crops, size, size,
            3) in [-1, 1] and integer labels (batch,).
        crops: number of crops of each picture: 1, 10, 12 or 144.
        split, data_dir: for a name: the split (by default the only one, or `test`), and the folder
            of tensorflow-datasets' data.
        batch_size: number of crops that a network takes at a time.
        on_error: "error" raises an error for a picture that cannot be read; "skip" decodes every
            picture once beforehand, and logs and leaves out those that cannot be read.
        state_dir: a folder for the findings so far, from which a later call goes on.
        resume: whether to go on from `state_dir`; `False` starts over.
        progress: whether to show a progress bar with the pictures per second.

    Returns:
        The accuracies, with the probabilities that they come from.

    Raises:
        FileNotFoundError: there is no model at a path.
        ValueError: there is no model, the models do not know the same classes or do not know a
            class of the data, a model's outputs are not probabilities, a picture cannot be read, or
            `state_dir` has the state of another evaluation.
    """
    predictors = [predictor(m) for m in (models if isinstance(models, (list, tuple)) else [models])]
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} is below one")
    sizes = sorted({p.size for p in predictors})
    if _is_batches(dataset):
        if len(sizes) > 1 or state_dir is not None or on_error != "error":
            raise ValueError(
                f"batches cannot be shared by models of several sizes ({sizes}), nor be used with "
                "on_error or state_dir: pass a Dataset or the name of one"
            )
        pictures: _Pictures | _Batches = _Batches(dataset)
    else:
        check_count(crops)
        check_on_error(on_error)
        pictures = _Pictures(as_dataset(dataset, split, data_dir), on_error)
    matching = _matching(predictors, pictures.class_names)
    passes = None
    if state_dir is not None and isinstance(pictures, _Pictures):
        passes = open_state(state_dir, pictures.key(predictors, crops, matching), resume)
    found = {}  # size: arrays
    for size in sizes:
        members = [(p, o) for p, o in zip(predictors, matching.orders) if p.size == size]
        with Findings(None if passes is None else passes / f"size{size}") as findings:
            _pass(members, pictures, crops, batch_size, findings, progress, matching)
        found[size] = findings.arrays()
    return _averaged(predictors, found, pictures, crops, labels.readable(matching.class_names))


def _is_batches(dataset):
    """Tells whether a `tf.data.Dataset` has batches of crops that are ready for a network."""
    if not isinstance(dataset, tf.data.Dataset):
        return False
    spec = dataset.element_spec
    first = spec[0] if isinstance(spec, tuple) else None
    return isinstance(first, tf.TensorSpec) and first.shape.rank in (5, None)


class _Batches:
    """Batches of crops that the caller made."""

    class_names: tuple[str, ...] | None = None
    count: int | None = None
    broken = 0
    dataset: Dataset | None = None

    def __init__(self, batches: tf.data.Dataset) -> None:
        self._batches = batches

    def of_size(self, size: int, crops: int, batch_size: int, skip: int) -> tf.data.Dataset:
        return self._batches

    def fault(self, done: int) -> None:
        return None


class _Pictures:
    """The pictures of a `Dataset`; with `on_error="skip"` without those that cannot be read."""

    def __init__(self, dataset: Dataset, on_error: str) -> None:
        self.excluded = dataset.excluded
        self.broken = 0
        if on_error == "skip":
            found = dataset.unreadable()
            for _, file, why in found:
                _LOGGER.warning("%s cannot be read and is left out: %s", file, why)
            self.broken = len(found)
            dataset = dataset.without(number for number, _, _ in found)
        self.dataset = dataset
        self.class_names = dataset.class_names
        self.count = len(dataset)

    def of_size(self, size: int, crops: int, batch_size: int, skip: int) -> tf.data.Dataset:
        return self.dataset.evaluation_batches(size, batch_size, crops=crops, skip=skip)

    def fault(self, done: int) -> ValueError | None:
        """Returns a ValueError that names the first broken picture after `done` pictures."""
        left = set(self.dataset.numbers[done:])
        for number, name, why in self.dataset.unreadable():
            if number in left:
                return ValueError(
                    f"{self._called(name)} cannot be read: {why.rstrip('.')}; on_error='skip' "
                    "leaves such pictures out"
                )
        return None

    def _called(self, name):
        """Returns what to call a picture, whose name is a number if the source keeps no names."""
        return f"picture {name} of {self.dataset.name}" if name.isdecimal() else name

    def key(
        self, predictors: list[Predictor], crops: int, matching: ClassMatching
    ) -> dict[str, Any]:
        """Returns the values that must be equal for a run to go on from an earlier one's state."""
        dataset = self.dataset
        return {
            "models": [p.fingerprint() for p in predictors],
            "data": dataset.name,
            "split": dataset.split,
            "contents": dataset.with_split(dataset.split).fingerprint(),
            "crops": crops,
            "pictures": self.count,
            "exclude": dataset.excluded,
            "classes": matching.fingerprint(),
        }


def _pass(members, pictures, crops, batch_size, findings, progress, matching):
    """Runs the networks of one size on all pictures; adds their outputs to `findings`."""
    names = " + ".join(pathlib.PurePath(p.name).name for p, _ in members)
    title = f"{names}, {crops} crop{'s' * (crops > 1)}"
    size = members[0][0].size
    batches = pictures.of_size(size, crops, max(1, batch_size // crops), findings.count)
    with progress_bar(pictures.count, title, findings.count, progress) as bar:
        try:
            _run(members, batches, crops, batch_size, findings, bar, matching)
        except UNREADABLE as error:
            if why := wrong_label(error):
                raise ValueError(f"the data set cannot be evaluated: {why}") from None
            raise pictures.fault(findings.count) or error from None
    if not findings.count:
        raise ValueError("the data set has no pictures")
    if pictures.count not in (None, findings.count):
        raise ValueError(f"got {findings.count} pictures, expected {pictures.count}")


def _run(members, batches, crops, batch_size, found, bar, matching):
    """Adds the summed probabilities of `members` for each picture of `batches` to `found`."""
    start = time.perf_counter()
    for images, truths in batches:
        images = tf.convert_to_tensor(images)
        truths = matching.classes_of(np.asarray(truths, "int64"))
        if images.shape.rank != 5 or images.shape[1] != crops:
            raise ValueError(
                f"a batch has the shape {tuple(images.shape)}; expected "
                f"(batch, {crops}, size, size, 3)"
            )
        flat = tf.reshape(images, (-1, *images.shape[2:]))
        outputs = [
            _probabilities(p, flat, batch_size).reshape(len(truths), crops, -1).mean(axis=1)
            for p, _ in members
        ]
        orders = [order for _, order in members]
        outputs = [o if order is None else o[:, order] for o, order in zip(outputs, orders)]
        now = time.perf_counter()
        found.add(
            probabilities=sum(outputs),
            labels=truths,
            hits=np.stack([_hits(output, truths) for output in outputs], axis=1),
            seconds=np.full(len(truths), (now - start) / len(truths)),
        )
        start = now
        bar.update(len(truths))


def _hits(probabilities, truths):
    """Tells for each picture whether its label is the likeliest class, and among the top five."""
    right = metrics.top_k(probabilities, 5)[0] == truths[:, np.newaxis]
    return np.stack([right[:, 0], right.any(axis=1)], axis=1)


def _probabilities(predictor, images, batch_size):
    """Runs one network on `images` in batches, so that even 144 crops fit in memory."""
    starts = range(0, len(images), batch_size)
    values = np.concatenate([predictor(images[i : i + batch_size]) for i in starts])
    metrics.check_probabilities(values, predictor.name)
    return values


def _averaged(predictors, found, pictures, crops, class_names):
    """Makes the `Evaluation` from the arrays found for each size."""
    first, *others = found.values()
    if any(not np.array_equal(arrays["labels"], first["labels"]) for arrays in others):
        raise ValueError("the pictures came in another order for models of another size")
    hits = {size: iter(np.moveaxis(arrays["hits"], 1, 0)) for size, arrays in found.items()}
    dataset = pictures.dataset
    return Evaluation(
        models=tuple(p.name for p in predictors),
        crops=crops,
        class_names=class_names,
        probabilities=sum(arrays["probabilities"] for arrays in found.values()) / len(predictors),
        labels=first["labels"],
        seconds=float(sum(arrays["seconds"].sum() for arrays in found.values())),
        hits=np.stack([next(hits[p.size]) for p in predictors], axis=1),
        dataset="" if dataset is None else dataset.name,
        split="" if dataset is None else dataset.split,
        excluded=0 if dataset is None else len(dataset.excluded) - pictures.broken,
        unreadable=pictures.broken,
        examples=None if dataset is None else np.array(dataset.numbers, "int64"),
        source=dataset,
    )


def _matching(predictors, class_names):
    """Matches the classes of the models and of the data."""
    if not predictors:
        raise ValueError("there is no model to evaluate")
    if class_names is not None and not class_names:
        raise ValueError("the data set has no class names, so its labels cannot be compared")
    return match([(p.name, p.class_names) for p in predictors], class_names)
