"""Inception-v4 (Szegedy et al. 2016, arXiv 1602.07261), the network of Fig. 9.

Paper and checkpoint (TF-Slim `nets/inception_v4.py`) agree in every width and grid.

**Differences from the paper.** Where a figure and the checkpoint order a factorized pair
differently (7x1 and 1x7 in the stem and in the long branch of Inception-B, 1x3 and 3x1 in
Inception-C), the checkpoint's order is built. Fig. 3 leaves out the stride of the stem's last 3x3,
which its own grid needs, and Fig. 5 prints the short branch of Inception-B as 1x7 twice, which is
1x7 and 7x1. No figure draws the auxiliary head; it is the checkpoint's.
"""

from keras_inception.layers import (
    inception_a,
    inception_b,
    inception_c,
    inception_v4_stem,
    reduction_a,
    reduction_b,
)
from keras_inception.models.build import Architecture, constructor
from keras_inception.models.imagenet import decode_predictions, preprocess_input

__all__ = ["ARCHITECTURES", "InceptionV4", "decode_predictions", "preprocess_input"]

END_POINTS = {  # name: (rows, columns, channels) for 299 x 299 images, Figs. 3 to 9
    "conv2d_1a_3x3": (149, 149, 32),
    "conv2d_2a_3x3": (147, 147, 32),
    "conv2d_2b_3x3": (147, 147, 64),
    "mixed_3a": (73, 73, 160),
    "mixed_4a": (71, 71, 192),
    "mixed_5a": (35, 35, 384),
    "mixed_5b": (35, 35, 384),
    "mixed_5c": (35, 35, 384),
    "mixed_5d": (35, 35, 384),
    "mixed_5e": (35, 35, 384),
    "mixed_6a": (17, 17, 1024),
    "mixed_6b": (17, 17, 1024),
    "mixed_6c": (17, 17, 1024),
    "mixed_6d": (17, 17, 1024),
    "mixed_6e": (17, 17, 1024),
    "mixed_6f": (17, 17, 1024),
    "mixed_6g": (17, 17, 1024),
    "mixed_6h": (17, 17, 1024),
    "mixed_7a": (8, 8, 1536),
    "mixed_7b": (8, 8, 1536),
    "mixed_7c": (8, 8, 1536),
    "mixed_7d": (8, 8, 1536),
}


def inception_v4(x):
    """Stacks Inception-v4 (Fig. 9) on images `x`; returns the last grid, `mixed_7d`."""
    x = inception_v4_stem(x)  # Fig. 3
    for letter in "bcde":
        x = inception_a(x, name=f"mixed_5{letter}")  # Fig. 4, 4 times
    x = reduction_a(x, k=192, l=224, m=256, n=384, name="mixed_6a")  # Fig. 7, Table 1
    for letter in "bcdefgh":
        x = inception_b(x, name=f"mixed_6{letter}")  # Fig. 5, 7 times
    x = reduction_b(x, name="mixed_7a")  # Fig. 8
    for letter in "bcd":
        x = inception_c(x, name=f"mixed_7{letter}")  # Fig. 6, 3 times
    return x


ARCHITECTURES = (
    Architecture(
        id="inception_v4",
        source="1602.07261 Fig. 9",
        stack=inception_v4,
        end_points=END_POINTS,
        size=299,
        minimum=75,
        dropout_rate=0.2,  # Fig. 9, "Dropout (keep 0.8)"
        auxiliary={"auxiliary": "mixed_6h"},
    ),
)

InceptionV4 = constructor(
    __name__,
    "InceptionV4",
    ARCHITECTURES,
    "Inception-v4 (1602.07261 Fig. 9): 42.7 M parameters.",
)
