"""Inception-v2: the TensorFlow checkpoint of that name, and the network of 1512.00567 Table 1.

Two different networks have this name. `variant="released"` is TF-Slim `nets/inception_v2.py`: it
is BN-Inception with beta only, and with a bias in place of batch normalization on its first layer.
`variant="paper"` is Szegedy et al. 2015, section 6.

**Differences from the paper.** In `"paper"`: Table 1 says 35 x 35 x 288 after a 3x3 convolution on
a 35 x 35 grid, so this convolution must be padded, though only another row is marked so. The text
counts 3, 5 and 2 modules besides the two grid reductions, as built; the released v3 has 3, 4 and 2.
The widths inside modules and reductions are not in the paper, but in a file that came with the
submission. Here they are the released v3's (the 17 x 17 modules have 128, 160, 160, 160, 192), and
the reductions, which are those of Fig. 10, have a 1x1 of 192. Built like this, the network has
6.27 G multiply-accumulates; Table 3 prints 4.8. Without `factorized_7x7` it has 5.86; the table
prints 3.8. The 7x7 that `factorized_7x7=False` restores is unpadded, which gives Table 1's 147 x
147 x 64. In `"released"`: TensorFlow's has no auxiliary head; `with_auxiliary_heads` puts v3's on
the last 14 x 14 grid, our choice.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Literal

import keras

from keras_inception.layers import (
    conv_bn_relu,
    double_3x3_module,
    expanded_module,
    factorized_module,
    grid_reduction,
    paper_auxiliary_head,
)
from keras_inception.models import bn_inception
from keras_inception.models.building import Architecture, Images, Top, build, select
from keras_inception.models.imagenet import decode_predictions, preprocess_input
from keras_inception.types import Activation, PathLike

__all__ = ["ARCHITECTURES", "InceptionV2", "decode_predictions", "preprocess_input"]

PAPER_END_POINTS = {  # name: (rows, columns, channels) for 299 x 299 images, 1512.00567 Table 1
    "conv2d_1a_3x3": (149, 149, 32),
    "conv2d_2a_3x3": (147, 147, 32),
    "conv2d_2b_3x3": (147, 147, 64),
    "maxpool_3a_3x3": (73, 73, 64),
    "conv2d_3b_3x3": (71, 71, 80),
    "conv2d_4a_3x3": (35, 35, 192),
    "conv2d_4b_3x3": (35, 35, 288),
    "mixed_5b": (35, 35, 288),
    "mixed_5c": (35, 35, 288),
    "mixed_5d": (35, 35, 288),
    "mixed_6a": (17, 17, 768),
    "mixed_6b": (17, 17, 768),
    "mixed_6c": (17, 17, 768),
    "mixed_6d": (17, 17, 768),
    "mixed_6e": (17, 17, 768),
    "mixed_6f": (17, 17, 768),
    "mixed_7a": (8, 8, 1280),
    "mixed_7b": (8, 8, 2048),
    "mixed_7c": (8, 8, 2048),
}


def stack_released(x: keras.KerasTensor) -> keras.KerasTensor:
    """Stacks TF-Slim's Inception-v2 on images `x`; returns the last grid, `mixed_5c`."""
    x = bn_inception.separable_7x7(x, use_bias=True, name="conv2d_1a_7x7_conv")
    x = keras.layers.Activation("relu", name="conv2d_1a_7x7")(x)
    return bn_inception.rows_below_first(x, scale=False)


def stack_paper(x: keras.KerasTensor, factorized_7x7: bool = True) -> keras.KerasTensor:
    """Stacks Inception-v2 (1512.00567 Table 1) on images `x`; returns the last grid, `mixed_7c`."""
    if factorized_7x7:
        x = conv_bn_relu(x, 32, 3, 2, "valid", name="conv2d_1a_3x3")
        x = conv_bn_relu(x, 32, 3, 1, "valid", name="conv2d_2a_3x3")
        x = conv_bn_relu(x, 64, 3, name="conv2d_2b_3x3")  # "conv padded"
    else:
        x = conv_bn_relu(x, 64, 7, 2, "valid", name="conv2d_1a_7x7")
    x = keras.layers.MaxPooling2D(3, 2, "valid", name="maxpool_3a_3x3")(x)
    x = conv_bn_relu(x, 80, 3, 1, "valid", name="conv2d_3b_3x3")
    x = conv_bn_relu(x, 192, 3, 2, "valid", name="conv2d_4a_3x3")
    x = conv_bn_relu(x, 288, 3, name="conv2d_4b_3x3")
    for letter in "bcd":
        x = double_3x3_module(x, name=f"mixed_5{letter}")  # Fig. 5, 3 times
    x = grid_reduction(x, (192, 384), (64, 96), name="mixed_6a")  # Fig. 10
    for letter, filters in zip("bcdef", (128, 160, 160, 160, 192)):
        x = factorized_module(x, filters, name=f"mixed_6{letter}")  # Fig. 6, 5 times
    x = grid_reduction(x, (192, 320), (192, 192), name="mixed_7a")  # Fig. 10
    for letter in "bc":
        x = expanded_module(x, name=f"mixed_7{letter}")  # Fig. 7, 2 times
    return x


