"""The residual modules of both Inception-ResNets, 1602.07261 Figs. 10 to 19.

A residual module adds a scaled Inception block to its input (Fig. 20, section 3.3). The last 1x1 is
linear, with bias and without batch normalization, and as wide as the input.
"""

import keras

from keras_inception.layers.branches import (
    Branch,
    concat_branches,
    conv,
    max_pool,
    run_branches,
)
from keras_inception.layers.convolution import KERNEL_INITIALIZER
from keras_inception.types import Activation

# For the A, B and C blocks: TF-Slim nets/inception_resnet_v2.py, and facenet. Section 3.3 says
# "between 0.1 and 0.3".
RESIDUAL_SCALES = (0.17, 0.10, 0.20)
SCALE_A, SCALE_B, SCALE_C = RESIDUAL_SCALES


def residual(
    x: keras.KerasTensor,
    name: str,
    *branches: Branch,
    scale: float,
    activation: Activation = "relu",
) -> keras.KerasTensor:
    """Adds `scale` times the joined branches to `x` (1602.07261 Fig. 20), then ReLU.

    The inner layers are `<name>_concat`, `<name>_linear`, `<name>_scale` and `<name>_add`.

    Args:
        x: (batch, height, width, channels).
        name: name of the last layer, and start of the names of all layers inside.
        branches: lists of steps, as in `concat_branches`.
        scale: the residual scale; section 3.3 says "between 0.1 and 0.3".
        activation: activation of the sum. With `None` there is none, and `<name>` is the addition.

    Returns:
        (batch, height, width, channels).

    Example:

    >>> residual(keras.Input((8, 8, 64)), "block", [conv(32, 1)], scale=0.2).shape
    (None, 8, 8, 64)
    """
    outputs = run_branches(x, name, *branches)
    y = outputs[0]
    if len(outputs) > 1:
        y = keras.layers.Concatenate(axis=-1, name=f"{name}_concat")(outputs)
    y = keras.layers.Conv2D(
        x.shape[-1], 1, kernel_initializer=KERNEL_INITIALIZER, name=f"{name}_linear"
    )(y)
    if scale != 1.0:
        y = keras.layers.Rescaling(scale, name=f"{name}_scale")(y)
    x = keras.layers.Add(name=name if activation is None else f"{name}_add")([x, y])
    return x if activation is None else keras.layers.Activation(activation, name=name)(x)


def inception_resnet_v1_a(
    x: keras.KerasTensor, name: str, scale: float = SCALE_A
) -> keras.KerasTensor:
    """Inception-ResNet-A of v1 on the 35 x 35 grid (Fig. 10): 256 channels in and out.

    Example:

    >>> inception_resnet_v1_a(keras.Input((35, 35, 256)), name="block35_1").shape
    (None, 35, 35, 256)
    """
    return residual(
        x,
        name,
        [conv(32, 1)],
        [conv(32, 1), conv(32, 3)],
        [conv(32, 1), conv(32, 3), conv(32, 3)],
        scale=scale,
    )


def inception_resnet_v1_b(
    x: keras.KerasTensor, name: str, scale: float = SCALE_B
) -> keras.KerasTensor:
    """Inception-ResNet-B of v1 on the 17 x 17 grid (Fig. 11): 896 channels in and out.

    Example:

    >>> inception_resnet_v1_b(keras.Input((17, 17, 896)), name="block17_1").shape
    (None, 17, 17, 896)
    """
    return residual(
        x,
        name,
        [conv(128, 1)],
        [conv(128, 1), conv(128, (1, 7)), conv(128, (7, 1))],
        scale=scale,
    )


