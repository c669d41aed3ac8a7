"""The values that each field of a recipe may have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_inception.training.recipe import Recipe

_LARGEST = 3.4e38  # of float32
OPTIMIZERS = ("rmsprop", "sgd", "adam")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# Arguments that the trainer passes to `create_model` itself, from the data and other fields.
SET_BY_THE_TRAINER = ("classes", "include_top", "input_shape", "input_tensor", "weights")


def check(recipe: Recipe) -> None:
    """Raises a ValueError that names the first bad field, its value and what is allowed."""
    for field, (is_allowed, allowed) in RULES.items():
        value = getattr(recipe, field)
        if not is_allowed(value):
            why = ", which float32 cannot hold" if _is_beyond_float32(value) else ""
            raise ValueError(f"Recipe field {field} must be {allowed}, got {value!r}{why}.")
    for field in ("rho", "epsilon"):
        if (getattr(recipe, field) is None) != (recipe.optimizer == "sgd"):
            raise ValueError(
                f"Recipe field {field} must be None for sgd and a number for other optimizers, "
                f"got {getattr(recipe, field)!r} for {recipe.optimizer}."
            )
    if recipe.head_epochs > recipe.epochs:
        raise ValueError(
            f"Recipe field head_epochs must be at most epochs ({recipe.epochs}), "
            f"got {recipe.head_epochs}."
        )
    strange = sorted(set(recipe.sources) - set(RULES))
    if strange:
        raise ValueError(
            f"Recipe field sources must have names of fields as its keys, got {', '.join(strange)}."
        )


def _is_name(value):
    return isinstance(value, str) and bool(value)


def _is_count(value, least=1):
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value):
    """Tells whether `value` is a finite number, also in float32, in which training computes."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < _LARGEST


def _is_beyond_float32(value):
    return isinstance(value, float) and _LARGEST <= abs(value) < float("inf")


def _is_positive(value):
    return _is_number(value) and value > 0


def _is_fraction(value):
    return _is_number(value) and 0 <= value < 1


def _are_texts(value):
    is_dict = isinstance(value, dict)
    return is_dict and all(isinstance(text, str) for pair in value.items() for text in pair)


def _are_arguments(value):
    """Tells whether `value` is a dict of JSON values without the trainer's own arguments."""
    if not isinstance(value, dict) or any(not isinstance(key, str) for key in value):
        return False
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return not set(value) & set(SET_BY_THE_TRAINER)


def _or_none(rule):
    is_allowed, allowed = rule
    return lambda value: value is None or is_allowed(value), f"{allowed}, or None"


def _one_of(values):
    return lambda value: isinstance(value, str) and value in values, f"one of {', '.join(values)}"


_NAME = (_is_name, "a text that is not empty")
_COUNT = (_is_count, "a whole number, at least 1")
_COUNT_OR_ZERO = (lambda value: _is_count(value, least=0), "a whole number, at least 0")
_POSITIVE = (_is_positive, "a number above 0")
_SHARE = (lambda value: _is_positive(value) and value <= 1, "a number in (0, 1]")
_FRACTION = (_is_fraction, "a number in [0, 1)")
_NOT_NEGATIVE = (lambda value: _is_number(value) and value >= 0, "a number, at least 0")

RULES = {  # field: (is it allowed?, what is allowed)
    "name": _NAME,
    "network": _NAME,
    "network_arguments": (
        _are_arguments,
        f"a dict of JSON values without {', '.join(SET_BY_THE_TRAINER)}",
    ),
    "weights": _or_none(_NAME),
    "dataset": _NAME,
    "train_split": _NAME,
    "validation_split": _NAME,
    "validation_dataset": _or_none(_NAME),
    "size": _COUNT,
    "batch_size": _COUNT,
    "gradient_accumulation": _COUNT,
    "epochs": _COUNT,
    "optimizer": _one_of(OPTIMIZERS),
    "learning_rate": _POSITIVE,
    "decay_rate": _SHARE,
    "decay_epochs": _POSITIVE,
    "rho": _or_none(_FRACTION),
    "momentum": _FRACTION,
    "epsilon": _or_none(_POSITIVE),
    "clip_norm": _or_none(_POSITIVE),
    "auxiliary_weight": _NOT_NEGATIVE,
    "label_smoothing": _FRACTION,
    "weight_decay": _NOT_NEGATIVE,
    "average_decay": _or_none(_FRACTION),
    "batch_norm_momentum": _FRACTION,
    "min_area": _SHARE,
    "color": _NAME,
    "freeze_until": _or_none(_NAME),
    "frozen_batch_norm": _one_of(("inference", "train")),
    "head_epochs": _COUNT_OR_ZERO,
    "head_learning_rate": _or_none(_POSITIVE),
    "precision": _one_of(PRECISIONS),
    "seed": _COUNT_OR_ZERO,
    "sources": (_are_texts, "a dict of field to text"),
}
