"""Inception-ResNet-v2: the released checkpoint, and the network of 1602.07261 Fig. 15.

**Differences from the paper.** The released network (TF-Slim `nets/inception_resnet_v2.py`, also in
`keras.applications`) has a plain stem like v3's with one more module, `mixed_5b` (320 channels),
for the stem of v4 (384); 10, 20 and 10 residual blocks for 5, 10 and 5, the last without scale and
ReLU; widths 320, 1088 and 2080 for 384, 1152 and 2144; and a 1x1 convolution to 1536 before the
pool. In the paper itself, Fig. 17 prints 1154 and Fig. 19 2048 where the reductions give 1152 and
2144; an addition needs the latter. The residual scales, "between 0.1 and 0.3" in section 3.3, are
the released 0.17, 0.10 and 0.20 in both. No figure draws the auxiliary head.
"""

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
from keras_inception.models.build import Architecture, constructor, with_residual_scale
from keras_inception.models.imagenet import decode_predictions, preprocess_input

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


def inception_resnet_v2(x, scales=RESIDUAL_SCALES):
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


def inception_resnet_v2_paper(x, scales=RESIDUAL_SCALES):
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
        stack=inception_resnet_v2,
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
        stack=inception_resnet_v2_paper,
        end_points=PAPER_END_POINTS,
        size=299,
        minimum=75,
        dropout_rate=0.2,  # Fig. 15, "Dropout (keep 0.8)"
        auxiliary={"auxiliary": "block17_10"},  # our choice: where the released network has it
    ),
)


InceptionResNetV2 = constructor(
    __name__,
    "InceptionResNetV2",
    ARCHITECTURES,
    """Inception-ResNet-v2: the released checkpoint (55.9 M parameters), or 1602.07261 Fig. 15.

    `residual_scale` (default 0.17, 0.10, 0.20): one factor, or three for the A, B and C blocks.
    """,
    options=with_residual_scale,
)
