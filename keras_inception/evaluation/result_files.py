"""Writes an `Evaluation` as `results.json` and as a page, `report.html`."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_inception.evaluation import metrics, plots, report
from keras_inception.evaluation.results import Evaluation
from keras_inception.files import replacing
from keras_inception.renamed import replaced_argument
from keras_inception.types import PathLike

MISTAKES = 16  # largest number of pictures on the page
_WORST = 20  # number of classes that the page shows at once; the others are folded away


@replaced_argument("data_dir", "the Evaluation's own source", lambda arguments, data_dir: None)
def write_results(found: Evaluation, folder: PathLike) -> pathlib.Path:
    """Writes `results.json` and `report.html` into a folder.

    Args:
        found: what `evaluate` returned. The page shows pictures of mistakes if the pictures came
            from a data set, not from batches.
        folder: made if it is missing; earlier files of these names are replaced.

    Returns:
        The path of `report.html`.
    """
    folder = pathlib.Path(folder)
    _write(folder / "results.json", json.dumps(figures(found), indent=1) + "\n")
    _write(folder / "report.html", page(found, mistakes(found, MISTAKES)))
    return folder / "report.html"


def figures(found: Evaluation) -> dict[str, Any]:
    """Returns all figures of an `Evaluation`, ready for JSON.

    To the figures of `Evaluation.summary` it adds `classes` (`Evaluation.per_class`), `confusion`,
    a list of `{true, taken_for, pictures}` with most pictures first, and `reliability`
    (`metrics.reliability`).
    """
    confusion = found.confusion
    cells = sorted(np.argwhere(confusion).tolist(), key=lambda cell: -confusion[tuple(cell)])
    names = ("pictures", "confidence", "accuracy")
    bins = metrics.reliability(found.probabilities, found.labels)
    return {
        **found.summary(),
        "classes": found.per_class(),
        "confusion": [
            {
                "true": found.class_names[row],
                "taken_for": found.class_names[column],
                "pictures": int(confusion[row, column]),
            }
            for row, column in cells
        ],
        "reliability": {name: values.tolist() for name, values in zip(names, bins, strict=True)},
    }


def mistakes(found: Evaluation, most: int) -> list[report.Card]:
    """Returns at most `most` misclassified pictures as cards: the surest of each kind."""
    if found.examples is None or found.source is None:
        return []
    cards, places = [], {}
    classes, scores = metrics.top_k(found.probabilities, 3)
    names = found.class_names
    for i in np.flatnonzero(classes[:, 0] != found.labels):
        best = [(names[c], float(p)) for c, p in zip(classes[i], scores[i], strict=True)]
        note = f"picture {found.examples[i]}"
        cards.append(report.Card(b"", names[found.labels[i]], best, note))
        places[note] = int(i)
    shown = report.surest_of_each_kind(cards, most)
    encoded = _thumbnails(found.source, {places[card.note] for card in shown})
    return [dataclasses.replace(card, encoded=encoded[places[card.note]]) for card in shown]


def _thumbnails(dataset, places):
    """Maps some places, among the pictures of a data set, to encoded thumbnails."""
    if not places:
        return {}
    chosen = tf.constant(sorted(places), tf.int64)
    examples = dataset.encoded().enumerate()
    examples = examples.filter(lambda i, _: tf.reduce_any(i == chosen)).take(len(places))
    return {int(i): report.thumbnail(encoded) for i, (encoded, _) in examples.as_numpy_iterator()}


def page(found: Evaluation, cards: list[report.Card]) -> str:
    """Returns the report as one HTML page; `cards` are pictures of mistakes."""
    body = [_tiles(found), _models(found), _confusion(found), _reliability(found), _classes(found)]
    if cards:
        body.append(_mistakes(found, cards))
    crops = f"{found.crops} crop{'s' * (found.crops > 1)}"
    lead = (
        f"{_data(found)}: {_count(found.pictures)}, {crops} of each"
        + (f", {_count(found.excluded)} left out" if found.excluded else "")
        + (f", {_count(found.unreadable)} that cannot be read" if found.unreadable else "")
        + ". Softmax outputs are averaged over crops"
        + (" and models." if len(found.models) > 1 else ".")
    )
    foot = f"keras {keras.__version__}, tensorflow {tf.__version__}"
    return report.page("Evaluation", lead, body, foot)


def _data(found):
    return f"{found.dataset}, {found.split}" if found.dataset else "batches"


def _count(pictures):
    return f"{pictures:,} picture{'s' * (pictures != 1)}"


def _tiles(found):
    return report.tiles(
        {
            "top-1": f"{found.top1:.2%}",
            "top-5": f"{found.top5:.2%}",
            "standard error of top-1": f"{found.top1_standard_error:.2%}",
            "calibration error": f"{found.calibration_error:.2%}",
            "time": report.duration(found.seconds),
        }
    )


def _models(found):
    text = (
        "The standard error of an accuracy p, measured on n pictures, is the square root of "
        "p (1 - p) / n."
    )
    rows = [[name, *accuracies] for name, *accuracies in accuracy_rows(found)]
    return report.section("Accuracy", text, report.table(["model", "top-1", "top-5"], rows))


def _confusion(found):
    return report.section(
        "Confusion",
        "Each row is a true class, divided by the number of its pictures.",
        report.plot(
            lambda theme: plots.confusion_plot(found.confusion, found.class_names, theme),
            "Confusion matrix",
            least_width="36rem",
        ),
    )


def _reliability(found):
    bins = metrics.reliability(found.probabilities, found.labels)
    return report.section(
        "Confidence and accuracy",
        "Pictures are grouped by the probability of their likeliest class. Below the diagonal the "
        "network is surer than it should be. The calibration error is the mean distance from the "
        "diagonal, weighted by pictures (1706.04599).",
        report.plot(lambda theme: plots.reliability_plot(*bins, theme), "Reliability"),
    )


def _mistakes(found, cards):
    wrong = found.pictures - round(found.top1 * found.pictures)
    text = (
        f"{wrong} of {found.pictures} pictures are misclassified. Shown are {len(cards)} kinds of "
        "mistakes, each with the picture that the network was surest of. The number is the "
        "picture's place in the split, from 0."
    )
    return report.section("Mistakes", text, report.cards(cards))


def accuracy_rows(found: Evaluation) -> list[tuple[str, ...]]:
    """Returns texts (name, top-1, top-5) with standard errors: each model, then all together."""
    summary = found.summary()
    rows = [(pathlib.PurePath(row["model"]).name, row) for row in summary["each_model"]]
    if len(rows) > 1:
        rows.append((f"{len(rows)} models together", summary))
    return [
        (name, *(f"{row[k]:.2%} \u00b1 {row[f'{k}_standard_error']:.2%}" for k in ("top1", "top5")))
        for name, row in rows
    ]


def _classes(found):
    rows = sorted(
        (row for row in found.per_class() if row["pictures"]), key=lambda row: row["top1"]
    )
    texts = [
        [
            row["name"].replace("_", " "),
            row["pictures"],
            f"{row['top1']:.1%}",
            f"{row['top5']:.1%}",
            (row["taken_for"] or "").replace("_", " "),
        ]
        for row in rows
    ]
    head = ["class", "pictures", "top-1", "top-5", "most often taken for"]
    tables = [report.table(head, texts[:_WORST])]
    if len(texts) > _WORST:
        tables.append(report.folded("Show all classes", report.table(head, texts)))
    text = "The classes with the lowest accuracy come first."
    return report.section("Classes", text, *tables)


def _write(path, text):
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
