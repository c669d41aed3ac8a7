"""Inception-ResNet-v1 (1602.07261 Fig. 15): the paper's for ImageNet, and facenet's for faces.

`variant="facenet"` is facenet `src/models/inception_resnet_v1.py`: it turns pictures of 160 x 160
into embeddings, 512 numbers of unit length. `residual_scale` sets the factor of the residual
branches.

**Differences from the paper.** The residual scales, "between 0.1 and 0.3" in section 3.3, are 0.17,
0.10 and 0.20, as in the released Inception-ResNet-v2 and in facenet. facenet has a sixth C block
without scale and ReLU, and its batch normalization has a momentum of 0.995. No checkpoint of the
paper's network was released. Fig. 15 is drawn for both versions; v1 has the stem of Fig. 14, the
modules of Figs. 10 to 13, and the widths k, l, m, n of Table 1.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, Literal

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


def stack(
    x: keras.KerasTensor,
    scales: tuple[float, float, float] = RESIDUAL_SCALES,
    last_block: bool = False,
) -> keras.KerasTensor:
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


def standardize_faces(x: Any, data_format: str | None = None) -> Any:
    """Scales pixels from [0, 255] as facenet does: `(x - 127.5) / 128`.

    facenet calls it `fixed_image_standardization`, and its models of 2018 need it. Dividing by
    127.5 comes close to it; whitening each image does not.

    Args:
        x: array or tensor of any shape, pixels in [0, 255].
        data_format: as in `preprocess_input`; it has no effect.

    Returns:
        float32, the shape of `x`.
    """
    if isinstance(x, np.ndarray):
        return (x.astype("float32") - 127.5) / 128.0
    return (keras.ops.cast(x, "float32") - 127.5) / 128.0


_PAPER = Architecture(
    id="inception_resnet_v1",
    variant="paper",
    source="1602.07261 Fig. 15",
    stack=stack,
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
        stack=functools.partial(stack, last_block=True),
        end_points=FACENET_END_POINTS,
        size=160,
        classes=512,
        head=embedding_head,
        batch_norm_momentum=0.995,  # facenet src/models/inception_resnet_v1.py
        auxiliary={},
        preprocess_input=standardize_faces,
    ),
)


def InceptionResNetV1(
    include_top: bool = True,
    weights: PathLike | None = "default",
    input_tensor: keras.KerasTensor | None = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: Literal["avg", "max"] | None = None,
    classes: int | None = None,
    classifier_activation: Activation = "softmax",
    name: str = "inception_resnet_v1",
    *,
    variant: Literal["paper", "facenet"] = "paper",
    dropout_rate: float | None = None,
    width_multiplier: float = 1.0,
    output_stride: Literal[8, 16, 32] = 32,
    residual_scale: float | Sequence[float] | None = None,
) -> keras.Model:
    """Builds Inception-ResNet-v1 (Szegedy et al. 2016, arXiv 1602.07261, Fig. 15), or facenet's.

    As facenet has it, the network embeds faces: `classes` is the length of the embedding, and each
    row of the output (batch, classes) has unit length. The first eight arguments are those of
    `keras.applications`.

    Args:
        include_top: whether the network ends with its classifier.
        weights: "default" means random ones: no ImageNet weights of this network are public. Public
            weights for "facenet": "vggface2", "casia". The path of a weights file works too
            (`keras_inception.weights.load` lists the formats). `None` means random initial weights.
        input_tensor: Keras tensor to build on, instead of a new input.
        input_shape: (height, width, channels). Each side must be `None` or at least 75 pixels. Odd
            sides and any number of channels work. Default: (299, 299, 3) ("paper") or (160, 160, 3)
            ("facenet"), or (None, None, 3) without the classifier.
        pooling: used without the classifier. "avg" or "max" returns a vector (batch, channels),
            `None` the last grid (batch, rows, columns, channels).
        classes: number of classes; `None` means 1000 ("paper") or 512 ("facenet").
        classifier_activation: activation of the last layer; `None` returns logits.
        name: name of the model.
        variant: "paper", with a classifier, or "facenet", the face embedding of facenet
            `src/models/inception_resnet_v1.py`.
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
