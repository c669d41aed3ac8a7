"""Conventions of those who publish weights: what their networks compute differently.

The constructors build a network to suit its weights. Training, crops and exports then need not know
where the weights come from: every network takes images in [-1, 1].
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

SCALING = "input_scaling"  # the layer that brings [-1, 1] to the publisher's scale

Rgb = tuple[float, float, float]
Scaling = tuple[Rgb, Rgb]  # (mean, deviation) of pixels in [0, 255]


@dataclasses.dataclass(frozen=True)
class Conventions:
    """Expectations that weights have of the network around them; by default TensorFlow's.

    Attributes:
        symmetric_padding: whether strided convolutions are padded on both sides alike (Caffe,
            PyTorch).
        pool_counts_padding: whether average pools divide by the whole window at the border too
            (Inception-v3 of torchvision and timm).
        scaling: (mean, deviation) of pixels in [0, 255], each for red, green and blue; `None` if
            the publisher used images in [-1, 1].
    """

    symmetric_padding: bool = False
    pool_counts_padding: bool = False
    scaling: Scaling | None = None

    def __str__(self) -> str:
        words = []
        if self.symmetric_padding:
            words.append("strided convolutions padded on both sides")
        if self.pool_counts_padding:
            words.append("average pools that count the padding")
        if self.scaling:
            words.append("pixels minus their mean")
        return ", ".join(words) or "the padding of TensorFlow and pixels in [-1, 1]"


TENSORFLOW = Conventions()


def conventions_of_layers(names: Collection[str], scaling: Scaling | None) -> Conventions:
    """Returns the conventions that a network of this package was built for.

    Args:
        names: names of all its layers, those without weights included.
        scaling: the network's scaling if it has a layer for it; nothing in the names tells it.
    """
    return Conventions(
        symmetric_padding=any(name.endswith("_conv_pad") for name in names),
        pool_counts_padding=any(name.endswith("_avg_pool_pad") for name in names),
        scaling=scaling if SCALING in names else None,
    )
