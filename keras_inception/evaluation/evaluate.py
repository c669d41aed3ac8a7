"""`evaluate`: the accuracy of a network, or of several together, on a data set.

The protocol of the papers: each picture is cut into crops (1, 10, 12 or 144, `data/crops.py`), the
softmax outputs are averaged over the crops and over the networks (1409.4842, section 7;
1512.00567, section 10), and the best one or five classes are compared with the label.
"""

import dataclasses
import logging
import pathlib
import time

import numpy as np
import tensorflow as tf

from keras_inception import labels
from keras_inception.data import pipeline
from keras_inception.data.broken import UNREADABLE, check_on_error
from keras_inception.data.crops import check_count
from keras_inception.evaluation import exclusion, metrics
from keras_inception.evaluation.predictors import predictor
from keras_inception.evaluation.progress import progress_bar
from keras_inception.evaluation.state import Findings, open_state

_LOGGER = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found. Accuracies and standard errors are fractions."""

    models: tuple  # names
    crops: int  # a picture
    classes: tuple  # their names
    probabilities: np.ndarray  # float32 (pictures, classes), averaged over crops and models
    labels: np.ndarray  # int64 (pictures,)
    seconds: float  # those of earlier runs that this one went on from included
    hits: np.ndarray  # bool (pictures, models, 2): whether each model alone is right, top-1, top-5
    dataset: str = ""  # its name and split, empty for batches that were handed over
    split: str = ""
    excluded: int = 0  # pictures that were left out, as the caller asked
    unreadable: int = 0  # and since they cannot be read
    examples: np.ndarray | None = None  # int64 (pictures,): their numbers in the split, from 0

    def __post_init__(self):
        metrics.top_k_accuracy(self.probabilities, self.labels)  # labels out of range, NaN

    @property
    def pictures(self):
        return len(self.labels)

    @property
    def top1(self):
        return metrics.top_k_accuracy(self.probabilities, self.labels, 1)

    @property
    def top5(self):
        return metrics.top_k_accuracy(self.probabilities, self.labels, 5)

    @property
    def top1_standard_error(self):
        return metrics.standard_error(self.top1, self.pictures)

    @property
    def top5_standard_error(self):
        return metrics.standard_error(self.top5, self.pictures)

    @property
    def predictions(self):
        """The likeliest class of each picture, int64 (pictures,)."""
        return metrics.top_k(self.probabilities, 1)[0][:, 0]

    @property
    def confusion(self):
        """Counts (classes, classes); a row is a true class, a column what it was taken for."""
        return metrics.confusion_matrix(self.labels, self.predictions, len(self.classes))

    @property
    def calibration_error(self):
        """The expected calibration error (`metrics.calibration_error`)."""
        return metrics.calibration_error(self.probabilities, self.labels)

    def per_class(self):
        """For each class its `name`, `pictures`, `top1`, `top5` and what it is `taken_for`.

        That is the wrong class that it gets most often; `None` where there is no mistake, as the
        accuracies are without a picture.
        """
        likeliest = metrics.top_k(self.probabilities, 5)[0] == self.labels[:, np.newaxis]
        mistakes = self.confusion
        np.fill_diagonal(mistakes, 0)
        rows = []
        for i, (name, wrong) in enumerate(zip(self.classes, mistakes, strict=True)):
            right = likeliest[self.labels == i]
            rows.append(
                {
                    "name": name,
                    "pictures": len(right),
                    "top1": float(right[:, 0].mean()) if len(right) else None,
                    "top5": float(right.any(axis=1).mean()) if len(right) else None,
                    "taken_for": self.classes[wrong.argmax()] if wrong.any() else None,
                }
            )
        return rows

    def summary(self):
        """The figures, without arrays, ready for JSON."""
        alone = [{"model": m, **figures} for m, figures in zip(self.models, self._alone())]
        return {
            "models": list(self.models),
            "data": self.dataset,
            "split": self.split,
            "crops": self.crops,
            "pictures": self.pictures,
            "excluded": self.excluded,
            "unreadable": self.unreadable,
            "top1": self.top1,
            "top1_standard_error": self.top1_standard_error,
            "top5": self.top5,
            "top5_standard_error": self.top5_standard_error,
            "calibration_error": self.calibration_error,
            "each_model": alone,
            "seconds": self.seconds,
            "images_per_second": self.pictures / max(self.seconds, 1e-9),
        }

    def _alone(self):
        for top1, top5 in self.hits.mean(axis=0).tolist():
            errors = [metrics.standard_error(accuracy, self.pictures) for accuracy in (top1, top5)]
            yield {
                "top1": top1,
                "top1_standard_error": errors[0],
                "top5": top5,
                "top5_standard_error": errors[1],
            }


def evaluate(
    models,
    dataset,
    crops=1,
    *,
    split="test",
    batch_size=32,
    data_dir=None,
    exclude=None,
    on_error="error",
    state_dir=None,
    resume=True,
    progress=True,
):
    """Runs one model, or an ensemble, over a split of a data set.

    Args:
        models: a Keras model, the path of a `.keras`, `.h5` or `.tflite` file or a SavedModel
            folder, a predictor, or a list of these; several are averaged. Their sizes may differ.
        dataset: a data set's name (`data/pipeline.py`), or, for models of one size, batches:
            a `tf.data.Dataset` of float32 (batch, crops, size, size, 3) in [-1, 1] and
            integer labels (batch,).
        crops: crops of each picture: 1, 10, 12 or 144 of a named data set.
        split, data_dir: which part of the named data set, and where it lies.
        batch_size: crops put through a network at a time.
        exclude: a file that lists pictures to leave out (`exclusion.excluded_examples`), or their
            numbers in the split, from 0.
        on_error: "error", or "skip": every picture is decoded once before, and those that cannot
            be read are logged with their names and left out, as if excluded.
        state_dir: a folder for what has been found so far, from which a later call goes on.
        resume: whether to go on; `False` starts over.
        progress: whether to show a progress bar with the pictures per second.

    Returns:
        An `Evaluation`.

    Raises:
        ValueError: no model, models of different classes, classes other than the data's, a
            model whose outputs are not probabilities, a picture that cannot be read, or the
            state of another evaluation.
    """
    predictors = [predictor(m) for m in (models if isinstance(models, (list, tuple)) else [models])]
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} is below one")
    sizes = sorted({p.size for p in predictors})
    if isinstance(dataset, str):
        check_count(crops)
        data = _named(dataset, split, data_dir, exclude, on_error)
    elif len(sizes) > 1 or exclude is not None or state_dir is not None or on_error != "error":
        raise ValueError(
            f"batches cannot be shared by models of several sizes ({sizes}), nor be used with "
            "exclude, on_error or state_dir: name a data set"
        )
    else:
        data = _Data(batches=dataset)
    classes = _class_names(predictors, data.classes)
    passes = state_dir and open_state(state_dir, data.key(predictors, crops), resume)
    found = {}  # size: arrays
    for size in sizes:
        members = [p for p in predictors if p.size == size]
        with Findings(passes and passes / f"size{size}") as findings:
            batches = data.of_size(size, crops, max(1, batch_size // crops), findings.count)
            names = " + ".join(pathlib.PurePath(p.name).name for p in members)
            what = f"{names}, {crops} crop{'s' * (crops > 1)}"
            with progress_bar(data.pictures, what, findings.count, progress) as bar:
                try:
                    _run(members, batches, crops, batch_size, findings, bar)
                except UNREADABLE as error:
                    raise data.unreadable(findings.count) or error from None
        found[size] = findings.arrays()
        if not findings.count:
            raise ValueError("the data set has no pictures")
        if data.pictures not in (None, findings.count):
            raise ValueError(f"{findings.count} pictures came, where there are {data.pictures}")
    hits = {size: iter(np.moveaxis(arrays["hits"], 1, 0)) for size, arrays in found.items()}
    return Evaluation(
        models=tuple(p.name for p in predictors),
        crops=crops,
        classes=labels.readable(classes),
        probabilities=sum(arrays["probabilities"] for arrays in found.values()) / len(predictors),
        labels=found[sizes[0]]["labels"],
        seconds=float(sum(arrays["seconds"].sum() for arrays in found.values())),
        hits=np.stack([next(hits[p.size]) for p in predictors], axis=1),
        dataset=data.name,
        split=data.split,
        excluded=len(data.excluded) - data.broken,
        unreadable=data.broken,
        examples=data.examples,
    )


@dataclasses.dataclass(frozen=True)
class _Data:
    """Where the pictures come from: batches that were handed over, or a split of a data set."""

    batches: tf.data.Dataset | None = None
    name: str = ""
    split: str = ""
    data_dir: str | None = None
    classes: tuple | None = None
    pictures: int | None = None  # without those that are excluded
    excluded: tuple = ()
    broken: int = 0  # of those that are excluded

    @property
    def examples(self):
        """The numbers of the pictures in the split, from 0."""
        if self.batches is not None:
            return None
        return np.setdiff1d(np.arange(self.pictures + len(self.excluded)), self.excluded)

    def of_size(self, size, crops, batch_size, skip):
        if self.batches is not None:
            return self.batches
        return pipeline.evaluation_batches(
            self.name,
            size,
            batch_size,
            split=self.split,
            crops=crops,
            data_dir=self.data_dir,
            exclude=self.excluded,
            skip=skip,
        )

    def unreadable(self, done):
        """A ValueError that names the first broken picture after `done`; `None` without one."""
        if self.batches is not None:
            return None
        for number, name, why in pipeline.unreadable_examples(self.name, self.split, self.data_dir):
            if number in self.examples[done:]:
                return ValueError(
                    f"{name} cannot be read: {why}; on_error='skip' (--on_error=skip) leaves such "
                    "pictures out"
                )
        return None

    def key(self, predictors, crops):
        """What must be equal for a run to go on from another one's state."""
        return {
            "models": [p.fingerprint() for p in predictors],
            "data": self.name,
            "split": self.split,
            "contents": pipeline.fingerprint(self.name, self.split, self.data_dir),
            "crops": crops,
            "pictures": self.pictures,
            "exclude": self.excluded,
        }


