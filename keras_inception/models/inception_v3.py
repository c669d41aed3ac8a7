"""Inception-v3 (Szegedy et al. 2015, arXiv 1512.00567) as TensorFlow and Keras released it.

`variant="released"` is TF-Slim `nets/inception_v3.py` and `keras.applications.InceptionV3`.
`variant="fid"` is the graph of 2015-12-05 that FID and Inception Score are computed with: it has
1008 outputs, and max pooling in the last module. `receptive_field` 151 and 79 are the networks of
the paper's Table 2 for small pictures.

**Differences from the paper.** Fig. 5 has two 3x3 for each 5x5; the 35 x 35 modules here keep one
5x5. The stem differs from Table 1: 1x1 (80), 3x3 (192) and a second pool stand before 35 x 35 x
192, in place of 3x3 (80), 3x3 of stride 2 (192) and 3x3 (288). There are 4 modules on the 17 x 17
grid, not 5. The reduction to 17 x 17 has no 1x1 before its single 3x3, which Fig. 10 has; the
reduction to 8 x 8 has a 1x7 and a 7x1, which Fig. 10 does not have. The auxiliary head ends with a
5x5 (768) in place of the dense 1024 of Fig. 8. Table 2 does not say how its 79-pixel network is
padded. Built like the others, its first grids have 77, 75, 75, 73 and 36 pixels, and from 17 x 17
on all are equal. It costs 5.36 G multiply-accumulates, the other two 5.71 G (the paper: within
1 %).
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Literal

import keras

from keras_inception.layers import (
    avg_pool,
    conv_bn_relu,
    expanded_module,
    factorized_module,
    factorized_reduction,
    five_by_five_module,
    max_pool,
    reduction_a,
)
from keras_inception.layers.branches import Box
from keras_inception.models.building import Architecture, Images, Top, build, select
from keras_inception.models.imagenet import decode_predictions, preprocess_input
from keras_inception.types import Activation, PathLike

__all__ = ["ARCHITECTURES", "InceptionV3", "decode_predictions", "preprocess_input"]

END_POINTS = {  # name: (rows, columns, channels) for 299 x 299 images
    "conv2d_1a_3x3": (149, 149, 32),
    "conv2d_2a_3x3": (147, 147, 32),
    "conv2d_2b_3x3": (147, 147, 64),
    "maxpool_3a_3x3": (73, 73, 64),
    "conv2d_3b_1x1": (73, 73, 80),
    "conv2d_4a_3x3": (71, 71, 192),
    "maxpool_5a_3x3": (35, 35, 192),
    "mixed_5b": (35, 35, 256),
    "mixed_5c": (35, 35, 288),
    "mixed_5d": (35, 35, 288),
    "mixed_6a": (17, 17, 768),
    "mixed_6b": (17, 17, 768),
    "mixed_6c": (17, 17, 768),
    "mixed_6d": (17, 17, 768),
    "mixed_6e": (17, 17, 768),
    "mixed_7a": (8, 8, 1280),
    "mixed_7b": (8, 8, 2048),
    "mixed_7c": (8, 8, 2048),
}

# 1512.00567 Table 2: side of the pictures to (stride of the first layer, whether a pool follows the
# first three, smallest side that leaves a pixel of the last grid).
RECEPTIVE_FIELDS = {299: (2, True, 75), 151: (1, True, 39), 79: (1, False, 21)}


def stack(
    x: keras.KerasTensor,
    first_stride: int = 2,
    first_pool: bool = True,
    last_pool: Box = avg_pool,
) -> keras.KerasTensor:
    """Stacks Inception-v3 on images `x`; returns the last grid, `mixed_7c`."""
    x = conv_bn_relu(x, 32, 3, first_stride, "valid", name="conv2d_1a_3x3")
    x = conv_bn_relu(x, 32, 3, 1, "valid", name="conv2d_2a_3x3")
    x = conv_bn_relu(x, 64, 3, name="conv2d_2b_3x3")
    if first_pool:
        x = keras.layers.MaxPooling2D(3, 2, "valid", name="maxpool_3a_3x3")(x)
    x = conv_bn_relu(x, 80, 1, 1, "valid", name="conv2d_3b_1x1")
    x = conv_bn_relu(x, 192, 3, 1, "valid", name="conv2d_4a_3x3")
    x = keras.layers.MaxPooling2D(3, 2, "valid", name="maxpool_5a_3x3")(x)
    for letter, pool_filters in zip("bcd", (32, 64, 64)):
        x = five_by_five_module(x, pool_filters, name=f"mixed_5{letter}")  # Fig. 5 with one 5x5
    x = reduction_a(x, k=64, l=96, m=96, n=384, name="mixed_6a")
    for letter, filters in zip("bcde", (128, 160, 160, 192)):
        x = factorized_module(x, filters, name=f"mixed_6{letter}")  # Fig. 6, 4 times
    x = factorized_reduction(x, name="mixed_7a")
    x = expanded_module(x, name="mixed_7b")  # Fig. 7
    x = expanded_module(x, name="mixed_7c", pool=last_pool)
    return x


_RELEASED = Architecture(
    id="inception_v3",
    variant="released",
    source="TF-Slim nets/inception_v3.py",
    stack=stack,
    end_points=END_POINTS,
    size=299,
    minimum=RECEPTIVE_FIELDS[299][2],
    dropout_rate=0.2,  # TF-Slim dropout_keep_prob=0.8
    auxiliary={"auxiliary": "mixed_6e"},
)
ARCHITECTURES = (
    _RELEASED,
    dataclasses.replace(
        _RELEASED,
        variant="fid",
        source="graph of 2015-12-05",
        stack=functools.partial(stack, last_pool=max_pool),
        classes=1008,
    ),
)


def _for_small_pictures(architecture, receptive_field):
    """Returns the architecture of a row of Table 2."""
    if receptive_field not in RECEPTIVE_FIELDS:
        allowed = " or ".join(map(str, RECEPTIVE_FIELDS))
        raise ValueError(f"receptive_field must be {allowed}, got {receptive_field!r}")
    if receptive_field == architecture.size:
        return architecture
    if architecture.variant != "released":
        raise ValueError(
            f"receptive_field={receptive_field} goes with variant='released', "
            f"not with {architecture.variant!r}"
        )
    first_stride, first_pool, minimum = RECEPTIVE_FIELDS[receptive_field]
    return dataclasses.replace(
        architecture,
        variant=f"receptive_field={receptive_field}",
        source="1512.00567 Table 2",
        stack=functools.partial(stack, first_stride=first_stride, first_pool=first_pool),
        end_points=_TABLE_2_END_POINTS[receptive_field],
        size=receptive_field,
        minimum=minimum,
    )


_TABLE_2_END_POINTS = {
    151: END_POINTS,
    79: {
        "conv2d_1a_3x3": (77, 77, 32),
        "conv2d_2a_3x3": (75, 75, 32),
        "conv2d_2b_3x3": (75, 75, 64),
        "conv2d_3b_1x1": (75, 75, 80),
        "conv2d_4a_3x3": (73, 73, 192),
        "maxpool_5a_3x3": (36, 36, 192),
        "mixed_5b": (36, 36, 256),
        "mixed_5c": (36, 36, 288),
        "mixed_5d": (36, 36, 288),
        **{name: shape for name, shape in END_POINTS.items() if name >= "mixed_6a"},
    },
}


def InceptionV3(
    include_top: bool = True,
    weights: PathLike | None = "default",
    input_tensor: keras.KerasTensor | None = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: Literal["avg", "max"] | None = None,
    classes: int | None = None,
    classifier_activation: Activation = "softmax",
    name: str = "inception_v3",
    *,
    variant: Literal["released", "fid"] = "released",
    dropout_rate: float | None = None,
    width_multiplier: float = 1.0,
    output_stride: Literal[8, 16, 32] = 32,
    receptive_field: Literal[299, 151, 79] = 299,
) -> keras.Model:
    """Builds Inception-v3 (Szegedy et al. 2015, arXiv 1512.00567) as released: 23.9 M parameters.

    The first eight arguments are those of `keras.applications`.

    Args:
        include_top: whether the network ends with its classifier.
        weights: "default" means the public ImageNet weights for "released", random ones otherwise.
            Public weights for "released": "imagenet", "adversarial", "ens3_adversarial",
            "ens4_adversarial", "keras", "keras_notop", "torchvision", "timm_tf",
            "timm_tf_adversarial", "timm_gluon". The path of a weights file works too
            (`keras_inception.weights.load` lists the formats). `None` means random initial weights.
        input_tensor: Keras tensor to build on, instead of a new input.
        input_shape: (height, width, channels). Each side must be `None` or at least 75 pixels. Odd
            sides and any number of channels work. Default: (299, 299, 3), or (None, None, 3)
            without the classifier.
        pooling: used without the classifier. "avg" or "max" returns a vector (batch, channels),
            `None` the last grid (batch, rows, columns, channels).
        classes: number of classes; `None` means 1000 ("released") or 1008 ("fid").
        classifier_activation: activation of the last layer; `None` returns logits.
        name: name of the model.
        variant: "released", as in TF-Slim and `keras.applications`, or "fid", the graph of
            2015-12-05 that FID and Inception Score are computed with.
        dropout_rate: fraction dropped before the classifier, from 0 to below 1; `None` means 0.2.
        width_multiplier: factor of the number of filters of every convolution. Each result is
            rounded to a multiple of 8 and is at least 8.
        output_stride: side of the images divided by the side of the last grid: 32, 16 or 8. Below
            32, strides become dilation, and the weights stay the same (for detection and
            segmentation).
        receptive_field: native side of the pictures. 151 and 79 are the networks of Table 2 for
            small pictures: stride 1 in the first layer, and for 79 no pool after the first three.
            Their smallest sides are 39 and 21 pixels. They go with "released" only.

    Returns:
        A `keras.Model` from images (batch, height, width, channels) in [-1, 1], as its
        `preprocess_input` makes them, to probabilities (batch, classes). Without the classifier it
        returns what `pooling` says.

    Raises:
        ValueError: an argument is not allowed; the message says what is.
        OSError: public weights could not be downloaded.
    """
    return build(
        _for_small_pictures(select(ARCHITECTURES, variant), receptive_field),
        images=Images(input_tensor, input_shape),
        top=Top(include_top, pooling, classes, classifier_activation, dropout_rate),
        weights=weights,
        name=name,
        width_multiplier=width_multiplier,
        output_stride=output_stride,
    )