def inception_resnet_v1_reduction_b(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Reduction-B of Inception-ResNet-v1, 17 x 17 to 8 x 8 (Fig. 12): 896 channels in, 1792 out.

    Example:

    >>> inception_resnet_v1_reduction_b(keras.Input((17, 17, 896)), name="mixed_7a").shape
    (None, 8, 8, 1792)
    """
    return concat_branches(
        x,
        name,
        [conv(256, 1), conv(384, 3, 2, "valid")],
        [conv(256, 1), conv(256, 3, 2, "valid")],
        [conv(256, 1), conv(256, 3), conv(256, 3, 2, "valid")],
        [max_pool(3, 2, "valid")],
    )


def inception_resnet_v1_c(
    x: keras.KerasTensor,
    name: str,
    scale: float = SCALE_C,
    activation: Activation = "relu",
) -> keras.KerasTensor:
    """Inception-ResNet-C of v1 on the 8 x 8 grid (Fig. 13): 1792 channels in and out.

    Example:

    >>> inception_resnet_v1_c(keras.Input((8, 8, 1792)), name="block8_1").shape
    (None, 8, 8, 1792)
    """
    return residual(
        x,
        name,
        [conv(192, 1)],
        [conv(192, 1), conv(192, (1, 3)), conv(192, (3, 1))],
        scale=scale,
        activation=activation,
    )


def inception_resnet_v2_a(
    x: keras.KerasTensor, name: str, scale: float = SCALE_A
) -> keras.KerasTensor:
    """Inception-ResNet-A of v2 on the 35 x 35 grid (Fig. 16): channels unchanged.

    The paper has 384 channels, the released network 320.

    Example:

    >>> inception_resnet_v2_a(keras.Input((35, 35, 384)), name="block35_1").shape
    (None, 35, 35, 384)
    """
    return residual(
        x,
        name,
        [conv(32, 1)],
        [conv(32, 1), conv(32, 3)],
        [conv(32, 1), conv(48, 3), conv(64, 3)],
        scale=scale,
    )


def inception_resnet_v2_b(
    x: keras.KerasTensor, name: str, scale: float = SCALE_B
) -> keras.KerasTensor:
    """Inception-ResNet-B of v2 on the 17 x 17 grid (Fig. 17): channels unchanged.

    Fig. 17 prints 1154 for the linear 1x1, but Reduction-A gives 1152, which the addition needs.
    The released network has 1088.

    Example:

    >>> inception_resnet_v2_b(keras.Input((17, 17, 1152)), name="block17_1").shape
    (None, 17, 17, 1152)
    """
    return residual(
        x,
        name,
        [conv(192, 1)],
        [conv(128, 1), conv(160, (1, 7)), conv(192, (7, 1))],
        scale=scale,
    )


def inception_resnet_v2_reduction_b(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Reduction-B of Inception-ResNet-v2, 17 x 17 to 8 x 8 (Fig. 18): 992 channels more.

    Example:

    >>> inception_resnet_v2_reduction_b(keras.Input((17, 17, 1152)), name="mixed_7a").shape
    (None, 8, 8, 2144)
    """
    return concat_branches(
        x,
        name,
        [conv(256, 1), conv(384, 3, 2, "valid")],
        [conv(256, 1), conv(288, 3, 2, "valid")],
        [conv(256, 1), conv(288, 3), conv(320, 3, 2, "valid")],
        [max_pool(3, 2, "valid")],
    )


def inception_resnet_v2_c(
    x: keras.KerasTensor,
    name: str,
    scale: float = SCALE_C,
    activation: Activation = "relu",
) -> keras.KerasTensor:
    """Inception-ResNet-C of v2 on the 8 x 8 grid (Fig. 19): channels unchanged.

    Fig. 19 prints 2048 for the linear 1x1, but Reduction-B gives 2144, which the addition needs.
    The released network has 2080.

    Example:

    >>> inception_resnet_v2_c(keras.Input((8, 8, 2144)), name="block8_1").shape
    (None, 8, 8, 2144)
    """
    return residual(
        x,
        name,
        [conv(192, 1)],
        [conv(192, 1), conv(224, (1, 3)), conv(256, (3, 1))],
        scale=scale,
        activation=activation,
    )
