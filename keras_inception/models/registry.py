"""The table of all networks."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import keras

from keras_inception.models import (
    bn_inception,
    googlenet,
    inception_resnet_v1,
    inception_resnet_v2,
    inception_v1,
    inception_v2,
    inception_v3,
    inception_v4,
    xception,
)
from keras_inception.models.building import Architecture

# Id to (constructor, variants).
MODELS: dict[str, tuple[Callable[..., keras.Model], tuple[Architecture, ...]]] = {
    "googlenet": (googlenet.GoogLeNet, googlenet.ARCHITECTURES),
    "inception_v1": (inception_v1.InceptionV1, inception_v1.ARCHITECTURES),
    "bn_inception": (bn_inception.BNInception, bn_inception.ARCHITECTURES),
    "inception_v2": (inception_v2.InceptionV2, inception_v2.ARCHITECTURES),
    "inception_v3": (inception_v3.InceptionV3, inception_v3.ARCHITECTURES),
    "inception_v4": (inception_v4.InceptionV4, inception_v4.ARCHITECTURES),
    "inception_resnet_v1": (
        inception_resnet_v1.InceptionResNetV1,
        inception_resnet_v1.ARCHITECTURES,
    ),
    "inception_resnet_v2": (
        inception_resnet_v2.InceptionResNetV2,
        inception_resnet_v2.ARCHITECTURES,
    ),
    "xception": (xception.Xception, xception.ARCHITECTURES),
}


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """A row of `list_models()`: one variant of one network.

    Attributes:
        id: name of the network, for `create_model`.
        variant: value of the `variant` argument.
        builder: name of the constructor.
        size: native side of the square images, pixels.
        minimum_size: smallest side of the images, pixels.
        classes: default number of outputs.
        weights: tags of the public weights. "imagenet" comes first and is the default; without it
            the default is a random network.
        auxiliary: names of the outputs that `with_auxiliary_heads` adds.
        source: figure, table or file that the network follows.
    """

    id: str
    variant: str | None
    builder: str
    size: int
    minimum_size: int
    classes: int
    weights: tuple[str, ...]
    auxiliary: tuple[str, ...]
    source: str


def list_models() -> list[ModelInfo]:
    """Returns a `ModelInfo` for each variant of each network, in the order of their papers."""
    return [
        ModelInfo(
            id=architecture.id,
            variant=architecture.variant,
            builder=builder.__name__,
            size=architecture.size,
            minimum_size=architecture.minimum,
            classes=architecture.classes,
            weights=architecture.weights,
            auxiliary=tuple(architecture.auxiliary),
            source=architecture.source,
        )
        for builder, architectures in MODELS.values()
        for architecture in architectures
    ]


def create_model(id: str, **kwargs: Any) -> keras.Model:
    """Builds a network by its name.

    Args:
        id: as in `list_models()`, for example "inception_v4".
        kwargs: arguments of the constructor.

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: there is no such network, or an argument is not allowed.
        TypeError: the constructor has no argument of that name; the message lists those it has.
    """
    if id not in MODELS:
        raise ValueError(f"no network {id!r}; there are: {', '.join(MODELS)}")
    builder, _ = MODELS[id]
    allowed = inspect.signature(builder).parameters
    unknown = [repr(name) for name in kwargs if name not in allowed]
    if unknown:
        raise TypeError(
            f"{builder.__name__} has no argument {', '.join(unknown)}; "
            f"allowed: {', '.join(allowed)}"
        )
    return builder(**kwargs)
