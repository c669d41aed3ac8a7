"""Builds a small network from the papers' blocks, and prints its cost.

python examples/own_network.py
"""

import keras

import keras_inception
from keras_inception import layers


def build(classes=10):
    """Stacks modules of Inception-v4 at half their width, for pictures of 64 x 64 pixels."""
    images = keras.Input((64, 64, 3))
    with layers.width_multiplier(0.5):
        x = layers.conv_bn_relu(images, 64, 3, 2, name="conv2d_1a_3x3")
        x = layers.inception_a(x, name="mixed_5b")
        x = layers.reduction_a(x, k=192, l=224, m=256, n=384, name="mixed_6a")
        x = layers.inception_b(x, name="mixed_6b")
        x = layers.classifier_head(x, classes, dropout_rate=0.2)
    return keras.Model(images, x, name="own_network")


if __name__ == "__main__":
    print(keras_inception.analysis.cost(build()))
