"""Inception-v1 as TensorFlow released it (TF-Slim `nets/inception_v1.py`).

**Differences from the paper.** 1409.4842 describes GoogLeNet, which is `keras_inception.GoogLeNet`.
Here batch normalization (beta only) follows every convolution, and there are no biases and no local
response normalization. The 5x5 of the third branch is a 3x3, the fourth pool is 2x2, and dropout is
0.2. The checkpoint has no auxiliary classifier; `with_auxiliary_heads` puts v3's on the last 14 x
14 grid, our choice.
"""

import functools
from collections.abc import Sequence
from typing import Literal

import keras

from keras_inception.layers import conv_bn_relu, reduced_module
from keras_inception.models.building import Architecture, Images, Top, build, select
from keras_inception.models.imagenet import decode_predictions, preprocess_input
from keras_inception.types import Activation, PathLike

__all__ = ["ARCHITECTURES", "InceptionV1", "decode_predictions", "preprocess_input"]

END_POINTS = {  # name: (rows, columns, channels) for 224 x 224 images
    "conv2d_1a_7x7": (112, 112, 64),
    "maxpool_2a_3x3": (56, 56, 64),
    "conv2d_2b_1x1": (56, 56, 64),
    "conv2d_2c_3x3": (56, 56, 192),
    "maxpool_3a_3x3": (28, 28, 192),
    "mixed_3b": (28, 28, 256),
    "mixed_3c": (28, 28, 480),
    "maxpool_4a_3x3": (14, 14, 480),
    "mixed_4b": (14, 14, 512),
    "mixed_4c": (14, 14, 512),
    "mixed_4d": (14, 14, 512),
    "mixed_4e": (14, 14, 528),
    "mixed_4f": (14, 14, 832),
    "maxpool_5a_2x2": (7, 7, 832),
    "mixed_5b": (7, 7, 832),
    "mixed_5c": (7, 7, 1024),
}


def stack(x: keras.KerasTensor) -> keras.KerasTensor:
    """Stacks Inception-v1 on images `x`; returns the last grid, `mixed_5c`."""
    pool = keras.layers.MaxPooling2D
    module = functools.partial(reduced_module, size=3)
    x = conv_bn_relu(x, 64, 7, 2, name="conv2d_1a_7x7")
    x = pool(3, 2, "same", name="maxpool_2a_3x3")(x)
    x = conv_bn_relu(x, 64, 1, name="conv2d_2b_1x1")
    x = conv_bn_relu(x, 192, 3, name="conv2d_2c_3x3")
    x = pool(3, 2, "same", name="maxpool_3a_3x3")(x)
    x = module(x, 64, (96, 128), (16, 32), 32, name="mixed_3b")
    x = module(x, 128, (128, 192), (32, 96), 64, name="mixed_3c")
    x = pool(3, 2, "same", name="maxpool_4a_3x3")(x)
    x = module(x, 192, (96, 208), (16, 48), 64, name="mixed_4b")
    x = module(x, 160, (112, 224), (24, 64), 64, name="mixed_4c")
    x = module(x, 128, (128, 256), (24, 64), 64, name="mixed_4d")
    x = module(x, 112, (144, 288), (32, 64), 64, name="mixed_4e")
    x = module(x, 256, (160, 320), (32, 128), 128, name="mixed_4f")
    x = pool(2, 2, "same", name="maxpool_5a_2x2")(x)
    x = module(x, 256, (160, 320), (32, 128), 128, name="mixed_5b")
    x = module(x, 384, (192, 384), (48, 128), 128, name="mixed_5c")
    return x


ARCHITECTURES = (
    Architecture(
        id="inception_v1",
        source="TF-Slim nets/inception_v1.py",
        stack=stack,
        end_points=END_POINTS,
        size=224,
        minimum=32,
        dropout_rate=0.2,  # TF-Slim dropout_keep_prob=0.8
        auxiliary={"auxiliary": "mixed_4f"},
    ),
)


def InceptionV1(
    include_top: bool = True,
    weights: PathLike | None = "default",
    input_tensor: keras.KerasTensor | None = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: Literal["avg", "max"] | None = None,
    classes: int | None = None,
    classifier_activation: Activation = "softmax",
    name: str = "inception_v1",
    *,
    variant: None = None,
    dropout_rate: float | None = None,
    width_multiplier: float = 1.0,
    output_stride: Literal[8, 16, 32] = 32,
) -> keras.Model:
    """Builds Inception-v1, GoogLeNet (1409.4842) with batch normalization: 6.6 M parameters.

    This is the network that TensorFlow released (TF-Slim `nets/inception_v1.py`). The first eight
    arguments are those of `keras.applications`.

    Args:
        include_top: whether the network ends with its classifier.
        weights: "default" means the public ImageNet weights. Public weights: "imagenet". The path
            of a weights file works too (`keras_inception.weights.load` lists the formats). `None`
            means random initial weights.
        input_tensor: Keras tensor to build on, instead of a new input.
        input_shape: (height, width, channels). Each side must be `None` or at least 32 pixels. Odd
            sides and any number of channels work. Default: (224, 224, 3), or (None, None, 3)
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
