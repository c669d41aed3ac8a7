"""GoogLeNet (Szegedy et al. 2014, arXiv 1409.4842), the network of the paper's Table 1.

Convolutions have a bias and no batch normalization; two local response normalizations stand in the
stem (Fig. 3). End points have the names of `inception_v1`: Table 1's rows 3a, 3b, 4a ... 5b are
`mixed_3b`, `mixed_3c`, `mixed_4b` ... `mixed_5c`.

**Differences from the paper.** Table 1 prints 2.7K parameters and 34M operations for the first
convolution, which fit a separable 7x7; the text and Fig. 3 have a plain one, with 9.4K and 118M, as
built here and as every released GoogLeNet has it. The numbers of the local response normalization
are not printed; they are Caffe's. Printed parameters that do not follow from the widths in the same
rows (in units of 1024): 4c 463K for 497K, 5a 1072K for 1018K (and 54M operations for 51M), and by
less than 2 % 4a, 4d, 4e and 5b; the widths are kept.
"""

import keras

from keras_inception.layers import (
    LocalResponseNormalization,
    biased_conv,
    conv_relu,
    googlenet_auxiliary_head,
    reduced_module,
)
from keras_inception.models.build import Architecture, constructor
from keras_inception.models.imagenet import decode_predictions, preprocess_input

__all__ = ["ARCHITECTURES", "GoogLeNet", "decode_predictions", "preprocess_input"]

END_POINTS = {  # name: (rows, columns, channels) for 224 x 224 images, Table 1
    "conv2d_1a_7x7": (112, 112, 64),
    "maxpool_2a_3x3": (56, 56, 64),
    "lrn_2a": (56, 56, 64),
    "conv2d_2b_1x1": (56, 56, 64),
    "conv2d_2c_3x3": (56, 56, 192),
    "lrn_2c": (56, 56, 192),
    "maxpool_3a_3x3": (28, 28, 192),
    "mixed_3b": (28, 28, 256),
    "mixed_3c": (28, 28, 480),
    "maxpool_4a_3x3": (14, 14, 480),
    "mixed_4b": (14, 14, 512),
    "mixed_4c": (14, 14, 512),
    "mixed_4d": (14, 14, 512),
    "mixed_4e": (14, 14, 528),
    "mixed_4f": (14, 14, 832),
    "maxpool_5a_3x3": (7, 7, 832),
    "mixed_5b": (7, 7, 832),
    "mixed_5c": (7, 7, 1024),
}


def googlenet(x):
    """Stacks GoogLeNet (Table 1) on images `x`; returns the last grid, `mixed_5c`."""
    pool, module = keras.layers.MaxPooling2D, reduced_module
    x = conv_relu(x, 64, 7, 2, name="conv2d_1a_7x7")
    x = pool(3, 2, "same", name="maxpool_2a_3x3")(x)
    x = LocalResponseNormalization(name="lrn_2a")(x)
    x = conv_relu(x, 64, 1, name="conv2d_2b_1x1")
    x = conv_relu(x, 192, 3, name="conv2d_2c_3x3")
    x = LocalResponseNormalization(name="lrn_2c")(x)
    x = pool(3, 2, "same", name="maxpool_3a_3x3")(x)
    x = module(x, 64, 96, 128, 16, 32, 32, name="mixed_3b", box=biased_conv)  # 3a
    x = module(x, 128, 128, 192, 32, 96, 64, name="mixed_3c", box=biased_conv)  # 3b
    x = pool(3, 2, "same", name="maxpool_4a_3x3")(x)
    x = module(x, 192, 96, 208, 16, 48, 64, name="mixed_4b", box=biased_conv)  # 4a
    x = module(x, 160, 112, 224, 24, 64, 64, name="mixed_4c", box=biased_conv)  # 4b
    x = module(x, 128, 128, 256, 24, 64, 64, name="mixed_4d", box=biased_conv)  # 4c
    x = module(x, 112, 144, 288, 32, 64, 64, name="mixed_4e", box=biased_conv)  # 4d
    x = module(x, 256, 160, 320, 32, 128, 128, name="mixed_4f", box=biased_conv)  # 4e
    x = pool(3, 2, "same", name="maxpool_5a_3x3")(x)
    x = module(x, 256, 160, 320, 32, 128, 128, name="mixed_5b", box=biased_conv)  # 5a
    x = module(x, 384, 192, 384, 48, 128, 128, name="mixed_5c", box=biased_conv)  # 5b
    return x


ARCHITECTURES = (
    Architecture(
        id="googlenet",
        source="1409.4842 Table 1",
        stack=googlenet,
        end_points=END_POINTS,
        size=224,
        minimum=32,
        dropout_rate=0.4,  # Table 1, "dropout (40%)"
        auxiliary={"auxiliary_1": "mixed_4b", "auxiliary_2": "mixed_4e"},  # section 5: on 4a and 4d
        auxiliary_head=googlenet_auxiliary_head,
    ),
)

GoogLeNet = constructor(
    __name__,
    "GoogLeNet",
    ARCHITECTURES,
    "GoogLeNet, winner of ILSVRC 2014 (1409.4842 Table 1): 7.0 M parameters, 224 x 224.",
)
