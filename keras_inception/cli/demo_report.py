"""What the demo's report says: its pieces are those of `evaluation/report.py`."""

import dataclasses

from keras_inception.evaluation import plots, report

TITLES = {
    "keras": "Keras",
    "saved_model": "SavedModel",
    "tflite_float32": "TFLite float32",
    "tflite_float16": "TFLite float16",
    "tflite_dynamic": "TFLite dynamic",
    "tflite_int8": "TFLite int8",
}
MISTAKES = 16  # shown at most


def html(results, recipe, history, evaluations, patches, photographs):
    """The report as one HTML page.

    Args:
        results: the dict that results.json holds.
        recipe: the `Recipe` that was trained.
        history: `{name: [a value an epoch]}`.
        evaluations: `{form: {crops: Evaluation}}`.
        patches: the classified pictures of the test split, each a `demo.Classified`.
        photographs: the same for the whole photographs.
    """
    single = evaluations["keras"][1]
    cards = [_card(patch) for patch in patches]
    mistakes = sum(not card.is_right for card in cards)
    shown = report.surest_of_each_kind(cards, MISTAKES)
    body = [
        report.tiles(_headline(results)),
        _accuracy(results, single),
        _exports(results),
        report.section(
            "Training",
            f"{recipe.epochs} epochs by RMSProp in {results['seconds_by_step']['training']:.0f} s, "
            "validation included. Training pictures are cropped and mirrored at random. Both "
            "losses include label smoothing, that of training the weight decay too.",
            report.side_by_side(_curve(history, "loss"), _curve(history, "top1_accuracy")),
        ),
        report.section(
            "What is taken for what",
            f"The {single.pictures} test patches, one crop, Keras: a row for each true class.",
            report.plot(
                lambda theme: plots.confusion_plot(single.confusion, single.class_names, theme),
                "Confusion matrix",
                least_width="36rem",
            ),
        ),
        report.section(
            "Classified patches",
            "The first test patch of each class, from its JPEG bytes, by Keras. A form that gives "
            "another class is named under the picture.",
            report.cards(map(_card, _first_of_each(patches))),
        ),
    ]
    if mistakes:
        body.append(
            report.section(
                "Mistakes",
                f"{mistakes} of {len(patches)} test patches are classified wrongly with one "
                f"crop. Of each kind the one that the network was surest of, {len(shown)} kinds:",
                report.cards(shown),
            )
        )
    body.append(
        report.section(
            "Whole photographs",
            "The photographs that the patches were cut from, squashed to the network's square: "
            "seen from much farther away than anything it was trained on.",
            report.cards(_smaller(_card(photograph)) for photograph in photographs),
        )
    )
    fields = [(name, _plain(value)) for name, value in recipe.to_dict().items()]
    body.append(
        report.section(
            "Recipe",
            "All the numbers of the training run.",
            report.folded("Show the recipe", report.table(["field", "value"], fields)),
        )
    )
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    lead = (
        f"{recipe.network} ({results['parameters']:,} parameters, {recipe.size} x {recipe.size} "
        f"pixels) trained on {recipe.dataset}, evaluated, exported and run in {len(TITLES)} forms."
    )
    return report.page("keras_inception demo", lead, body, f"seed {recipe.seed}; {versions}")


def _headline(results):
    return {
        "top-1, 1 crop": f"{results['top1']['keras']['1']:.1%}",
        "top-1, 10 crops": f"{results['top1']['keras']['10']:.1%}",
        "top-5, 1 crop": f"{results['top5']['keras']['1']:.1%}",
        "worst agreement": f"{min(results['agreement'].values()):.1%}",
        "time in all": report.duration(results["seconds"]),
    }


def _accuracy(results, single):
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


def _exports(results):
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
        "How often a form's class for the same JPEG bytes is that of Keras, on test patches and on "
        "whole photographs, and the largest difference of a probability on made-up pictures, or "
        "on those of the calibration."
    )
    return report.section("Exports", text, report.table(head, rows))


def _curve(history, name):
    title = name.replace("top1", "top-1").replace("_", " ")
    return report.plot(lambda theme: plots.curve_plot(history, name, title, theme), title)


def _first_of_each(patches):
    first = {}
    for patch in patches:
        first.setdefault(patch.truth, patch)
    return [first[truth] for truth in sorted(first)]


def _card(classified):
    best = classified.answers["keras"]
    others = [
        f"{TITLES[form]}: {answer[0][0].replace('_', ' ')}"
        for form, answer in classified.answers.items()
        if answer[0][0] != best[0][0]
    ]
    return report.Card(classified.picture, classified.truth, best, "; ".join(others))


def _smaller(card):
    return dataclasses.replace(card, encoded=report.thumbnail(card.encoded))


def _plain(value):
    if isinstance(value, dict):
        return ", ".join(f"{name}={inner}" for name, inner in value.items()) or "-"
    return "-" if value is None else str(value)
