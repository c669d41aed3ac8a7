"""BN-Inception (Ioffe and Szegedy 2015, arXiv 1502.03167), the network of its Fig. 5.

End points have the names of TensorFlow's `inception_v2`: the table's rows 3a, 3b, 3c, 4a ... 4e,
5a, 5b are `mixed_3b`, `mixed_3c`, `mixed_4a`, `mixed_4b` ... `mixed_5a`, `mixed_5b`, `mixed_5c`.

**Differences from the paper.** Rows 4c and 4d print a pool projection of 128, but their outputs,
576, leave 96, which TensorFlow released and which is built. Rows 3c and 4e print the sides of their
inputs as those of their outputs, 28 x 28 x 576 and 14 x 14 x 1024; with stride 2 they are 14 x 14
and 7 x 7. The text names 13.6 M parameters, the printed table gives 11.3 M. Dropout is 0: section
4.2.1 removes it. The paper describes no auxiliary head; `with_auxiliary_heads` puts v3's on the
last 14 x 14 grid, our choice.
"""

import functools
from collections.abc import Sequence
from typing import Literal

import keras

from keras_inception.layers import (
    batch_norm,
    bn_inception_module,
    bn_inception_reduction,
    conv,
    conv_bn_relu,
    max_pool,
)
from keras_inception.layers.convolution import KERNEL_INITIALIZER, scaled
from keras_inception.models.building import Architecture, Images, Top, build, select
from keras_inception.models.imagenet import decode_predictions, preprocess_input
from keras_inception.types import Activation, PathLike

__all__ = ["ARCHITECTURES", "BNInception", "decode_predictions", "preprocess_input"]

# Appendix, below Fig. 5: "depth multiplier 8 on the first convolutional layer".
DEPTH_MULTIPLIER = 8

END_POINTS = {  # name: (rows, columns, channels) for 224 x 224 images, Fig. 5
    "conv2d_1a_7x7": (112, 112, 64),
    "maxpool_2a_3x3": (56, 56, 64),
    "conv2d_2b_1x1": (56, 56, 64),
    "conv2d_2c_3x3": (56, 56, 192),
    "maxpool_3a_3x3": (28, 28, 192),
    "mixed_3b": (28, 28, 256),
    "mixed_3c": (28, 28, 320),
    "mixed_4a": (14, 14, 576),
    "mixed_4b": (14, 14, 576),
    "mixed_4c": (14, 14, 576),
    "mixed_4d": (14, 14, 576),
    "mixed_4e": (14, 14, 576),
    "mixed_5a": (7, 7, 1024),
    "mixed_5b": (7, 7, 1024),
    "mixed_5c": (7, 7, 1024),
}


def stack(x: keras.KerasTensor) -> keras.KerasTensor:
    """Stacks BN-Inception (Fig. 5) on images `x`; returns the last grid, `mixed_5c`."""
    x = separable_7x7(x, use_bias=False, name="conv2d_1a_7x7_conv")
    x = batch_norm(x, scale=True, name="conv2d_1a_7x7_bn")
    x = keras.layers.Activation("relu", name="conv2d_1a_7x7")(x)
    return rows_below_first(x, scale=True)


def separable_7x7(x: keras.KerasTensor, use_bias: bool, name: str) -> keras.KerasTensor:
    """Applies the convolution of the first layer: separable, stride 2, 64 channels out.

    Grey pictures get as many depthwise filters as colour ones, 24, so that their weights fit.
    """
    return keras.layers.SeparableConv2D(
        scaled(64),
        7,
        2,
        "same",
        depth_multiplier=DEPTH_MULTIPLIER * (3 if x.shape[-1] == 1 else 1),
        use_bias=use_bias,
        depthwise_initializer=KERNEL_INITIALIZER,
        pointwise_initializer=KERNEL_INITIALIZER,
        name=name,
    )(x)


def rows_below_first(x: keras.KerasTensor, scale: bool) -> keras.KerasTensor:
    """Stacks the rows of Fig. 5 below the first.

    Args:
        x: grid of the first row, (batch, height, width, 64).
        scale: whether batch normalization learns gamma.
    """
    box = functools.partial(conv, scale=scale)
    module = functools.partial(bn_inception_module, box=box)
    reduction = functools.partial(bn_inception_reduction, box=box)
    x = keras.layers.MaxPooling2D(3, 2, "same", name="maxpool_2a_3x3")(x)
    x = conv_bn_relu(x, 64, 1, name="conv2d_2b_1x1", scale=scale)
    x = conv_bn_relu(x, 192, 3, name="conv2d_2c_3x3", scale=scale)
    x = keras.layers.MaxPooling2D(3, 2, "same", name="maxpool_3a_3x3")(x)
    x = module(x, 64, (64, 64), (64, 96), 32, name="mixed_3b")  # 3a
    x = module(x, 64, (64, 96), (64, 96), 64, name="mixed_3c")  # 3b
    x = reduction(x, (128, 160), (64, 96), name="mixed_4a")  # 3c
    x = module(x, 224, (64, 96), (96, 128), 128, name="mixed_4b")  # 4a
    x = module(x, 192, (96, 128), (96, 128), 128, name="mixed_4c")  # 4b
    x = module(x, 160, (128, 160), (128, 160), 96, name="mixed_4d")  # 4c
    x = module(x, 96, (128, 192), (160, 192), 96, name="mixed_4e")  # 4d
    x = reduction(x, (128, 192), (192, 256), name="mixed_5a")  # 4e
    x = module(x, 352, (192, 320), (160, 224), 128, name="mixed_5b")  # 5a
    x = module(x, 352, (192, 320), (192, 224), 128, name="mixed_5c", pool=max_pool)  # 5b
    return x


ARCHITECTURES = (
    Architecture(
        id="bn_inception",
        source="1502.03167 Fig. 5",
        stack=stack,
        end_points=END_POINTS,
        size=224,
        minimum=32,
        dropout_rate=0.0,  # section 4.2.1, "Remove Dropout"
        auxiliary={"auxiliary": "mixed_4e"},  # our choice: the last 14 x 14 grid, as in v3
    ),
)


def BNInception(
    include_top: bool = True,
    weights: PathLike | None = "default",
    input_tensor: keras.KerasTensor | None = None,
    input_shape: Sequence[int | None] | None = None,
    pooling: Literal["avg", "max"] | None = None,
    classes: int | None = None,
    classifier_activation: Activation = "softmax",
    name: str = "bn_inception",
    *,
    variant: None = None,
    dropout_rate: float | None = None,
    width_multiplier: float = 1.0,
    output_stride: Literal[8, 16, 32] = 32,
) -> keras.Model:
    """Builds BN-Inception (Ioffe and Szegedy 2015, arXiv 1502.03167, Fig. 5): 11.2 M parameters.

    It was the first network with batch normalization. The first eight arguments are those of
    `keras.applications`.

    Args:
        include_top: whether the network ends with its classifier.
        weights: "default" means random ones: no ImageNet weights of this network are public. The
            path of a weights file works too (`keras_inception.weights.load` lists the formats).
            `None` means random initial weights.
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
        dropout_rate: fraction dropped before the classifier, from 0 to below 1; `None` means 0.0.
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
