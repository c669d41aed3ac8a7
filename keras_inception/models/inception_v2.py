"""Inception-v2: the TensorFlow checkpoint of that name, and the network of 1512.00567 Table 1.

Two different networks bear the name. `variant="released"` is TF-Slim `nets/inception_v2.py`, which
is BN-Inception with beta only, and a bias in place of batch normalization on its first layer.
`variant="paper"` is Szegedy et al. 2015, section 6.

**Differences from the paper.** Of `"paper"`: Table 1 says 35 x 35 x 288 after a 3x3 convolution on
a 35 x 35 grid, so that this one has to be padded, though only another row is marked so. The text
counts 3, 5 and 2 modules besides the two grid reductions, as built; the released v3 has 3, 4 and 2.
Widths inside modules and reductions are in a file that came with the submission and not in the
paper; here they are the released v3's (the 17 x 17 modules 128, 160, 160, 160, 192), and in the
reductions, which are those of Fig. 10, 1x1 of 192. Built so, the network has 6.27 G
multiply-accumulates where Table 3 prints 4.8, and without `factorized_7x7` 5.86 where it
prints 3.8. The 7x7 that `factorized_7x7=False` restores is unpadded, which gives Table 1's
147 x 147 x 64. Of `"released"`: TensorFlow's has no auxiliary head; `with_auxiliary_heads` puts
one of the kind of v3 on the last 14 x 14 grid, our choice.
"""

import dataclasses
import functools

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
from keras_inception.models.build import Architecture, constructor
from keras_inception.models.imagenet import decode_predictions, preprocess_input

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


def inception_v2_released(x):
    """Stacks TF-Slim's Inception-v2 on images `x`; returns the last grid, `mixed_5c`."""
    x = bn_inception.separable_7x7(x, use_bias=True, name="conv2d_1a_7x7_conv")
    x = keras.layers.Activation("relu", name="conv2d_1a_7x7")(x)
    return bn_inception.rows_below_first(x, scale=False)


def inception_v2_paper(x, factorized_7x7=True):
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
    x = grid_reduction(x, 192, 384, 64, 96, name="mixed_6a")  # Fig. 10
    for letter, filters in zip("bcdef", (128, 160, 160, 160, 192)):
        x = factorized_module(x, filters, name=f"mixed_6{letter}")  # Fig. 6, 5 times
    x = grid_reduction(x, 192, 320, 192, 192, name="mixed_7a")  # Fig. 10
    for letter in "bc":
        x = expanded_module(x, name=f"mixed_7{letter}")  # Fig. 7, 2 times
    return x


ARCHITECTURES = (
    Architecture(
        id="inception_v2",
        variant="released",
        source="TF-Slim nets/inception_v2.py",
        stack=inception_v2_released,
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
        stack=inception_v2_paper,
        end_points=PAPER_END_POINTS,
        size=299,
        minimum=75,
        dropout_rate=0.2,  # our choice, because the paper names none: that of the released v3
        auxiliary={"auxiliary": "mixed_6f"},  # Fig. 8: "on top of the last 17x17 layer"
        auxiliary_head=paper_auxiliary_head,
    ),
)


def _options(architecture, *, factorized_7x7=True, batch_norm_auxiliary=True):
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
        stack=functools.partial(inception_v2_paper, factorized_7x7=factorized_7x7),
        end_points=end_points,
        auxiliary_head=functools.partial(paper_auxiliary_head, batch_norm_fc=batch_norm_auxiliary),
    )


InceptionV2 = constructor(
    __name__,
    "InceptionV2",
    ARCHITECTURES,
    """Inception-v2: the TensorFlow checkpoint of that name, or the network of 1512.00567 Table 1.

    Two options of `variant="paper"` build the rows of its Table 3. `factorized_7x7` (default
    `True`): three 3x3 in place of the first 7x7. `batch_norm_auxiliary` (default `True`): whether
    the dense layer of the head that `with_auxiliary_heads` adds is batch-normalized. With both, the
    paper calls the network Inception-v3.
    """,
    options=_options,
)
