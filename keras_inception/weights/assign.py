"""Values of a source into the variables of a model: all are checked, then all or none assigned.

A reader opens a file as a `Source`; a name map makes a `Plan` of it for one model; `assign` carries
the plan out. Readers know nothing of models, and name maps nothing of files.
"""

import collections
import dataclasses
import math
from collections.abc import Callable, Mapping

import keras
import numpy as np
from absl import logging

_CLASSIFIER = 1 << 26  # values that a classifier of other classes may have beyond the model's own


@dataclasses.dataclass(frozen=True)
class Source:
    """A file of weights, opened.

    Attributes:
        path: where it is, for messages.
        shapes: name of each variable to its shape.
        read: name to array; raises ValueError, naming the file, where that fails.
        skipped: names that are no weights (optimizer slots, steps) to the reason; not in `shapes`.
        layers: names of all layers of the network that was saved, where the file tells.
    """

    path: str
    shapes: Mapping
    read: Callable
    skipped: Mapping = dataclasses.field(default_factory=dict)
    layers: tuple = ()


def _same(array):
    return array


@dataclasses.dataclass(frozen=True)
class Rule:
    """How one variable of a model is computed.

    Attributes:
        target: the `keras.Variable`.
        sources: names of the source's variables.
        combine: their arrays to the value, in the target's layout (height, width, in, out).
        is_classifier: whether the number of classes (or an embedding's length) may differ: the
            target then stays as it is.
        background: whether the first of 1001 classes is "background", dropped for 1000.
    """

    target: keras.Variable
    sources: tuple
    combine: Callable = _same
    is_classifier: bool = False
    background: bool = False


@dataclasses.dataclass(frozen=True)
class Plan:
    """A name map's result for one source and one model.

    Attributes:
        rules: one for each variable that has a value in the source.
        skipped: source names that the model has no place for, by design, to the reason.
    """

    rules: list
    skipped: Mapping


@dataclasses.dataclass(frozen=True, repr=False)
class LoadReport:
    """What a load did.

    Attributes:
        used: names of the source's variables that were assigned.
        skipped: those that were not, to the reason.
        new: paths of the model's variables that keep their initial values, a classifier's for
            another number of classes.
        ends: (path, first value, last value) of each assigned variable, in the model's order.
    """

    used: tuple
    skipped: Mapping
    new: tuple
    ends: tuple

    def __repr__(self):
        counts = [f"{len(getattr(self, name))} {name}" for name in ("used", "skipped", "new")]
        return f"LoadReport({', '.join(counts)})"


def assign(model, source, plan):
    """Carries out a plan, wholly or not at all.

    Args:
        model: the one that the plan was made for.
        source: the one that the plan was made for.
        plan: a `Plan`.

    Returns:
        A `LoadReport`.

    Raises:
        ValueError: a variable of the source is used by no rule, a variable of the model has none,
            or a shape does not fit. One message lists all of it; the model is unchanged.
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
    used = {name for rule in plan.rules for name in rule.sources}
    used = tuple(name for name in source.shapes if name in used and name not in skipped)
    ends = tuple((t.path, float(v.flat[0]), float(v.flat[-1])) for t, v in values)
    return LoadReport(used, skipped, tuple(new), ends)


def _numbers(source, name):
    value = np.asarray(source.read(name))
    if value.dtype.name == "bfloat16":  # of a checkpoint; other files' come as float32
        value = value.astype(np.float32)
    if value.dtype.kind not in "fiu":
        raise ValueError(f"{source.path}: {name} is no array of numbers, but of {value.dtype}")
    return value


def _faults(model, source, plan):
    """What keeps a plan from being carried out, found by names and shapes: nothing is read."""
    room = 4 * sum(math.prod(variable.shape) for variable in model.weights) + _CLASSIFIER
    declared = sum(math.prod(shape) for shape in source.shapes.values())
    if declared > room:  # a file may claim anything
        return [f"it declares {declared} values, far more than the model has"]
    used = {name for rule in plan.rules for name in rule.sources}
    covered = collections.Counter(rule.target.path for rule in plan.rules)
    faults = [f"left over: {n}" for n in sorted(set(source.shapes) - used - set(plan.skipped))]
    faults += [f"missing: {v.path}" for v in model.weights if v.path not in covered]
    faults += [f"there more than once: {path}" for path, times in covered.items() if times > 1]
    for rule in plan.rules:
        shapes = [tuple(source.shapes[name]) for name in rule.sources]
        wanted = tuple(rule.target.shape)
        found = _fitted_shape(rule, shapes)
        if found == wanted or (found and rule.is_classifier and found[:-1] == wanted[:-1]):
            continue
        names = ", ".join(rule.sources)
        faults.append(f"shape: {names} {found or shapes} for {rule.target.path} {wanted}")
    return faults


def _fitted_shape(rule, shapes):
    """The shape that `fit` will return; `None` where the sources do not even go together."""
    stand_ins = [np.broadcast_to(np.float32(0), shape) for shape in shapes]  # of no size
    try:
        return fit(rule, rule.combine(*stand_ins)).shape
    except (ValueError, IndexError):
        return None


def fit(rule, value):
    """Returns the value in the target's shape where that is allowed: classes, channels.

    1000 outputs of 1001 lose the background class. A first convolution on other than three channels
    gets the sum over RGB for one channel, or RGB repeated and rescaled; of a separable one the
    pointwise half is rescaled, and one channel gets the filters of all three.
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


def _repeat_pointwise(value, shape):
    """A pointwise kernel for more or fewer image channels: rows (channel, multiplier) repeated."""
    multiplier = value.shape[2] // 3
    if shape[2] % multiplier:
        return value
    channels = shape[2] // multiplier
    rows = value.reshape(3, multiplier, -1)[np.arange(channels) % 3]
    return rows.reshape(1, 1, shape[2], -1) * np.float32(3 / channels)
