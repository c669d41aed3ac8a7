"""Inception-v1 as TensorFlow released it (TF-Slim `nets/inception_v1.py`).

**Differences from the paper.** 1409.4842 describes GoogLeNet, which is `keras_inception.GoogLeNet`.
Here batch normalization (beta only) follows every convolution and there are no biases, no local
response normalization; the 5x5 of the third branch is a 3x3; the fourth pool is 2x2; dropout is
0.2; the checkpoint has no auxiliary classifier (`with_auxiliary_heads` puts one of the kind of v3
on the last 14 x 14 grid, our choice).
"""

import keras

from keras_inception.layers import conv_bn_relu, reduced_module
from keras_inception.models.build import Architecture, constructor
from keras_inception.models.imagenet import decode_predictions, preprocess_input

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


def inception_v1(x):
    """Stacks Inception-v1 on images `x`; returns the last grid, `mixed_5c`."""
    pool, module = keras.layers.MaxPooling2D, reduced_module
    x = conv_bn_relu(x, 64, 7, 2, name="conv2d_1a_7x7")
    x = pool(3, 2, "same", name="maxpool_2a_3x3")(x)
    x = conv_bn_relu(x, 64, 1, name="conv2d_2b_1x1")
    x = conv_bn_relu(x, 192, 3, name="conv2d_2c_3x3")
    x = pool(3, 2, "same", name="maxpool_3a_3x3")(x)
    x = module(x, 64, 96, 128, 16, 32, 32, name="mixed_3b", size=3)
    x = module(x, 128, 128, 192, 32, 96, 64, name="mixed_3c", size=3)
    x = pool(3, 2, "same", name="maxpool_4a_3x3")(x)
    x = module(x, 192, 96, 208, 16, 48, 64, name="mixed_4b", size=3)
    x = module(x, 160, 112, 224, 24, 64, 64, name="mixed_4c", size=3)
    x = module(x, 128, 128, 256, 24, 64, 64, name="mixed_4d", size=3)
    x = module(x, 112, 144, 288, 32, 64, 64, name="mixed_4e", size=3)
    x = module(x, 256, 160, 320, 32, 128, 128, name="mixed_4f", size=3)
    x = pool(2, 2, "same", name="maxpool_5a_2x2")(x)
    x = module(x, 256, 160, 320, 32, 128, 128, name="mixed_5b", size=3)
    x = module(x, 384, 192, 384, 48, 128, 128, name="mixed_5c", size=3)
    return x


ARCHITECTURES = (
    Architecture(
        id="inception_v1",
        source="TF-Slim nets/inception_v1.py",
        stack=inception_v1,
        end_points=END_POINTS,
        size=224,
        minimum=32,
        dropout_rate=0.2,  # TF-Slim dropout_keep_prob=0.8
        auxiliary={"auxiliary": "mixed_4f"},
    ),
)

InceptionV1 = constructor(
    __name__,
    "InceptionV1",
    ARCHITECTURES,
    "Inception-v1 as TensorFlow released it, GoogLeNet with batch normalization: 6.6 M parameters.",
)
