"""Inception-v4 (Szegedy et al. 2016, arXiv 1602.07261), the network of Fig. 9.

Paper and checkpoint (TF-Slim `nets/inception_v4.py`) agree in every width and grid.

**Differences from the paper.** The figures and the checkpoint order some factorized pairs
differently (7x1 and 1x7 in the stem and in the long branch of Inception-B, 1x3 and 3x1 in
Inception-C); the checkpoint's order is built. Fig. 3 leaves out the stride of the stem's last 3x3,
which its own grid needs. Fig. 5 prints the short branch of Inception-B as 1x7 twice; it is 1x7 and
7x1. No figure draws the auxiliary head; it is the checkpoint's.
"""

from collections.abc import Sequence
from typing import Literal

import keras

from keras_inception.layers import (
    inception_a,
    inception_b,
    inception_c,
    inception_v4_stem,
    reduction_a,
    reduction_b,
)
from keras_inception.models.building import Architecture, Images, Top, build, select
from keras_inception.models.imagenet import decode_predictions, preprocess_input
from keras_inception.types import Activation, PathLike

__all__ = ["ARCHITECTURES", "InceptionV4", "decode_predictions", "preprocess_input"]

END_POINTS = {  # name: (rows, columns, channels) for 299 x 299 images, Figs. 3 to 9
    "conv2d_1a_3x3": (149, 149, 32),
    "conv2d_2a_3x3": (147, 147, 32),
    "conv2d_2b_3x3": (147, 147, 64),
    "mixed_3a": (73, 73, 160),
    "mixed_4a": (71, 71, 192),
    "mixed_5a": (35, 35, 384),
    "mixed_5b": (35, 35, 384),
    "mixed_5c": (35, 35, 384),
    "mixed_5d": (35, 35, 384),
    "mixed_5e": (35, 35, 384),
    "mixed_6a": (17, 17, 1024),
    "mixed_6b": (17, 17, 1024),
    "mixed_6c": (17, 17, 1024),
    "mixed_6d": (17, 17, 1024),
    "mixed_6e": (17, 17, 1024),
    "mixed_6f": (17, 17, 1024),
    "mixed_6g": (17, 17, 1024),
    "mixed_6h": (17, 17, 1024),
    "mixed_7a": (8, 8, 1536),
    "mixed_7b": (8, 8, 1536),
    "mixed_7c": (8, 8, 1536),
    "mixed_7d": (8, 8, 1536),
}


def stack(x: keras.KerasTensor) -> keras.KerasTensor:
    """Stacks Inception-v4 (Fig. 9) on images `x`; returns the last grid, `mixed_7d`."""
    x = inception_v4_stem(x)  # Fig. 3
    for letter in "bcde":
        x = inception_a(x, name=f"mixed_5{letter}")  # Fig. 4, 4 times
    x = reduction_a(x, k=192, l=224, m=256, n=384, name="mixed_6a")  # Fig. 7, Table 1
    for letter in "bcdefgh":
        x = inception_b(x, name=f"mixed_6{letter}")  # Fig. 5, 7 times
    x = reduction_b(x, name="mixed_7a")  # Fig. 8
    for letter in "bcd":
        x = inception_c(x, name=f"mixed_7{letter}")  # Fig. 6, 3 times
    return x


ARCHITECTURES = (
    Architecture(
        id="inception_v4",
        source="1602.07261 Fig. 9",
        stack=stack,
        end_points=END_POINTS,
        size=299,
        minimum=75,
        dropout_rate=0.2,  # Fig. 9, "Dropout (keep 0.8)"
        auxiliary={"auxiliary": "mixed_6h"},
    ),
)


def InceptionV4(
    include_top: bool = True,
    weights: PathLike | None = "default",
    input_tensor: keras.KerasTensor | None = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: Literal["avg", "max"] | None = None,
    classes: int | None = None,
    classifier_activation: Activation = "softmax",
    name: str = "inception_v4",
    *,
    variant: None = None,
    dropout_rate: float | None = None,
    width_multiplier: float = 1.0,
    output_stride: Literal[8, 16, 32] = 32,
) -> keras.Model:
    """Builds Inception-v4 (Szegedy et al. 2016, arXiv 1602.07261, Fig. 9): 42.7 M parameters.

    The first eight arguments are those of `keras.applications`.

    Args:
        include_top: whether the network ends with its classifier.
        weights: "default" means the public ImageNet weights. Public weights: "imagenet", "timm_tf".
            The path of a weights file works too (`keras_inception.weights.load` lists the formats).
            `None` means random initial weights.
        input_tensor: Keras tensor to build on, instead of a new input.
        input_shape: (height, width, channels). Each side must be `None` or at least 75 pixels. Odd
            sides and any number of channels work. Default: (299, 299, 3), or (None, None, 3)
            without the classifier.
        pooling: used without the classifier. "avg" or "max" returns a vector (batch, channels),
            `None` the last grid (batch, rows, columns, channels).
        classes: number of classes; `None` means 1000.
        classifier_activation: activation of the last layer; `None` returns logits.
        name: name of the model.
        variant: this network has only one, `None`.
        dropout_rate: fraction dropped before the classifier, from 0 to below 1; `None` means 0.2.
        width_multiplier: factor of the number of filters of every convolution. Each result is
            rounded to a multiple of 8 and is at least 8.
        output_stride: side of the images divided by the side of the last grid: 32, 16 or 8. Below
            32, strides become dilation, and the weights stay the same (for detection and
            segmentation).

    Returns:
        A `keras.Model` from images (batch, height, width, channels) in [-1, 1], as its
        `preprocess_input` makes them, to probabilities (batch, classes). Without the classifier it
        returns what `pooling` says.

    Raises:
        ValueError: an argument is not allowed; the message says what is.
        OSError: public weights could not be downloaded.
    """
    return build(
        select(ARCHITECTURES, variant),
        images=Images(input_tensor, input_shape),
        top=Top(include_top, pooling, classes, classifier_activation, dropout_rate),
        weights=weights,
        name=name,
        width_multiplier=width_multiplier,
        output_stride=output_stride,
    )
