"""`prepare`: checks a classifier and makes the form of it that is exported."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import keras

from keras_inception import labels
from keras_inception.export.fold import in_dtype, optimize


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A classifier that is ready to be written.

    Attributes:
        model: the Keras model, which the export is compared with.
        network: its inference form (`optimize`), in the precision of the export.
        size: side of the pictures that it takes, in pixels.
        class_names: one a class.
        is_exact: whether both compute in float32 alone, so that only the order of sums differs.
    """

    model: keras.Model
    network: keras.Model
    size: int
    class_names: tuple[str, ...]
    is_exact: bool


def prepare(
    model: keras.Model,
    class_names: Iterable[object] | None = None,
    precision: str = "float32",
    exchange_pools: bool = False,
) -> Prepared:
    """Checks a classifier and makes its inference form.

    Args:
        model: a functional Keras model: one input (batch, size, size, 3) in [-1, 1], one softmax
            output (batch, classes). Auxiliary outputs are left out.
        class_names: one a class; by default their numbers.
        precision: `float32` or `bfloat16`, in which the inference form computes.
        exchange_pools: see `optimize`.

    Raises:
        ValueError: the model or the class names cannot be exported.
    """
    network = optimize(model, exchange_pools)
    size, classes = _classifier_shape(network)
    names = labels.checked(class_names, classes)
    is_exact = precision == "float32" and all(
        layer.compute_dtype == "float32" for layer in model.layers
    )
    if not is_exact:
        network = in_dtype(network, precision)
    return Prepared(model, network, size, names, is_exact)


def _classifier_shape(model: keras.Model) -> tuple[int, int]:
    """Returns the side of the pictures that a model takes, in pixels, and its number of classes."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"{model.name} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; only a "
            "model with one input and one output can be exported"
        )
    images, output = tuple(model.inputs[0].shape), tuple(model.outputs[0].shape)
    if len(images) != 4 or images[1] is None or images[1] != images[2] or images[3] != 3:
        raise ValueError(
            f"{model.name} takes {images}; only (batch, size, size, 3) with a fixed size can be "
            "exported: build the model with an input_shape"
        )
    if len(output) != 2 or output[1] is None:
        raise ValueError(f"{model.name} returns {output}; only (batch, classes) can be exported")
    return images[1], output[1]
