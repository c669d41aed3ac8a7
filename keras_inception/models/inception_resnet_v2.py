"""Inception-ResNet-v2: the released checkpoint, and the network of 1602.07261 Fig. 15.

**Differences from the paper.** The released network (TF-Slim `nets/inception_resnet_v2.py`, also in
`keras.applications`) has a plain stem like v3's with one more module, `mixed_5b` (320 channels), in
place of the stem of v4 (384). It has 10, 20 and 10 residual blocks in place of 5, 10 and 5, the
last without scale and ReLU. Its widths are 320, 1088 and 2080 in place of 384, 1152 and 2144, and a
1x1 convolution to 1536 stands before the pool. In the paper itself, Fig. 17 prints 1154 and Fig. 19
2048, but the reductions give 1152 and 2144, which the additions need. The residual scales, "between
0.1 and 0.3" in section 3.3, are the released 0.17, 0.10 and 0.20 in both. No figure draws the
auxiliary head.
"""

from collections.abc import Sequence
from typing import Literal

import keras

from keras_inception.layers import (
    avg_pool,
    concat_branches,
    conv,
    conv_bn_relu,
    inception_resnet_v2_a,
    inception_resnet_v2_b,
    inception_resnet_v2_c,
    inception_resnet_v2_reduction_b,
    inception_v4_stem,
    reduction_a,
)
from keras_inception.layers.inception_resnet import RESIDUAL_SCALES
from keras_inception.models.building import (
    Architecture,
    Images,
    Top,
    build,
    select,
    with_residual_scale,
)
from keras_inception.models.imagenet import decode_predictions, preprocess_input
from keras_inception.types import Activation, PathLike

__all__ = ["ARCHITECTURES", "InceptionResNetV2", "decode_predictions", "preprocess_input"]

END_POINTS = {  # name: (rows, columns, channels) for 299 x 299 images
    "conv2d_1a_3x3": (149, 149, 32),
    "conv2d_2a_3x3": (147, 147, 32),
    "conv2d_2b_3x3": (147, 147, 64),
    "maxpool_3a_3x3": (73, 73, 64),
    "conv2d_3b_1x1": (73, 73, 80),
    "conv2d_4a_3x3": (71, 71, 192),
    "maxpool_5a_3x3": (35, 35, 192),
    "mixed_5b": (35, 35, 320),
    **{f"block35_{i}": (35, 35, 320) for i in range(1, 11)},
    "mixed_6a": (17, 17, 1088),
    **{f"block17_{i}": (17, 17, 1088) for i in range(1, 21)},
    "mixed_7a": (8, 8, 2080),
    **{f"block8_{i}": (8, 8, 2080) for i in range(1, 10)},
    "block8": (8, 8, 2080),
    "conv2d_7b_1x1": (8, 8, 1536),
}

PAPER_END_POINTS = {  # for 299 x 299 images, Figs. 3 and 15 to 19
    "conv2d_1a_3x3": (149, 149, 32),
    "conv2d_2a_3x3": (147, 147, 32),
    "conv2d_2b_3x3": (147, 147, 64),
    "mixed_3a": (73, 73, 160),
    "mixed_4a": (71, 71, 192),
    "mixed_5a": (35, 35, 384),
    **{f"block35_{i}": (35, 35, 384) for i in range(1, 6)},
    "mixed_6a": (17, 17, 1152),
    **{f"block17_{i}": (17, 17, 1152) for i in range(1, 11)},
    "mixed_7a": (8, 8, 2144),
    **{f"block8_{i}": (8, 8, 2144) for i in range(1, 6)},
}


def stack_released(
    x: keras.KerasTensor, scales: tuple[float, float, float] = RESIDUAL_SCALES
) -> keras.KerasTensor:
    """Stacks the released Inception-ResNet-v2 on images `x`; returns the grid `conv2d_7b_1x1`."""
    scale_a, scale_b, scale_c = scales
    x = conv_bn_relu(x, 32, 3, 2, "valid", name="conv2d_1a_3x3")
    x = conv_bn_relu(x, 32, 3, 1, "valid", name="conv2d_2a_3x3")
    x = conv_bn_relu(x, 64, 3, name="conv2d_2b_3x3")
    x = keras.layers.MaxPooling2D(3, 2, "valid", name="maxpool_3a_3x3")(x)
    x = conv_bn_relu(x, 80, 1, 1, "valid", name="conv2d_3b_1x1")
    x = conv_bn_relu(x, 192, 3, 1, "valid", name="conv2d_4a_3x3")
    x = keras.layers.MaxPooling2D(3, 2, "valid", name="maxpool_5a_3x3")(x)
    x = concat_branches(
        x,
        "mixed_5b",
        [conv(96, 1)],
        [conv(48, 1), conv(64, 5)],
        [conv(64, 1), conv(96, 3), conv(96, 3)],
        [avg_pool(3), conv(64, 1)],
    )
    for i in range(1, 11):
        x = inception_resnet_v2_a(x, name=f"block35_{i}", scale=scale_a)
    x = reduction_a(x, k=256, l=256, m=384, n=384, name="mixed_6a")  # Fig. 7, Table 1
    for i in range(1, 21):
        x = inception_resnet_v2_b(x, name=f"block17_{i}", scale=scale_b)
    x = inception_resnet_v2_reduction_b(x, name="mixed_7a")  # Fig. 18
    for i in range(1, 10):
        x = inception_resnet_v2_c(x, name=f"block8_{i}", scale=scale_c)
    x = inception_resnet_v2_c(x, name="block8", scale=1.0, activation=None)
    return conv_bn_relu(x, 1536, 1, name="conv2d_7b_1x1")


