"""Inception-ResNet-v1 (1602.07261 Fig. 15), the paper's for ImageNet and facenet's for faces.

`variant="facenet"` is facenet `src/models/inception_resnet_v1.py`: an embedding of 512 numbers of
unit length, 160 x 160 pictures. `residual_scale` sets the factor of the residual branches.

**Differences from the paper.** The residual scales, "between 0.1 and 0.3" in section 3.3, are 0.17,
0.10 and 0.20, those of the released Inception-ResNet-v2 and of facenet. facenet has a sixth C block
without scale and ReLU; its batch norm has a momentum of 0.995. No checkpoint of the paper's network
was released. Fig. 15 is drawn for both versions; the stem of v1 is Fig. 14, its modules Figs. 10 to
13, its widths k, l, m, n those of Table 1.
"""

import dataclasses
import functools

import keras
import numpy as np

from keras_inception.layers import (
    conv_bn_relu,
    embedding_head,
    inception_resnet_v1_a,
    inception_resnet_v1_b,
    inception_resnet_v1_c,
    inception_resnet_v1_reduction_b,
    reduction_a,
)
from keras_inception.layers.inception_resnet import RESIDUAL_SCALES
from keras_inception.models.build import Architecture, constructor, with_residual_scale
from keras_inception.models.imagenet import decode_predictions, preprocess_input

__all__ = [
    "ARCHITECTURES",
    "InceptionResNetV1",
    "decode_predictions",
    "preprocess_input",
    "standardize_faces",
]

END_POINTS = {  # name: (rows, columns, channels) for 299 x 299 images, Figs. 14 and 15
    "conv2d_1a_3x3": (149, 149, 32),
    "conv2d_2a_3x3": (147, 147, 32),
    "conv2d_2b_3x3": (147, 147, 64),
    "maxpool_3a_3x3": (73, 73, 64),
    "conv2d_3b_1x1": (73, 73, 80),
    "conv2d_4a_3x3": (71, 71, 192),
    "conv2d_4b_3x3": (35, 35, 256),
    **{f"block35_{i}": (35, 35, 256) for i in range(1, 6)},
    "mixed_6a": (17, 17, 896),
    **{f"block17_{i}": (17, 17, 896) for i in range(1, 11)},
    "mixed_7a": (8, 8, 1792),
    **{f"block8_{i}": (8, 8, 1792) for i in range(1, 6)},
}

FACENET_END_POINTS = {  # for 160 x 160 images
    "conv2d_1a_3x3": (79, 79, 32),
    "conv2d_2a_3x3": (77, 77, 32),
    "conv2d_2b_3x3": (77, 77, 64),
    "maxpool_3a_3x3": (38, 38, 64),
    "conv2d_3b_1x1": (38, 38, 80),
    "conv2d_4a_3x3": (36, 36, 192),
    "conv2d_4b_3x3": (17, 17, 256),
    **{f"block35_{i}": (17, 17, 256) for i in range(1, 6)},
    "mixed_6a": (8, 8, 896),
    **{f"block17_{i}": (8, 8, 896) for i in range(1, 11)},
    "mixed_7a": (3, 3, 1792),
    **{f"block8_{i}": (3, 3, 1792) for i in range(1, 6)},
    "block8": (3, 3, 1792),
}


def inception_resnet_v1(x, scales=RESIDUAL_SCALES, last_block=False):
    """Stacks Inception-ResNet-v1 (Fig. 15) on images `x`; returns the last grid."""
    scale_a, scale_b, scale_c = scales
    x = conv_bn_relu(x, 32, 3, 2, "valid", name="conv2d_1a_3x3")  # Fig. 14
    x = conv_bn_relu(x, 32, 3, 1, "valid", name="conv2d_2a_3x3")
    x = conv_bn_relu(x, 64, 3, name="conv2d_2b_3x3")
    x = keras.layers.MaxPooling2D(3, 2, "valid", name="maxpool_3a_3x3")(x)
    x = conv_bn_relu(x, 80, 1, 1, "valid", name="conv2d_3b_1x1")
    x = conv_bn_relu(x, 192, 3, 1, "valid", name="conv2d_4a_3x3")
    x = conv_bn_relu(x, 256, 3, 2, "valid", name="conv2d_4b_3x3")
    for i in range(1, 6):
        x = inception_resnet_v1_a(x, name=f"block35_{i}", scale=scale_a)  # Fig. 10, 5 times
    x = reduction_a(x, k=192, l=192, m=256, n=384, name="mixed_6a")  # Fig. 7, Table 1
    for i in range(1, 11):
        x = inception_resnet_v1_b(x, name=f"block17_{i}", scale=scale_b)  # Fig. 11, 10 times
    x = inception_resnet_v1_reduction_b(x, name="mixed_7a")  # Fig. 12
    for i in range(1, 6):
        x = inception_resnet_v1_c(x, name=f"block8_{i}", scale=scale_c)  # Fig. 13, 5 times
    if last_block:
        x = inception_resnet_v1_c(x, name="block8", scale=1.0, activation=None)
    return x


def standardize_faces(x, data_format=None):
    """facenet's input of pixels in [0, 255]: `(x - 127.5) / 128` (`fixed_image_standardization`).

    Its models of 2018 want this; 127.5 in place of 128 is close, and per-image whitening is not.

    Args:
        x: array or tensor of any shape, pixels in [0, 255].
        data_format: as in `preprocess_input`; nothing depends on it.
    """
    if isinstance(x, np.ndarray):
        return (x.astype("float32") - 127.5) / 128.0
    return (keras.ops.cast(x, "float32") - 127.5) / 128.0


_PAPER = Architecture(
    id="inception_resnet_v1",
    variant="paper",
    source="1602.07261 Fig. 15",
    stack=inception_resnet_v1,
    end_points=END_POINTS,
    size=299,
    minimum=75,
    dropout_rate=0.2,  # Fig. 15, "Dropout (keep 0.8)"
    auxiliary={"auxiliary": "block17_10"},  # our choice: where the released v2 has it
)
ARCHITECTURES = (
    _PAPER,
    dataclasses.replace(
        _PAPER,
        variant="facenet",
        source="facenet src/models/inception_resnet_v1.py",
        stack=functools.partial(inception_resnet_v1, last_block=True),
        end_points=FACENET_END_POINTS,
        size=160,
        classes=512,
        head=embedding_head,
        batch_norm_momentum=0.995,  # facenet src/models/inception_resnet_v1.py
        auxiliary={},
        preprocess_input=standardize_faces,
    ),
)

InceptionResNetV1 = constructor(
    __name__,
    "InceptionResNetV1",
    ARCHITECTURES,
    """Inception-ResNet-v1 (1602.07261 Fig. 15), or facenet's face embedding of that network.

    `residual_scale` (default 0.17, 0.10, 0.20): one factor, or three for the A, B and C blocks.
    With `variant="facenet"`, `classes` is the length of the embedding and the output (batch, 512)
    has rows of unit length.
    """,
    options=with_residual_scale,
)
