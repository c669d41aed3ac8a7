"""Assigns values of a source to the variables of a model, after a check of all of them.

A reader makes a `Source` of a file; a name map makes a `Plan` of it for one model; `assign` carries
the plan out. Readers know nothing of models, and name maps nothing of files.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
from absl import logging

Shape = tuple[int, ...]

_CLASSIFIER = 1 << 26  # values that a classifier for other classes may have beyond the model's


@dataclasses.dataclass(frozen=True)
class Source:
    """The arrays of an open file of weights.

    Attributes:
        path: what messages call the file.
        shapes: shape of each variable, by name.
        read: returns an array by its name; raises ValueError, which names the file, if that fails.
        skipped: reason by name of what is not a weight (optimizer slots, steps) and not in
            `shapes`.
        layers: names of all layers of the network that was saved, if the file tells them.
    """

    path: str
    shapes: Mapping[str, Shape]
    read: Callable[[str], np.ndarray]
    skipped: Mapping[str, str] = dataclasses.field(default_factory=dict)
    layers: tuple[str, ...] = ()


def _same(array: np.ndarray) -> np.ndarray:
    return array


@dataclasses.dataclass(frozen=True)
class Rule:
    """How one variable of a model is computed.

    Attributes:
        target: the variable.
        sources: names of the source's variables.
        combine: makes the value of their arrays, in the target's layout (height, width, in, out).
        is_classifier: whether the number of classes (or an embedding's length) may differ; the
            target then stays as it is.
        background: whether the first of 1001 classes is "background", which 1000 classes lack.
    """

    target: keras.Variable
    sources: tuple[str, ...]
    combine: Callable[..., np.ndarray] = _same
    is_classifier: bool = False
    background: bool = False


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a source fills a model, as a name map found it out.

    Attributes:
        rules: one for each variable of the model that has a value in the source.
        skipped: reason by name of the source's variables that the model has no place for, by
            design.
    """

    rules: Sequence[Rule]
    skipped: Mapping[str, str]


@dataclasses.dataclass(frozen=True, repr=False)
class LoadReport:
    """Lists what was loaded and what was not.

    Attributes:
        used: names of the file's variables that were assigned.
        skipped: reason by name of those that were not.
        new: paths of the model's variables that keep their initial values: those of a classifier
            for another number of classes.
        ends: (path, first value, last value) of each assigned variable, in the model's order.
    """

    used: tuple[str, ...]
    skipped: Mapping[str, str]
    new: tuple[str, ...]
    ends: tuple[tuple[str, float, float], ...]

    def __repr__(self) -> str:
        counts = [f"{len(getattr(self, name))} {name}" for name in ("used", "skipped", "new")]
        return f"LoadReport({', '.join(counts)})"


def assign(model: keras.Model, source: Source, plan: Plan) -> LoadReport:
    """Carries out a plan, all of it or nothing.

    Args:
        model, source: those that the plan was made for.
        plan: what goes where.

    Raises:
        ValueError: no rule uses a variable of the source, none fills a variable of the model, or a
            shape does not fit. One message lists all of that; the model is unchanged.
    """
    faults = _faults(model, source, plan)
    if faults:
        raise ValueError(f"{source.path} does not fit {model.name}:\n  " + "\n  ".join(faults))
    values, new = [], []
    skipped = {**source.skipped, **plan.skipped}
    for rule in plan.rules:
        value = fit(rule, rule.combine(*(_numbers(source, name) for name in rule.sources)))
        if value.shape == tuple(rule.target.shape):
            values.append((rule.target, value))
        else:
            skipped |= dict.fromkeys(rule.sources, "another number of classes")
            new.append(rule.target.path)
    for target, value in values:
        if not np.isfinite(value).all():
            logging.warning("%s: %s has values that are not finite", source.path, target.path)
        target.assign(value)
    if new:
        logging.warning(
            "%s has another number of classes than %s: the classifier is new (%s)",
            source.path,
            model.name,
            ", ".join(new),
        )
    named = {name for rule in plan.rules for name in rule.sources}
    used = tuple(name for name in source.shapes if name in named and name not in skipped)
    ends = tuple((t.path, float(v.flat[0]), float(v.flat[-1])) for t, v in values)
    return LoadReport(used, skipped, tuple(new), ends)


def _numbers(source: Source, name: str) -> np.ndarray:
    value = np.asarray(source.read(name))
    if value.dtype.name == "bfloat16":  # in a checkpoint; from other files it comes as float32
        value = value.astype(np.float32)
    if value.dtype.kind not in "fiu":
        raise ValueError(f"{source.path}: {name} is an array of {value.dtype}, not of numbers")
    return value


def _faults(model: keras.Model, source: Source, plan: Plan) -> list[str]:
    """Returns why a plan cannot be carried out, by names and shapes: no values are read."""
    room = 4 * sum(math.prod(variable.shape) for variable in model.weights) + _CLASSIFIER
    declared = sum(math.prod(shape) for shape in source.shapes.values())
    if declared > room:  # a file may claim anything
        return [f"it declares {declared} values, far more than the model has"]
    used = {name for rule in plan.rules for name in rule.sources}
    covered = collections.Counter(rule.target.path for rule in plan.rules)
    faults = [f"left over: {n}" for n in sorted(set(source.shapes) - used - set(plan.skipped))]
    faults += [f"missing: {v.path}" for v in model.weights if v.path not in covered]
    faults += [f"given more than once: {path}" for path, times in covered.items() if times > 1]
    for rule in plan.rules:
        shapes = [tuple(source.shapes[name]) for name in rule.sources]
        ours = tuple(rule.target.shape)
        found = _fitted_shape(rule, shapes)
        if found == ours or (found and rule.is_classifier and found[:-1] == ours[:-1]):
            continue
        names = ", ".join(rule.sources)
        faults.append(f"shape: {names} {found or shapes} for {rule.target.path} {ours}")
    return faults


def _fitted_shape(rule: Rule, shapes: Sequence[Shape]) -> Shape | None:
    """Returns the shape that `fit` will return; `None` if the sources do not go together."""
    stand_ins = [np.broadcast_to(np.float32(0), shape) for shape in shapes]  # one value each
    try:
        return fit(rule, rule.combine(*stand_ins)).shape
    except (ValueError, IndexError):
        return None


def fit(rule: Rule, value: np.ndarray) -> np.ndarray:
    """Returns the value in the target's shape if only classes or image channels differ.

    Of 1001 outputs, 1000 remain without the background class. A first convolution on one channel
    gets the sum over red, green and blue; one on any other number gets these repeated and rescaled.
    If it is separable, its pointwise half is rescaled, and one channel gets the filters of all
    three.
    """
    shape = tuple(rule.target.shape)
    if value.shape == (1, 1, *shape):
        value = value[0, 0]  # a classifier that is stored as a 1x1 convolution
    elif rule.is_classifier and value.ndim == 4 > len(shape) and value.shape[:2] == (1, 1):
        value = value[0, 0]
    if rule.background and (value.shape[-1], shape[-1]) == (1001, 1000):
        return value[..., 1:]
    kind = rule.target.name
    if kind == "depthwise_kernel" and value.shape[2] == 3 != shape[2]:
        if shape[2] == 1:
            return value.reshape(shape) if value.size == math.prod(shape) else value
        return value[:, :, np.arange(shape[2]) % 3]
    if kind == "pointwise_kernel" and value.shape[2] != shape[2] and value.shape[2] % 3 == 0:
        return _repeat_pointwise(value, shape)
    if kind == "kernel" and value.ndim == len(shape) == 4 and value.shape[2] == 3 != shape[2]:
        channels = shape[2]
        if channels == 1:
            return value.sum(axis=2, keepdims=True)
        return value[:, :, np.arange(channels) % 3] * np.float32(3 / channels)
    return value


def _repeat_pointwise(value: np.ndarray, shape: Shape) -> np.ndarray:
    """Repeats the rows (channel, multiplier) of a pointwise kernel for other image channels."""
    multiplier = value.shape[2] // 3
    if shape[2] % multiplier:
        return value
    channels = shape[2] // multiplier
    rows = value.reshape(3, multiplier, -1)[np.arange(channels) % 3]
    return rows.reshape(1, 1, shape[2], -1) * np.float32(3 / channels)
