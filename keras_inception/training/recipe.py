"""One training run as plain data: what is trained on what, with which numbers."""

import dataclasses
import json

# What the trainer passes to `create_model` itself, from the data set and the other fields.
_SET_BY_THE_TRAINER = ("classes", "include_top", "input_shape", "input_tensor", "weights")


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
        dataset: what `data.pipeline` reads: a tensorflow-datasets name or `photo_patches`.
        size: side of the square training and evaluation images, in pixels.
        batch_size: global batch size, in images.
        epochs: length of the run, in passes over the training split.
        learning_rate: rate at the start.
        decay_rate: factor on the rate at each step of the staircase, in (0, 1].
        decay_epochs: length of a stair, in epochs, not necessarily whole.
        rho: decay of RMSProp's mean square, in [0, 1).
        momentum: RMSProp's momentum, in [0, 1).
        epsilon: what RMSProp adds inside the root, above 0.
        clip_norm: bound on the global norm of the gradients, or `None` for none.
        label_smoothing: share of the target spread over all classes, in [0, 1).
        weight_decay: factor on half the squared norm of the convolution and dense kernels that is
            added to the training loss, as TF-Slim's `l2_regularizer` has it.
        batch_norm_momentum: share of the old moving statistics that a step keeps, in [0, 1).
        min_area: smallest crop of the training view, as a share of the picture's area, in (0, 1].
        color: colour distortion of the training view, as in `data.augmentation`.
        seed: of the initial weights, dropout and the order and distortion of the images.

    Raises:
        ValueError: names the field, its value and what is allowed.
    """

    name: str
    network: str
    network_arguments: dict = dataclasses.field(default_factory=dict)
    dataset: str
    size: int
    batch_size: int
    epochs: int
    learning_rate: float
    decay_rate: float
    decay_epochs: float
    rho: float
    momentum: float
    epsilon: float
    clip_norm: float | None
    label_smoothing: float
    weight_decay: float
    batch_norm_momentum: float
    min_area: float
    color: str
    seed: int = 0

    def __post_init__(self):
        for field, (is_allowed, allowed) in _RULES.items():
            if not is_allowed(getattr(self, field)):
                raise ValueError(
                    f"Recipe field {field} must be {allowed}, got {getattr(self, field)!r}."
                )
        # A copy, as JSON would give it back (tuples as lists), so that equal stays equal.
        arguments = json.loads(json.dumps(self.network_arguments))
        object.__setattr__(self, "network_arguments", arguments)

    def replace(self, **overrides):
        """This recipe with other values in the fields that `overrides` names."""
        return self.from_dict({**self.to_dict(), **overrides})

    def to_dict(self):
        """The fields as a dict of plain JSON values."""
        return dataclasses.asdict(self)

    def to_json(self):
        """The fields as JSON text, in the order of the class."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_dict(cls, fields):
        """The recipe with these fields; a `ValueError` names unknown and missing ones."""
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(fields) - set(known))
        if unknown:
            raise ValueError(
                f"Unknown recipe field {', '.join(unknown)}; the fields are {', '.join(known)}."
            )
        missing = [name for name in known if name not in fields and name not in _OPTIONAL]
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


_OPTIONAL = ("network_arguments", "seed")


def _is_name(value):
    return isinstance(value, str) and bool(value)


def _is_count(value, least=1):
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value):
    """A finite number; JSON has no others."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < float("inf")


def _is_positive(value):
    return _is_number(value) and value > 0


def _is_fraction(value):
    return _is_number(value) and 0 <= value < 1


def _are_arguments(value):
    """Whether `value` is a dict that survives JSON and leaves the trainer its own arguments."""
    if not isinstance(value, dict) or any(not isinstance(key, str) for key in value):
        return False
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return not set(value) & set(_SET_BY_THE_TRAINER)


_NAME = (_is_name, "a name that is not empty")
_COUNT = (_is_count, "a whole number, at least 1")
_POSITIVE = (_is_positive, "a number above 0")
_SHARE = (lambda value: _is_positive(value) and value <= 1, "a number in (0, 1]")
_FRACTION = (_is_fraction, "a number in [0, 1)")

_RULES = {  # field: (is it allowed?, what is allowed)
    "name": _NAME,
    "network": _NAME,
    "network_arguments": (
        _are_arguments,
        f"a dict of JSON values without {', '.join(_SET_BY_THE_TRAINER)}",
    ),
    "dataset": _NAME,
    "size": _COUNT,
    "batch_size": _COUNT,
    "epochs": _COUNT,
    "learning_rate": _POSITIVE,
    "decay_rate": _SHARE,
    "decay_epochs": _POSITIVE,
    "rho": _FRACTION,
    "momentum": _FRACTION,
    "epsilon": _POSITIVE,
    "clip_norm": (lambda value: value is None or _is_positive(value), "a number above 0, or None"),
    "label_smoothing": _FRACTION,
    "weight_decay": (lambda value: _is_number(value) and value >= 0, "a number, at least 0"),
    "batch_norm_momentum": _FRACTION,
    "min_area": _SHARE,
    "color": _NAME,
    "seed": (lambda value: _is_count(value, least=0), "a whole number, at least 0"),
}