ARCHITECTURES = (
    Architecture(
        id="inception_v2",
        variant="released",
        source="TF-Slim nets/inception_v2.py",
        stack=stack_released,
        end_points=bn_inception.END_POINTS,
        size=224,
        minimum=32,
        dropout_rate=0.2,  # TF-Slim dropout_keep_prob=0.8
        auxiliary={"auxiliary": "mixed_4e"},  # our choice: the last 14 x 14 grid, as in v3
    ),
    Architecture(
        id="inception_v2",
        variant="paper",
        source="1512.00567 Table 1",
        stack=stack_paper,
        end_points=PAPER_END_POINTS,
        size=299,
        minimum=75,
        dropout_rate=0.2,  # our choice: the paper names none, the released v3 has this
        auxiliary={"auxiliary": "mixed_6f"},  # Fig. 8: "on top of the last 17x17 layer"
        auxiliary_head=paper_auxiliary_head,
    ),
)


def _row_of_table_3(architecture, factorized_7x7, batch_norm_auxiliary):
    """Returns the architecture of a row of Table 3; the released one has no such options."""
    if architecture.variant != "paper":
        if not (factorized_7x7 and batch_norm_auxiliary):
            raise ValueError(
                "factorized_7x7 and batch_norm_auxiliary belong to variant='paper', "
                f"not to {architecture.variant!r}"
            )
        return architecture
    end_points = dict(PAPER_END_POINTS)
    if not factorized_7x7:
        for name in ("conv2d_1a_3x3", "conv2d_2a_3x3", "conv2d_2b_3x3"):
            del end_points[name]
        end_points = {"conv2d_1a_7x7": (147, 147, 64), **end_points}
    return dataclasses.replace(
        architecture,
        stack=functools.partial(stack_paper, factorized_7x7=factorized_7x7),
        end_points=end_points,
        auxiliary_head=functools.partial(paper_auxiliary_head, batch_norm_fc=batch_norm_auxiliary),
    )


def InceptionV2(
    include_top: bool = True,
    weights: PathLike | None = "default",
    input_tensor: keras.KerasTensor | None = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: Literal["avg", "max"] | None = None,
    classes: int | None = None,
    classifier_activation: Activation = "softmax",
    name: str = "inception_v2",
    *,
    variant: Literal["released", "paper"] = "released",
    dropout_rate: float | None = None,
    width_multiplier: float = 1.0,
    output_stride: Literal[8, 16, 32] = 32,
    factorized_7x7: bool = True,
    batch_norm_auxiliary: bool = True,
) -> keras.Model:
    """Builds Inception-v2, as released (1502.03167) or as printed in 1512.00567, Table 1.

    The last two arguments choose a row of Table 3 of 1512.00567. With both, the paper calls the
    network Inception-v3. The first eight arguments are those of `keras.applications`.

    Args:
        include_top: whether the network ends with its classifier.
        weights: "default" means the public ImageNet weights for "released", random ones otherwise.
            Public weights for "released": "imagenet". The path of a weights file works too
            (`keras_inception.weights.load` lists the formats). `None` means random initial weights.
        input_tensor: Keras tensor to build on, instead of a new input.
        input_shape: (height, width, channels). Each side must be `None` or at least 32 ("released")
            or 75 ("paper") pixels. Odd sides and any number of channels work. Default: (224, 224,
            3) ("released") or (299, 299, 3) ("paper"), or (None, None, 3) without the classifier.
        pooling: used without the classifier. "avg" or "max" returns a vector (batch, channels),
            `None` the last grid (batch, rows, columns, channels).
        classes: number of classes; `None` means 1000.
        classifier_activation: activation of the last layer; `None` returns logits.
        name: name of the model.
        variant: "released", the TensorFlow checkpoint of that name (TF-Slim
            `nets/inception_v2.py`), or "paper", the network of 1512.00567, Table 1.
        dropout_rate: fraction dropped before the classifier, from 0 to below 1; `None` means 0.2.
        width_multiplier: factor of the number of filters of every convolution. Each result is
            rounded to a multiple of 8 and is at least 8.
        output_stride: side of the images divided by the side of the last grid: 32, 16 or 8. Below
            32, strides become dilation, and the weights stay the same (for detection and
            segmentation).
        factorized_7x7: whether three 3x3 convolutions stand in place of the first 7x7; "paper"
            only.
        batch_norm_auxiliary: whether the dense layer of the head that `with_auxiliary_heads` adds
            is batch-normalized; "paper" only.

    Returns:
        A `keras.Model` from images (batch, height, width, channels) in [-1, 1], as its
        `preprocess_input` makes them, to probabilities (batch, classes). Without the classifier it
        returns what `pooling` says.

    Raises:
        ValueError: an argument is not allowed; the message says what is.
        OSError: public weights could not be downloaded.
    """
    return build(
        _row_of_table_3(select(ARCHITECTURES, variant), factorized_7x7, batch_norm_auxiliary),
        images=Images(input_tensor, input_shape),
        top=Top(include_top, pooling, classes, classifier_activation, dropout_rate),
        weights=weights,
        name=name,
        width_multiplier=width_multiplier,
        output_stride=output_stride,
    )
