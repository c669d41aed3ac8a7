"""Writes the report of the demo, from the pieces of `evaluation/report.py`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from keras_inception.evaluation import Evaluation, plots, report

if TYPE_CHECKING:
    from keras_inception.cli.demo import Classified, Evaluations
    from keras_inception.training import Recipe

TITLES = {
    "keras": "Keras",
    "saved_model": "SavedModel",
    "tflite_float32": "TFLite float32",
    "tflite_float16": "TFLite float16",
    "tflite_dynamic": "TFLite dynamic",
    "tflite_int8": "TFLite int8",
}
MISTAKES = 16  # at most so many are shown


def html(
    results: Mapping[str, Any],
    recipe: Recipe,
    history: Mapping[str, Sequence[float]],
    evaluations: Evaluations,
    patches: Sequence[Classified],
    photographs: Sequence[Classified],
) -> str:
    """Returns the report as one HTML page.

    Args:
        results: what results.json holds.
        recipe: the recipe that was trained.
        history: name -> a value for each epoch.
        evaluations: form -> crops -> what was found.
        patches: the pictures of the test split.
        photographs: the photographs that they were cut from.
    """
    single = evaluations["keras"][1]
    body = [
        report.tiles(_headline(results)),
        _accuracy(results, single),
        _exports(results),
        _training(results, recipe, history),
        _confusion(single),
        _first_patches(patches),
        *_mistakes(patches),
        _photographs(photographs),
        _recipe(recipe),
    ]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    lead = (
        f"{recipe.network} ({results['parameters']:,} parameters, {recipe.size} x {recipe.size} "
        f"pixels) trained on {recipe.dataset}, evaluated, exported and run in {len(TITLES)} forms."
    )
    return report.page("keras_inception demo", lead, body, f"seed {recipe.seed}; {versions}")


def _headline(results: Mapping[str, Any]) -> dict[str, str]:
    return {
        "top-1, 1 crop": f"{results['top1']['keras']['1']:.1%}",
        "top-1, 10 crops": f"{results['top1']['keras']['10']:.1%}",
        "top-5, 1 crop": f"{results['top5']['keras']['1']:.1%}",
        "worst agreement": f"{min(results['agreement'].values()):.1%}",
        "time in all": report.duration(results["seconds"]),
    }


def _accuracy(results: Mapping[str, Any], single: Evaluation) -> str:
    rows = [
        [
            title,
            *(
                f"{results[figure][form][crops]:.2%}"
                for crops in ("1", "10")
                for figure in ("top1", "top5")
            ),
        ]
        for form, title in TITLES.items()
    ]
    head = ["form", "top-1, 1 crop", "top-5, 1 crop", "top-1, 10 crops", "top-5, 10 crops"]
    text = (
        f"{single.pictures} test patches, from cells of the photographs that training never saw. "
        f"One standard error of the top-1 accuracy is {single.top1_standard_error:.1%}."
    )
    return report.section("Accuracy", text, report.table(head, rows))


def _exports(results: Mapping[str, Any]) -> str:
    rows = [
        [
            title,
            f"{results['sizes'][form] / 1e6:.2f} MB",
            f"{results['agreement'][form]:.2%}",
            f"{results['agreement_on_whole_photographs'][form]:.2%}",
            f"{results['largest_difference'][form]:.1e}" if form != "keras" else "",
        ]
        for form, title in TITLES.items()
    ]
    head = ["form", "size", "same class, patches", "same class, photographs", "difference"]
    text = (
        "How often a form gives the same class as Keras for the same JPEG bytes, on test patches "
        "and on whole photographs, and the largest difference of a probability, on made-up "
        "pictures or on those of the calibration."
    )
    return report.section("Exports", text, report.table(head, rows))


def _training(
    results: Mapping[str, Any], recipe: Recipe, history: Mapping[str, Sequence[float]]
) -> str:
    text = (
        f"{recipe.epochs} epochs by RMSProp in {results['seconds_by_step']['training']:.0f} s, "
        "validation included. Training pictures are cropped and mirrored at random. Both losses "
        "include label smoothing, and the training loss the weight decay too."
    )
    curves = report.side_by_side(_curve(history, "loss"), _curve(history, "top1_accuracy"))
    return report.section("Training", text, curves)


def _curve(history: Mapping[str, Sequence[float]], name: str) -> str:
    title = name.replace("top1", "top-1").replace("_", " ")
    return report.plot(lambda theme: plots.curve_plot(history, name, title, theme), title)


def _confusion(single: Evaluation) -> str:
    plot = report.plot(
        lambda theme: plots.confusion_plot(single.confusion, single.class_names, theme),
        "Confusion matrix",
        least_width="36rem",
    )
    text = f"The {single.pictures} test patches, one crop, Keras: a row for each true class."
    return report.section("What is taken for what", text, plot)


def _first_patches(patches: Sequence[Classified]) -> str:
    text = (
        "The first test patch of each class, from its JPEG bytes, by Keras. A form that gives "
        "another class is named under the picture."
    )
    return report.section(
        "Classified patches", text, report.cards(map(_card, _first_of_each(patches)))
    )


def _mistakes(patches: Sequence[Classified]) -> Iterable[str]:
    """A section, if there are mistakes."""
    cards = [_card(patch) for patch in patches]
    mistakes = sum(not card.is_right for card in cards)
    if mistakes:
        shown = report.surest_of_each_kind(cards, MISTAKES)
        text = (
            f"{mistakes} of {len(patches)} test patches are classified wrongly with one crop. Of "
            f"each kind of mistake the surest one is shown, {len(shown)} kinds:"
        )
        yield report.section("Mistakes", text, report.cards(shown))


def _photographs(photographs: Sequence[Classified]) -> str:
    text = (
        "The photographs that the patches were cut from, squashed to the network's square: seen "
        "from much farther away than anything it was trained on."
    )
    cards = report.cards(_smaller(_card(photograph)) for photograph in photographs)
    return report.section("Whole photographs", text, cards)


def _recipe(recipe: Recipe) -> str:
    fields = [(name, _plain(value)) for name, value in recipe.to_dict().items()]
    table = report.table(["field", "value"], fields)
    text = "All the numbers of the training run."
    return report.section("Recipe", text, report.folded("Show the recipe", table))


def _first_of_each(patches: Sequence[Classified]) -> list[Classified]:
    first: dict[str, Classified] = {}
    for patch in patches:
        first.setdefault(patch.truth, patch)
    return [first[truth] for truth in sorted(first)]


def _card(classified: Classified) -> report.Card:
    best = classified.answers["keras"]
    others = [
        f"{TITLES[form]}: {answer[0][0].replace('_', ' ')}"
        for form, answer in classified.answers.items()
        if answer[0][0] != best[0][0]
    ]
    return report.Card(classified.encoded, classified.truth, best, "; ".join(others))


def _smaller(card: report.Card) -> report.Card:
    return dataclasses.replace(card, encoded=report.thumbnail(card.encoded))


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={inner}" for name, inner in value.items()) or "-"
    return "-" if value is None else str(value)
