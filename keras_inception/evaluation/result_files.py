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

MISTAKES = 16  # pictures on the page at most
_WORST = 20  # classes that the page lists at once; the others are folded away


@replaced_argument("data_dir", "the Evaluation's own source", lambda arguments, data_dir: None)
def write_results(found: Evaluation, folder: PathLike) -> pathlib.Path:
    """Writes `results.json` and `report.html` into `folder`; returns the path of the page.

    Args:
        found: an `Evaluation`. The page shows pictures of its mistakes if it is of a data set, not
            of batches.
        folder: made if it is missing; earlier files of these names are replaced.
    """
    folder = pathlib.Path(folder)
    _write(folder / "results.json", json.dumps(figures(found), indent=1) + "\n")
    _write(folder / "report.html", page(found, mistakes(found, MISTAKES)))
    return folder / "report.html"


def figures(found: Evaluation) -> dict[str, Any]:
    """Returns all figures of an `Evaluation`, ready for JSON.

    They are `Evaluation.summary`'s, then `classes` (`Evaluation.per_class`), `confusion` as a list
    of `{true, taken_for, pictures}`, most pictures first, and `reliability`
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
    """Returns at most `most` wrongly classified pictures as cards: the surest of each kind."""
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
    pictures = _pictures(found.source, {places[card.note] for card in shown})
    return [dataclasses.replace(card, picture=pictures[places[card.note]]) for card in shown]


def _pictures(dataset, places):
    """Returns `{place among the pictures that were evaluated: JPEG}` for some places."""
    if not places:
        return {}
    chosen = tf.constant(sorted(places), tf.int64)
    examples = dataset.encoded().enumerate()
    examples = examples.filter(lambda i, _: tf.reduce_any(i == chosen)).take(len(places))
    return {int(i): report.thumbnail(encoded) for i, (encoded, _) in examples.as_numpy_iterator()}


def page(found: Evaluation, cards: list[report.Card]) -> str:
    """Returns the report as one HTML page; `cards` are pictures of mistakes."""
    bins = metrics.reliability(found.probabilities, found.labels)
    body = [
        report.tiles(
            {
                "top-1": f"{found.top1:.2%}",
                "top-5": f"{found.top5:.2%}",
                "standard error of top-1": f"{found.top1_standard_error:.2%}",
                "calibration error": f"{found.calibration_error:.2%}",
                "time": report.duration(found.seconds),
            }
        ),
        _models(found),
        report.section(
            "What is taken for what",
            "A row for each true class, divided by the number of its pictures.",
            report.plot(
                lambda theme: plots.confusion_plot(found.confusion, found.class_names, theme),
                "Confusion matrix",
                least_width="36rem",
            ),
        ),
        report.section(
            "How sure it is, and how right",
            "Pictures are grouped by the probability of their likeliest class. Below the diagonal "
            "the network is surer than it should be. The calibration error is the mean distance "
            "from the diagonal, weighted by pictures (1706.04599).",
            report.plot(lambda theme: plots.reliability_plot(*bins, theme), "Reliability"),
        ),
        _classes(found),
    ]
    if cards:
        wrong = found.pictures - round(found.top1 * found.pictures)
        text = (
            f"{wrong} of {found.pictures} pictures are classified wrongly. Of each kind of mistake "
            f"the one that the network was surest of, {len(cards)} kinds; the number is the "
            "picture's place in the split, from 0."
        )
        body.append(report.section("Mistakes", text, report.cards(cards)))
    crops = f"{found.crops} crop{'s' * (found.crops > 1)}"
    lead = (
        f"{_data(found)}: {found.pictures:,} pictures, {crops} of each"
        + (f", {found.excluded:,} pictures left out" if found.excluded else "")
        + (f", {found.unreadable:,} that cannot be read" if found.unreadable else "")
        + "; softmax outputs are averaged over crops"
        + (" and models." if len(found.models) > 1 else ".")
    )
    foot = f"keras {keras.__version__}, tensorflow {tf.__version__}"
    return report.page("Evaluation", lead, body, foot)


def _data(found):
    return f"{found.dataset}, {found.split}" if found.dataset else "batches"


def _models(found):
    text = "One standard error of a fraction p of n pictures is the square root of p (1 - p) / n."
    rows = [[name, *accuracies] for name, *accuracies in accuracy_rows(found)]
    return report.section("Accuracy", text, report.table(["model", "top-1", "top-5"], rows))


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
    text = "The classes that are recognised least often come first."
    return report.section("Classes", text, *tables)


def _write(path, text):
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
