"""Trains two towers, of Inception and of residual modules, to match halves of pictures.

    python examples/two_tower.py [STEPS]

It prints how often the right half nearest to a left half, among all test patches, is its own.
"""

import sys

import keras
import numpy as np

from keras_inception import data, layers

SIZE = BATCH = 64


def inception_tower(x):
    for i, width in enumerate((32, 64)):
        x = layers.max_pool(3, 2)(x, name=f"pool_{i}")
        x = layers.reduced_module(x, width, (width, 2 * width), (16, 32), 32, name=f"mixed_{i}")
    return x


def residual_tower(x):
    for i, width in enumerate((64, 128)):
        x = layers.conv_bn_relu(x, width, 3, 2, name=f"reduction_{i}")
        x = layers.inception_resnet_v2_a(x, name=f"block_{i}")
    return x


def tower(modules):
    half = keras.Input((SIZE, SIZE // 2, 3))
    x = modules(layers.conv_bn_relu(half, 32, 3, 2, name=f"{modules.__name__}_stem"))
    x = keras.layers.Dense(64)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(half, keras.layers.UnitNormalization()(x))


def halves(split):
    batches = data.open("photo_patches", split).evaluation_batches(SIZE, BATCH)
    return np.split(np.concatenate([crops[:, 0] for crops, _ in batches]), 2, axis=2)


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    left, right = tower(inception_tower), tower(residual_tower)
    cosines = left.output @ keras.ops.transpose(right.output)  # (batch, batch)
    model = keras.Model([left.input, right.input], cosines / 0.1)
    for layer in (*left.layers, *right.layers):
        layer.momentum = 0.9  # for batch normalization; the papers use 0.9997, for many more steps
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    train, test = halves("train"), halves("test")
    for _ in range(int(*sys.argv[1:] or [100])):
        chosen = np.random.permutation(len(train[0]))[:BATCH]
        model.train_on_batch([half[chosen] for half in train], np.arange(BATCH))  # its own half
    scores = right.predict(test[1], verbose=0) @ left.predict(test[0], verbose=0).T
    ranks = (scores > np.diag(scores)).sum(axis=0)
    print(f"nearest {np.mean(ranks < 1):.1%}, among ten {np.mean(ranks < 10):.1%} of {len(ranks)}")
