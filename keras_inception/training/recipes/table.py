"""The table of all recipes in docs/recipes.md.

Command: `python -m keras_inception.training.recipes.table`.
"""

from __future__ import annotations

from keras_inception.training.recipes import RECIPES

# name: (top-1 error, top-5 error, source), in percent of ImageNet's validation pictures, one crop.
# Each recipe's file says more. If a source prints accuracies, the error is 100 minus the accuracy.
PUBLISHED: dict[str, tuple[float | None, float | None, str]] = {
    "googlenet": (None, 10.07, "1409.4842, table 3"),
    "bn_inception_baseline": (27.3, None, "1502.03167, figure 3"),
    "bn_inception": (27.0, None, "1502.03167, figure 3"),
    "bn_inception_x30": (25.2, 7.82, "1502.03167, figures 3 and 4"),
    "inception_v2_sgd": (23.4, None, "1512.00567, table 3, recalled"),
    "inception_v2_rmsprop": (23.1, 6.3, "1512.00567, table 3, recalled"),
    "inception_v2_label_smoothing": (22.8, 6.1, "1512.00567, table 3, recalled"),
    "inception_v2_factorized_7x7": (21.6, 5.8, "1512.00567, table 3, recalled"),
    "inception_v2_batch_norm_auxiliary": (21.2, 5.6, "1512.00567, table 3"),
    "inception_v3": (21.2, 5.6, "1512.00567, table 3"),
    "inception_v3_299": (23.4, None, "1512.00567, table 2, recalled"),
    "inception_v3_151": (23.6, None, "1512.00567, table 2, recalled"),
    "inception_v3_79": (24.8, None, "1512.00567, table 2, recalled"),
    "inception_v4": (20.0, 5.0, "1602.07261, table 2"),
    "inception_resnet_v1": (21.3, 5.5, "1602.07261, table 2, recalled"),
    "inception_resnet_v2": (19.9, 4.9, "1602.07261, table 2"),
    "xception": (21.0, 5.5, "1610.02357, table 1"),
}

_COLUMNS = (
    "recipe",
    "network",
    "optimizer",
    "rate",
    "batch",
    "epochs",
    "average",
    "auxiliary",
    "smoothing",
    "published error, top-1 / top-5",
    "source of the error",
)


def markdown() -> list[str]:
    """Returns the table as lines of Markdown, with a row for each recipe, in `RECIPES`' order."""
    rows = [_COLUMNS, ["---"] * len(_COLUMNS), *map(_row, RECIPES.values())]
    return [" ".join(["|", " | ".join(row), "|"]) for row in rows]


def _row(recipe):
    top1, top5, source = PUBLISHED.get(recipe.name, (None, None, ""))
    return [
        f"`{recipe.name}`",
        _network(recipe),
        _optimizer(recipe),
        _rate(recipe),
        str(recipe.batch_size),
        str(recipe.epochs),
        _or_dash(recipe.average_decay),
        _or_dash(recipe.auxiliary_weight or None),
        _or_dash(recipe.label_smoothing or None),
        f"{_percent(top1)} / {_percent(top5)}" if source else "",
        source,
    ]


def _network(recipe):
    arguments = ", ".join(f"{name}={value}" for name, value in recipe.network_arguments.items())
    return f"{recipe.network}, {recipe.size} px" + (f" ({arguments})" if arguments else "")


def _optimizer(recipe):
    name = {"rmsprop": "RMSProp", "sgd": "SGD", "adam": "Adam"}[recipe.optimizer]
    text = f"{name}, momentum {recipe.momentum}"
    if recipe.rho is not None:
        text += f", decay {recipe.rho}, epsilon {recipe.epsilon:g}"
    return text + (f", clip {recipe.clip_norm}" if recipe.clip_norm else "")


def _rate(recipe):
    if recipe.decay_rate == 1:
        text = f"{recipe.learning_rate:g}"
    else:
        stair = f"{recipe.decay_epochs:.3g} epoch{'s' if recipe.decay_epochs > 1 else ''}"
        text = f"{recipe.learning_rate:g} x {recipe.decay_rate} every {stair}"
    if recipe.head_epochs:
        text = f"{recipe.head_learning_rate:g} for {recipe.head_epochs} epochs, then {text}"
    return text


def _or_dash(value):
    return "-" if value is None else f"{value}"


def _percent(value):
    return "-" if value is None else f"{value} %"


if __name__ == "__main__":
    print("\n".join(markdown()))
