"""Finds which output of a model stands for which class of the data: by name, not by place.

Names are equal if their letters are, however an accented letter is encoded. Folders that are called
by whole numbers are class numbers, from 0. The classes of ImageNet are known by their WordNet ids
and their names alike.
"""

from __future__ import annotations

import dataclasses
import hashlib
import unicodedata
from collections.abc import Sequence

import numpy as np

from keras_inception import labels
from keras_inception.models import imagenet

_LISTED = 10  # names in an error message


@dataclasses.dataclass(frozen=True)
class ClassMatching:
    """How the models' outputs and the data's labels are brought together.

    Attributes:
        class_names: name of each class of the evaluation.
        labels: the class for each label of the data; `None` if labels are classes already.
        orders: for each model the output for each class; `None` if outputs are classes already.
    """

    class_names: tuple[str, ...]
    labels: np.ndarray | None
    orders: tuple[np.ndarray | None, ...]

    def fingerprint(self) -> str:
        """Returns a hash of the names and of what stands for what, in hexadecimal digits."""
        arrays = [None if a is None else a.tolist() for a in (self.labels, *self.orders)]
        return hashlib.sha256(repr((self.class_names, arrays)).encode()).hexdigest()

    def classes_of(self, found: np.ndarray) -> np.ndarray:
        """Returns the classes for some labels of the data.

        Raises:
            ValueError: a label is none of the data's classes.
        """
        if self.labels is None:
            return found
        if found.size and not 0 <= found.min() <= found.max() < len(self.labels):
            raise ValueError(
                f"labels range from {found.min()} to {found.max()}; they must be from 0 to "
                f"{len(self.labels) - 1}"
            )
        return self.labels[found]


def match(
    models: Sequence[tuple[str, Sequence[str]]], data_names: Sequence[str] | None
) -> ClassMatching:
    """Matches the classes of models with each other and with those of the data.

    If the data have all of the models' classes, the evaluation has the data's names and order. If
    they have some of them, it has the models'.

    Args:
        models: pairs (name for error messages, class names in the order of the outputs). Names that
            are the numbers from 0 stand for a model whose classes have no names.
        data_names: class names of the data in the order of the labels; `None` if labels are numbers
            of outputs.

    Raises:
        ValueError: the models do not know the same classes, or a class of the data is not known.
    """
    known = [(model, labels.readable(names)) for model, names in models]
    first, names = next((pair for pair in known if not _are_places(pair[1])), known[0])
    orders = tuple(_order(names, first, *pair) for pair in known)
    asked = names if data_names is None else labels.readable(data_names)
    if asked == names:
        return ClassMatching(names, None, orders)
    if _are_places(names) and not _are_numbers(asked):
        if len(asked) != len(names):
            raise ValueError(f"{first} has {len(names)} classes, expected {len(asked)}")
        return ClassMatching(asked, None, orders)
    outputs = _outputs(asked, names, first)
    if len(outputs) < len(names):
        return ClassMatching(names, outputs, orders)
    if (outputs == np.arange(len(names))).all():
        return ClassMatching(asked, None, orders)
    moved = (outputs if order is None else order[outputs] for order in orders)
    return ClassMatching(asked, None, tuple(moved))


def _order(names, first, model, model_names):
    """Returns the outputs of a model in the order of the first model's; `None` for their own."""
    if len(model_names) != len(names):
        raise ValueError(f"{model} has {len(model_names)} classes, expected {len(names)}")
    if tuple(model_names) == names or _are_places(model_names):
        return None
    places = {_key(name): place for place, name in enumerate(model_names)}
    missing = [name for name in names if _key(name) not in places]
    if missing:
        raise ValueError(
            f"{model} and {first} do not know the same classes: {_some(missing)} is not known to "
            f"{model}"
        )
    if len(places) < len(names):
        raise ValueError(f"{model} has several classes of one name, in another order than {first}")
    return np.array([places[_key(name)] for name in names])


def _outputs(data_names, names, model):
    """Returns the place in `names` of each class of the data."""
    known = _places((_key(name), place) for place, name in enumerate(names))
    found = [known.get(_key(name), ()) for name in data_names]
    if _are_numbers(data_names) and not all(found):
        found = [(int(name),) if int(name) < len(names) else () for name in data_names]
    elif names == tuple(name for _, name in imagenet.class_names()) and not all(found):
        rows = enumerate(imagenet.class_names())
        known = _places((_loosely(word), place) for place, row in rows for word in row)
        found = [known.get(_loosely(name), ()) for name in data_names]
    unknown = [name for name, places in zip(data_names, found) if not places]
    if unknown:
        raise ValueError(
            f"{model} does not know {len(unknown)} of the data's {len(data_names)} classes: "
            f"{_some(unknown)}. It knows {_some(names)}; the names of a model's classes are read "
            "from labels.txt beside it"
        )
    several = [name for name, places in zip(data_names, found) if len(places) > 1]
    if several:
        raise ValueError(f"{model} has several classes of the name {_some(several)}")
    outputs = [place for (place,) in found]
    twice = [name for name, place in zip(data_names, outputs) if outputs.count(place) > 1]
    if twice:
        raise ValueError(f"the data's classes {_some(twice)} are one class of {model}")
    return np.array(outputs)


def _places(pairs):
    """Maps each name of pairs (name, place) to the places where it stands."""
    places = {}
    for name, place in pairs:
        places.setdefault(name, []).append(place)
    return places


def _key(name):
    return unicodedata.normalize("NFC", str(name).strip())


def _loosely(name):
    """Writes a name as ImageNet's are compared, of which lists differ in blanks and capitals."""
    return _key(name).casefold().replace(" ", "_")


def _are_places(names):
    return tuple(names) == tuple(map(str, range(len(names))))


def _are_numbers(names):
    return all(name.isascii() and name.isdecimal() for name in names)


def _some(names):
    listed = ", ".join(str(name)[:40] for name in names[:_LISTED])
    return listed + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
