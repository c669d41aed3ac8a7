"""A training run as plain data: the network, the data set and all the numbers."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from keras_inception.training import rules


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides how a training run goes.

    Recipes are values: two with equal fields are equal. A recipe never changes, but `replace` makes
    another one from it. The files in `recipes/` give the source of every number.

    Attributes:
        name: name of the recipe.
        network: id of the network, as in `create_model`.
        network_arguments: further arguments of `create_model`, for example `variant` or
            `width_multiplier`, as plain JSON values. Input shape and number of classes follow from
            `size` and the data set.
        weights: initial weights: `None` for random ones, or a tag or a path as in `create_model`.
        dataset: name of the data set, as in `data.open`: a tensorflow-datasets name, `folder:PATH`
            or `photo_patches`.
        train_split: split to train on, or a part of one, for example `train[:90%]`.
        validation_split: split to validate on after each epoch, or a part of one.
        validation_dataset: name of the data set with the `validation_split`, or `None` if it is
            `dataset`.
        size: side of the square training and validation images, in pixels.
        batch_size: images in a step, on all replicas together.
        gradient_accumulation: number of equal parts into which a replica cuts its share of a batch.
            The parts' gradients are averaged before the step. Batch normalization sees one part at
            a time.
        epochs: length of the run, in passes over the training split.
        optimizer: "rmsprop" (TensorFlow 1's), "sgd" or "adam".
        learning_rate: learning rate at the start, or after the `head_epochs`.
        decay_rate: factor on the rate from one stair to the next, in (0, 1].
        decay_epochs: length of a stair in epochs. It may be a fraction.
        rho: decay of the mean square of RMSProp and Adam, in [0, 1), or `None` for SGD.
        momentum: momentum of RMSProp and SGD, or decay of Adam's mean gradient, in [0, 1).
        epsilon: number that RMSProp adds inside the root and Adam outside, above 0, or `None` for
            SGD.
        clip_norm: bound on the global norm of the gradients, after they are summed over the
            replicas, or `None` for no bound.
        auxiliary_weight: factor on the loss of each auxiliary classifier. With 0 there are none.
        label_smoothing: share of the target that is spread over all classes, in [0, 1).
        weight_decay: factor on half the squared norm of the convolution and dense kernels, which is
            added to the training loss as by TF-Slim's `l2_regularizer`.
        average_decay: decay of the moving average of parameters and batch-norm statistics, in
            [0, 1), or `None` for no average. The average is what is validated and saved.
        batch_norm_momentum: share of the old moving statistics that a step keeps, in [0, 1).
        min_area: smallest crop of the training view, as a share of the picture's area, in (0, 1].
        color: colour distortion of the training view, as in `data.augmentation`.
        freeze_until: end point up to which the network is not trained, or `None` to train all.
        frozen_batch_norm: "inference" keeps the batch-norm statistics of the frozen part. "train"
            lets them follow the new data, as in `models.surgery.freeze`.
        head_epochs: epochs at the start in which only the classifiers are trained.
        head_learning_rate: learning rate in these epochs, without decay. `None` means
            `learning_rate`.
        precision: Keras's dtype policy: "float32", "mixed_bfloat16" or "mixed_float16".
        seed: random seed for the initial weights, dropout, and the order and distortion of images.
        sources: field -> where its value comes from. It does not count when recipes are compared.

    Raises:
        ValueError: names the field, its value and what is allowed.
    """

    name: str
    network: str
    network_arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    weights: str | None = None
    dataset: str
    train_split: str = "train"
    validation_split: str = "validation"
    validation_dataset: str | None = None
    size: int
    batch_size: int
    gradient_accumulation: int = 1
    epochs: int
    optimizer: str
    learning_rate: float
    decay_rate: float
    decay_epochs: float
    rho: float | None
    momentum: float
    epsilon: float | None
    clip_norm: float | None
    auxiliary_weight: float
    label_smoothing: float
    weight_decay: float
    average_decay: float | None
    batch_norm_momentum: float
    min_area: float
    color: str
    freeze_until: str | None = None
    frozen_batch_norm: str = "inference"
    head_epochs: int = 0
    head_learning_rate: float | None = None
    precision: str = "float32"
    seed: int = 0
    sources: dict[str, str] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        rules.check(self)
        for field in ("network_arguments", "sources"):
            # A copy as JSON returns it, with lists for tuples: a recipe read back is equal.
            object.__setattr__(self, field, json.loads(json.dumps(getattr(self, field))))

    @classmethod
    def sourced(cls, **values: Any) -> Recipe:
        """Makes a recipe from values or pairs of value and source, as in `(0.94, "1512.00567")`."""
        pairs = {field: value for field, value in values.items() if isinstance(value, tuple)}
        plain = {field: value for field, (value, _) in pairs.items()}
        sources = {field: source for field, (_, source) in pairs.items()}
        return cls(**{**values, **plain}, sources=sources)

    def replace(self, *, source: str | None = None, **overrides: Any) -> Recipe:
        """Returns this recipe with other values in the fields that `overrides` names.

        Args:
            source: where the new values come from. By default they have no source.
            **overrides: field -> value.
        """
        kept = {field: text for field, text in self.sources.items() if field not in overrides}
        new = dict.fromkeys(overrides, source) if source else {}
        fields = {**self.to_dict(), "sources": {**kept, **new}, **overrides}
        return self.from_dict(fields)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as a dict of plain JSON values."""
        return dataclasses.asdict(self)

    def to_json(self) -> str:
        """Returns the fields as JSON text, in the order of the class."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def describe(self) -> str:
        """Returns the fields as text, one per line, with the source of each value."""
        values = {field: json.dumps(value) for field, value in self.to_dict().items()}
        del values["sources"]
        width = max(map(len, values))
        lines = (
            f"{field:{width}}  {value}"
            + (f"  # {self.sources[field]}" if field in self.sources else "")
            for field, value in values.items()
        )
        return "\n".join(lines)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Recipe:
        """Makes a recipe from a dict of fields. A `ValueError` names unknown and missing ones."""
        known = dataclasses.fields(cls)
        names = [field.name for field in known]
        unknown = sorted(set(fields) - set(names))
        if unknown:
            raise ValueError(
                f"Unknown recipe field {', '.join(unknown)}; the fields are {', '.join(names)}."
            )
        missing = [f.name for f in known if f.name not in fields and not _is_optional(f)]
        if missing:
            raise ValueError(f"Missing recipe field {', '.join(missing)}.")
        return cls(**fields)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Reads a recipe from text that `to_json` wrote."""
        try:
            fields = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"Not a recipe: the text is not JSON: {error}.") from error
        if not isinstance(fields, dict):
            raise ValueError("Not a recipe: its JSON must be an object with the recipe's fields.")
        return cls.from_dict(fields)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Recipe:
        """Reads a recipe from a file: `.json` as `to_json` wrote it, or `.py`.

        A Python file is run, so it must be one that you trust. One of its variables must be a
        recipe. If several are, one of them must be called `RECIPE`.
        """
        path = pathlib.Path(path)
        if path.suffix == ".py":
            return _from_python(path)
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error


def _is_optional(field):
    unset = dataclasses.MISSING
    return field.default is not unset or field.default_factory is not unset


def _from_python(path):
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{path} does not run: {type(error).__name__}: {error}") from error
    found = {name: value for name, value in vars(module).items() if isinstance(value, Recipe)}
    if "RECIPE" in found:
        return found["RECIPE"]
    if len(found) != 1:
        names = ", ".join(found) or "none"
        raise ValueError(
            f"{path} must have one recipe, or one called RECIPE. The recipes in it: {names}"
        )
    return next(iter(found.values()))