def _named(name, split, data_dir, exclude, on_error):
    """The pictures of a split of a named data set."""
    check_on_error(on_error)
    info = pipeline.dataset_info(name, data_dir)
    total = pipeline.count_examples(name, split, data_dir)
    if exclude is None:
        excluded = ()
    elif isinstance(exclude, (str, pathlib.PurePath)):
        excluded = exclusion.excluded_examples(exclude, name, split, data_dir)
    else:
        excluded = tuple(sorted({int(number) for number in exclude}))
        if excluded and not 0 <= excluded[0] <= excluded[-1] < total:
            raise ValueError(f"exclude holds a number outside of 0 to {total - 1}")
    broken = set()
    if on_error == "skip":
        found = pipeline.unreadable_examples(name, split, data_dir)
        for _, file, why in found:
            _LOGGER.warning("%s cannot be read and is left out: %s", file, why)
        broken = {number for number, _, _ in found} - set(excluded)
        excluded = tuple(sorted({*excluded, *broken}))
    return _Data(
        name=name,
        split=split,
        data_dir=data_dir,
        classes=tuple(info.class_names),
        pictures=total - len(excluded),
        excluded=excluded,
        broken=len(broken),
    )


def _run(predictors, batches, crops, batch_size, found, bar):
    """Adds to `found` the predictors' summed probabilities for each picture of `batches`."""
    start = time.perf_counter()
    for images, truths in batches:
        images, truths = tf.convert_to_tensor(images), np.asarray(truths, "int64")
        if images.shape.rank != 5 or images.shape[1] != crops:
            raise ValueError(
                f"a batch of shape {tuple(images.shape)}; (batch, {crops}, size, size, 3) is wanted"
            )
        flat = tf.reshape(images, (-1, *images.shape[2:]))
        outputs = [
            _probabilities(p, flat, batch_size).reshape(len(truths), crops, -1).mean(axis=1)
            for p in predictors
        ]
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
    """Whether each picture's label is its likeliest class, and among the likeliest five."""
    right = metrics.top_k(probabilities, 5)[0] == truths[:, np.newaxis]
    return np.stack([right[:, 0], right.any(axis=1)], axis=1)


def _probabilities(predictor, images, batch_size):
    """What one network says of `images`, a `batch_size` at a time so that 144 crops fit too."""
    starts = range(0, len(images), batch_size)
    values = np.concatenate([predictor(images[i : i + batch_size]) for i in starts])
    metrics.check_probabilities(values, predictor.name)
    return values


def _class_names(predictors, names):
    """The classes' names, the data's or else the first model's, once every model has the same."""
    if not predictors:
        raise ValueError("there is no model to evaluate")
    names = predictors[0].class_names if names is None else names
    for p in predictors:
        if p.classes != len(names):
            raise ValueError(f"{p.name} has {p.classes} classes, where {len(names)} are wanted")
        if p.class_names != names and sorted(p.class_names) == sorted(names):
            raise ValueError(f"{p.name} has the classes in another order than the data or a model")
    return names