def stack_paper(
    x: keras.KerasTensor, scales: tuple[float, float, float] = RESIDUAL_SCALES
) -> keras.KerasTensor:
    """Stacks Inception-ResNet-v2 (Fig. 15) on images `x`; returns the last grid, `block8_5`."""
    scale_a, scale_b, scale_c = scales
    x = inception_v4_stem(x)  # Fig. 3
    for i in range(1, 6):
        x = inception_resnet_v2_a(x, name=f"block35_{i}", scale=scale_a)  # Fig. 16, 5 times
    x = reduction_a(x, k=256, l=256, m=384, n=384, name="mixed_6a")  # Fig. 7, Table 1
    for i in range(1, 11):
        x = inception_resnet_v2_b(x, name=f"block17_{i}", scale=scale_b)  # Fig. 17, 10 times
    x = inception_resnet_v2_reduction_b(x, name="mixed_7a")  # Fig. 18
    for i in range(1, 6):
        x = inception_resnet_v2_c(x, name=f"block8_{i}", scale=scale_c)  # Fig. 19, 5 times
    return x


ARCHITECTURES = (
    Architecture(
        id="inception_resnet_v2",
        variant="released",
        source="TF-Slim nets/inception_resnet_v2.py",
        stack=stack_released,
        end_points=END_POINTS,
        size=299,
        minimum=75,
        dropout_rate=0.2,  # TF-Slim dropout_keep_prob=0.8
        auxiliary={"auxiliary": "block17_20"},
    ),
    Architecture(
        id="inception_resnet_v2",
        variant="paper",
        source="1602.07261 Fig. 15",
        stack=stack_paper,
        end_points=PAPER_END_POINTS,
        size=299,
        minimum=75,
        dropout_rate=0.2,  # Fig. 15, "Dropout (keep 0.8)"
        auxiliary={"auxiliary": "block17_10"},  # our choice: where the released network has it
    ),
)


def InceptionResNetV2(
    include_top: bool = True,
    weights: PathLike | None = "default",
    input_tensor: keras.KerasTensor | None = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: Literal["avg", "max"] | None = None,
    classes: int | None = None,
    classifier_activation: Activation = "softmax",
    name: str = "inception_resnet_v2",
    *,
    variant: Literal["released", "paper"] = "released",
    dropout_rate: float | None = None,
    width_multiplier: float = 1.0,
    output_stride: Literal[8, 16, 32] = 32,
    residual_scale: float | Sequence[float] | None = None,
) -> keras.Model:
    """Builds Inception-ResNet-v2 (Szegedy et al. 2016, arXiv 1602.07261), as released or printed.

    The released network has 55.9 M parameters. The first eight arguments are those of
    `keras.applications`.

    Args:
        include_top: whether the network ends with its classifier.
        weights: "default" means the public ImageNet weights for "released", random ones otherwise.
            Public weights for "released": "imagenet", "adversarial", "ens_adversarial", "keras",
            "keras_notop", "timm_tf", "timm_tf_ens_adversarial". The path of a weights file works
            too (`keras_inception.weights.load` lists the formats). `None` means random initial
            weights.
        input_tensor: Keras tensor to build on, instead of a new input.
        input_shape: (height, width, channels). Each side must be `None` or at least 75 pixels. Odd
            sides and any number of channels work. Default: (299, 299, 3), or (None, None, 3)
            without the classifier.
        pooling: used without the classifier. "avg" or "max" returns a vector (batch, channels),
            `None` the last grid (batch, rows, columns, channels).
        classes: number of classes; `None` means 1000.
        classifier_activation: activation of the last layer; `None` returns logits.
        name: name of the model.
        variant: "released", the checkpoint (TF-Slim `nets/inception_resnet_v2.py`), or "paper", the
            network of Fig. 15.
        dropout_rate: fraction dropped before the classifier, from 0 to below 1; `None` means 0.2.
        width_multiplier: factor of the number of filters of every convolution. Each result is
            rounded to a multiple of 8 and is at least 8.
        output_stride: side of the images divided by the side of the last grid: 32, 16 or 8. Below
            32, strides become dilation, and the weights stay the same (for detection and
            segmentation).
        residual_scale: factor of the residual branches, or three factors for the A, B and C blocks;
            `None` means 0.17, 0.10 and 0.20.

    Returns:
        A `keras.Model` from images (batch, height, width, channels) in [-1, 1], as its
        `preprocess_input` makes them, to probabilities (batch, classes). Without the classifier it
        returns what `pooling` says.

    Raises:
        ValueError: an argument is not allowed; the message says what is.
        OSError: public weights could not be downloaded.
    """
    return build(
        with_residual_scale(select(ARCHITECTURES, variant), residual_scale),
        images=Images(input_tensor, input_shape),
        top=Top(include_top, pooling, classes, classifier_activation, dropout_rate),
        weights=weights,
        name=name,
        width_multiplier=width_multiplier,
        output_stride=output_stride,
    )
