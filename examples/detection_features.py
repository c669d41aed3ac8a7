"""Makes a feature pyramid for detection from any network, with strides of 8, 16 and 32 pixels.

    python examples/detection_features.py NETWORK [ROWSxCOLUMNS...]

The network's own grids are brought to equal width, and coarser ones are added to finer ones. One
head predicts class scores and the sides of a box at each place. Pictures may have any size.
"""

import math
import sys

import keras
import numpy as np

import keras_inception
from keras_inception.layers import conv_bn_relu

STRIDES, PROBE = (8, 16, 32), 512  # pixels; the size of a grid at 512 tells its stride


def backbone(network, **arguments):
    """Returns a model from pictures to {stride: the last grid of that stride}."""
    trunk = keras_inception.create_model(network, include_top=False, **arguments)
    grids = keras_inception.end_points(trunk)
    extractor = keras_inception.feature_extractor(trunk, list(grids))
    shapes = extractor.compute_output_shape((1, PROBE, PROBE, 3))
    last = {2 ** round(math.log2(PROBE / shapes[name][1])): grids[name] for name in grids}
    return keras.Model(trunk.input, {stride: last[stride] for stride in STRIDES})


class AddEnlarged(keras.layers.Layer):
    """Adds a coarse grid to a finer one, which need not have exactly twice its side."""

    def call(self, fine, coarse):
        for axis in (1, 2):
            to, of = keras.ops.shape(fine)[axis], keras.ops.shape(coarse)[axis]
            coarse = keras.ops.take(coarse, keras.ops.arange(to) * of // to, axis)
        return fine + coarse


def detector(network, classes=20, channels=64, **arguments):
    trunk = backbone(network, **arguments)
    head = keras.layers.Conv2D(classes + 4, 3, padding="same", name="head")
    outputs, coarser = {}, None
    for stride in reversed(STRIDES):
        x = conv_bn_relu(trunk.output[stride], channels, 1, name=f"lateral_{stride}")
        coarser = x if coarser is None else AddEnlarged(name=f"add_{stride}")(x, coarser)
        outputs[stride] = head(conv_bn_relu(coarser, channels, 3, name=f"pyramid_{stride}"))
    return keras.Model(trunk.input, outputs)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    model = detector(sys.argv[1], weights=None, width_multiplier=0.25)  # or weights="imagenet"
    for size in sys.argv[2:] or ["512x512", "480x640"]:
        outputs = model(np.zeros((1, *map(int, size.split("x")), 3), "float32"), training=False)
        for stride in STRIDES:
            print(f"{size}, stride {stride}: {' x '.join(map(str, outputs[stride].shape[1:]))}")
