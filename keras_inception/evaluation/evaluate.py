"""`evaluate`: the accuracy of a network, or of several together, on a data set.

The protocol of the papers: each picture is cut into crops (1 or 10, `data/crops.py`), the softmax
outputs are averaged over the crops and over the networks (1409.4842, section 7; 1512.00567,
section 10), and the best one or five classes are compared with the label.
"""

import dataclasses
import pathlib
import sys
import time

import numpy as np
import tensorflow as tf

from keras_inception.data import pipeline
from keras_inception.evaluation import metrics
from keras_inception.evaluation.predictors import predictor


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found. Accuracies and standard errors are fractions."""

    models: tuple  # names
    crops: int  # a picture
    classes: tuple  # their names
    probabilities: np.ndarray  # float32 (pictures, classes), averaged over crops and models
    labels: np.ndarray  # int64 (pictures,)
    seconds: float

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
        """Counts (classes, classes): a row is a true class, a column what it was taken for."""
        return metrics.confusion_matrix(self.labels, self.predictions, len(self.classes))

    def summary(self):
        """The figures, without arrays, ready for JSON."""
        return {
            "models": list(self.models),
            "crops": self.crops,
            "pictures": self.pictures,
            "top1": self.top1,
            "top1_standard_error": self.top1_standard_error,
            "top5": self.top5,
            "top5_standard_error": self.top5_standard_error,
            "seconds": self.seconds,
        }


def evaluate(
    models, dataset, crops=1, *, split="test", batch_size=32, data_dir=None, progress=True
):
    """Runs one model, or an ensemble, over a split of a data set.

    Args:
        models: a Keras model, the path of a `.keras`, `.h5` or `.tflite` file or a SavedModel
            folder, a predictor, or a list of these; several are averaged.
        dataset: a data set's name (`data/pipeline.py`), or, for models of one size, batches:
            a `tf.data.Dataset` of float32 (batch, crops, size, size, 3) in [-1, 1] and
            integer labels (batch,).
        crops: crops of each picture.
        split, data_dir: which part of the named data set, and where it lies.
        batch_size: pictures read, and crops put through a network, at a time.
        progress: whether to show a progress bar with the pictures per second.

    Returns:
        An `Evaluation`.

    Raises:
        ValueError: no model, models of different classes, classes other than the data's, or a
            model whose outputs are not probabilities.
    """
    predictors = [predictor(m) for m in (models if isinstance(models, (list, tuple)) else [models])]
    classes, total = _class_names(predictors, dataset, split, data_dir)
    sizes = sorted({p.size for p in predictors})
    if not isinstance(dataset, str) and len(sizes) > 1:
        raise ValueError(f"models of the sizes {sizes} cannot share batches: name a data set")

    start = time.perf_counter()
    sums = 0.0
    for size in sizes:
        members = [p for p in predictors if p.size == size]
        batches = dataset
        if isinstance(dataset, str):
            batches = pipeline.evaluation_batches(
                dataset, size, batch_size, split=split, crops=crops, data_dir=data_dir
            )
        names = " + ".join(pathlib.PurePath(p.name).name for p in members)
        label = f"{names}, {crops} crop{'s' * (crops > 1)}"
        with _bar(total, label, progress) as bar:
            of_size, labels = _run(members, batches, crops, batch_size, bar)
        sums = sums + of_size
    return Evaluation(
        models=tuple(p.name for p in predictors),
        crops=crops,
        classes=classes,
        probabilities=(sums / len(predictors)).astype("float32"),
        labels=labels,
        seconds=time.perf_counter() - start,
    )


def _run(predictors, batches, crops, batch_size, bar):
    """The sum over `predictors` of the crops' mean softmax, and the labels, for one pass."""
    sums, labels = [], []
    for images, batch_labels in batches:
        images, count = tf.convert_to_tensor(images), len(batch_labels)
        if images.shape.rank != 5 or images.shape[1] != crops:
            raise ValueError(
                f"a batch of shape {tuple(images.shape)}; (batch, {crops}, size, size, 3) is wanted"
            )
        flat = tf.reshape(images, (-1, *images.shape[2:]))
        outputs = [_probabilities(p, flat, batch_size) for p in predictors]
        sums.append(sum(o.reshape(count, crops, -1).mean(axis=1) for o in outputs))
        labels.append(np.asarray(batch_labels, "int64"))
        bar.update(count)
    if not labels:
        raise ValueError("the data set has no pictures")
    return np.concatenate(sums), np.concatenate(labels)


def _probabilities(predictor, images, batch_size):
    """What one network says of `images`, a `batch_size` at a time so that 144 crops fit too."""
    starts = range(0, len(images), batch_size)
    values = np.concatenate([predictor(images[i : i + batch_size]) for i in starts])
    # Half and 8-bit precision leave the sum of a softmax within a few percent of one.
    if not np.allclose(values.sum(axis=1), 1, atol=0.05):
        raise ValueError(f"the outputs of {predictor.name} do not sum to one: no softmax, or NaN")
    return values


def _class_names(predictors, dataset, split, data_dir):
    """The classes' names, once every model is known to have as many, and the split's size."""
    if not predictors:
        raise ValueError("there is no model to evaluate")
    names, total = predictors[0].class_names, None
    if isinstance(dataset, str):
        info = pipeline.dataset_info(dataset, data_dir)
        if split not in info.examples:
            raise ValueError(f"{dataset} has no split {split!r}, but {sorted(info.examples)}")
        names, total = tuple(info.class_names), info.examples[split]
    for p in predictors:
        if p.classes != len(names):
            raise ValueError(f"{p.name} has {p.classes} classes, where {len(names)} are wanted")
    return names, total


def _bar(total, label, progress):
    from tqdm import tqdm

    # A log file gets a line now and then instead of a bar that moves.
    interval = 0.1 if sys.stderr.isatty() else 10
    return tqdm(total=total, desc=label, unit=" images", mininterval=interval, disable=not progress)
