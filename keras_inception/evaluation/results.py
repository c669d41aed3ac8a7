"""The result of `evaluate`, with the figures that follow from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_inception.data import Dataset
from keras_inception.evaluation import metrics
from keras_inception.renamed import say_renamed


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate`. Accuracies and standard errors are fractions.

    Attributes:
        models: names of the models.
        crops: number of crops of each picture.
        class_names: names of the classes in the order of the labels.
        probabilities: float32 (pictures, classes), averaged over crops and models.
        labels: class number of each picture, int64 (pictures,).
        seconds: wall time, including earlier runs that this one went on from.
        hits: bool (pictures, models, 2): whether each model alone is right, top-1 and top-5.
        dataset, split: names of the data set and its split; empty if batches were passed.
        excluded: number of pictures that the caller left out.
        unreadable: number of pictures left out because they cannot be read.
        examples: number of each picture in the split, from 0, int64 (pictures,); `None` for
            batches.
        source: the `Dataset` of the pictures; `None` for batches.
    """

    models: tuple[str, ...]
    crops: int
    class_names: tuple[str, ...]
    probabilities: np.ndarray
    labels: np.ndarray
    seconds: float
    hits: np.ndarray
    dataset: str = ""
    split: str = ""
    excluded: int = 0
    unreadable: int = 0
    examples: np.ndarray | None = None
    source: Dataset | None = dataclasses.field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        metrics.top_k_accuracy(self.probabilities, self.labels)  # raises for bad labels and NaN

    @property
    def classes(self) -> tuple[str, ...]:
        """Old name of `class_names`."""
        say_renamed("Evaluation.classes", "Evaluation.class_names")
        return self.class_names

    @property
    def pictures(self) -> int:
        """Number of pictures that were classified."""
        return len(self.labels)

    @property
    def top1(self) -> float:
        """Fraction of pictures whose likeliest class is right."""
        return metrics.top_k_accuracy(self.probabilities, self.labels, 1)

    @property
    def top5(self) -> float:
        """Fraction of pictures whose right class is among the likeliest five."""
        return metrics.top_k_accuracy(self.probabilities, self.labels, 5)

    @property
    def top1_standard_error(self) -> float:
        """Standard error of `top1`."""
        return metrics.standard_error(self.top1, self.pictures)

    @property
    def top5_standard_error(self) -> float:
        """Standard error of `top5`."""
        return metrics.standard_error(self.top5, self.pictures)

    @property
    def predictions(self) -> np.ndarray:
        """Number of each picture's likeliest class, int64 (pictures,)."""
        return metrics.top_k(self.probabilities, 1)[0][:, 0]

    @property
    def confusion(self) -> np.ndarray:
        """Counts, int64 (classes, classes): a row per true class, a column per predicted one."""
        return metrics.confusion_matrix(self.labels, self.predictions, len(self.class_names))

    @property
    def calibration_error(self) -> float:
        """Expected calibration error (`metrics.calibration_error`)."""
        return metrics.calibration_error(self.probabilities, self.labels)

    def per_class(self) -> list[dict[str, Any]]:
        """Returns the `name`, `pictures`, `top1`, `top5` and `taken_for` of each class.

        `taken_for` is the wrong class that is predicted most often, or `None` if there is no
        mistake. The accuracies are `None` if the class has no pictures.
        """
        likeliest = metrics.top_k(self.probabilities, 5)[0] == self.labels[:, np.newaxis]
        mistakes = self.confusion
        np.fill_diagonal(mistakes, 0)
        rows = []
        for i, (name, wrong) in enumerate(zip(self.class_names, mistakes, strict=True)):
            right = likeliest[self.labels == i]
            rows.append(
                {
                    "name": name,
                    "pictures": len(right),
                    "top1": float(right[:, 0].mean()) if len(right) else None,
                    "top5": float(right.any(axis=1).mean()) if len(right) else None,
                    "taken_for": self.class_names[wrong.argmax()] if wrong.any() else None,
                }
            )
        return rows

    def summary(self) -> dict[str, Any]:
        """Returns the figures, but no arrays, ready for JSON."""
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

    def _alone(self) -> Iterator[dict[str, float]]:
        for top1, top5 in self.hits.mean(axis=0).tolist():
            errors = [metrics.standard_error(accuracy, self.pictures) for accuracy in (top1, top5)]
            yield {
                "top1": top1,
                "top1_standard_error": errors[0],
                "top5": top5,
                "top5_standard_error": errors[1],
            }
