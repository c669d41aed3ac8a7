"""One training run as plain data: what is trained on what, with which numbers."""

import dataclasses
import importlib.util
import json
import pathlib

from keras_inception.training import rules


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides how a training run goes; `train` reads nothing else.

    Recipes are values: two with equal fields are equal, none changes, and `replace` makes another.
    A file in `recipes/` gives the source of every number.

    Attributes:
        name: what the recipe is called on the command line.
        network: id of the network, as in `create_model`.
        network_arguments: its further arguments (`variant`, `width_multiplier`, ...), which must
            be plain JSON values; input shape and classes follow from `size` and the data set.
        weights: what the network starts from: `None` for random weights, or a tag or a path as in
            `create_model`.
        dataset: what `data.pipeline` reads: a tensorflow-datasets name, `folder:PATH` or
            `photo_patches`.
        train_split, validation_split: its splits, or parts of them, such as `train[:90%]`.
        size: side of the square training and evaluation images, in pixels.
        batch_size: global batch size, in images: of all replicas together.
        gradient_accumulation: number of equal parts that a replica cuts its share of a batch into;
            their gradients are averaged before the step. Batch normalization sees a part at a time.
        epochs: length of the run, in passes over the training split.
        optimizer: "rmsprop" (TensorFlow 1's), "sgd" or "adam".
        learning_rate: rate at the start, or at the end of `head_epochs`.
        decay_rate: factor on the rate at each step of the staircase, in (0, 1].
        decay_epochs: length of a stair, in epochs, not necessarily whole.
        rho: decay of the mean square of RMSProp and Adam, in [0, 1); `None` for SGD.
        momentum: momentum of RMSProp and SGD, decay of Adam's mean gradient, in [0, 1).
        epsilon: what RMSProp adds inside the root and Adam outside, above 0; `None` for SGD.
        clip_norm: bound on the global norm of the gradients, summed over the replicas, or `None`
            for none.
        auxiliary_weight: factor on the loss of each auxiliary classifier; 0 trains without them.
        label_smoothing: share of the target spread over all classes, in [0, 1).
        weight_decay: factor on half the squared norm of the convolution and dense kernels that is
            added to the training loss, as TF-Slim's `l2_regularizer` has it.
        average_decay: decay of the moving average of the parameters and batch-norm statistics that
            is evaluated and kept in the end, in [0, 1), or `None` for none.
        batch_norm_momentum: share of the old moving statistics that a step keeps, in [0, 1).
        min_area: smallest crop of the training view, as a share of the picture's area, in (0, 1].
        color: colour distortion of the training view, as in `data.augmentation`.
        freeze_until: end point up to which the network stays as it is, or `None` for none.
        frozen_batch_norm: "inference" keeps the statistics of the frozen part, "train" lets its
            batch normalization follow the new data, as in `models.surgery.freeze`.
        head_epochs: epochs at the start in which only the classifiers are trained.
        head_learning_rate: rate in these, which is not decayed; `None` is `learning_rate`.
        precision: Keras's dtype policy: "float32", "mixed_bfloat16" or "mixed_float16".
        seed: of the initial weights, dropout and the order and distortion of the images.
        sources: field -> where its value is from. No part of a recipe's value.

    Raises:
        ValueError: names the field, its value and what is allowed.
    """

    name: str
    network: str
    network_arguments: dict = dataclasses.field(default_factory=dict)
    weights: str | None = None
    dataset: str
    train_split: str = "train"
    validation_split: str = "validation"
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
    sources: dict = dataclasses.field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self):
        rules.check(self)
        for field in ("network_arguments", "sources"):
            # A copy, as JSON would give it back (tuples as lists), so that equal stays equal.
            object.__setattr__(self, field, json.loads(json.dumps(getattr(self, field))))

    @classmethod
    def sourced(cls, **values):
        """A recipe whose values may be pairs of value and source, as in `(0.94, "1512.00567")`."""
        pairs = {field: value for field, value in values.items() if isinstance(value, tuple)}
        plain = {field: value for field, (value, _) in pairs.items()}
        sources = {field: source for field, (_, source) in pairs.items()}
        return cls(**{**values, **plain}, sources=sources)

    def replace(self, *, source=None, **overrides):
        """This recipe with other values in the fields that `overrides` names.

        Args:
            source: where the new values are from; by default their sources are left out.
            **overrides: field -> value.
        """
        kept = {field: text for field, text in self.sources.items() if field not in overrides}
        new = dict.fromkeys(overrides, source) if source else {}
        fields = {**self.to_dict(), "sources": {**kept, **new}, **overrides}
        return self.from_dict(fields)

    def to_dict(self):
        """The fields as a dict of plain JSON values."""
        return dataclasses.asdict(self)

    def to_json(self):
        """The fields as JSON text, in the order of the class."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def describe(self):
        """The fields as text, a line each, with the source of each value."""
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
    def from_dict(cls, fields):
        """The recipe with these fields; a `ValueError` names unknown and missing ones."""
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
    def from_json(cls, text):
        """The recipe that `to_json` wrote."""
        try:
            fields = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"Not a recipe, since it is not JSON: {error}.") from error
        if not isinstance(fields, dict):
            raise ValueError("Not a recipe: its JSON must be an object with the recipe's fields.")
        return cls.from_dict(fields)

    @classmethod
    def from_file(cls, path):
        """The recipe in a file: `.json` as `to_json` wrote it, or `.py`.

        A Python file is run, so it must be one that you trust. It has one recipe in its variables,
        or several of which one is called `RECIPE`.
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
        raise ValueError(f"{path} is no file")
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
        raise ValueError(f"{path} must have one recipe, or one called RECIPE; it has {names}")
    return next(iter(found.values()))
