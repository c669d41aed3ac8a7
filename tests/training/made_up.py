"""A small network and made-up images, which stand in for the real ones where trainers look."""

import types

import keras
import numpy as np
import tensorflow as tf

from keras_inception.data import pipeline
from keras_inception.models import registry
from keras_inception.training import RECIPES

CLASSES = 3
SIZE = 8
IMAGES = {"train": 96, "validation": 24}

RECIPE = RECIPES["demo"].replace(
    name="tiny",
    size=SIZE,
    batch_size=16,
    epochs=3,
    learning_rate=0.1,
    epsilon=1.0,
    decay_epochs=1.0,
    batch_norm_momentum=0.8,
    min_area=0.3,
    color="fast",
)


def small_network(name, weights, input_shape, classes, width_multiplier=1.0, dropout_rate=0.0):
    """A stand-in for `create_model`: convolution, batch normalization, classifier."""
    assert (name, weights) == ("inception_v1", None)
    x = inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(int(16 * width_multiplier), 3, use_bias=False, name="conv")(x)
    x = keras.layers.BatchNormalization(scale=False, name="bn")(x)
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(keras.layers.ReLU(name="relu")(x))
    if dropout_rate:
        x = keras.layers.Dropout(dropout_rate, name="dropout")(x)
    x = keras.layers.Dense(classes, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name=name)


def images(split, seed=0):
    """Images whose class is the brightest channel, and their labels."""
    rng = np.random.default_rng([seed, len(split)])
    labels = rng.integers(0, CLASSES, IMAGES[split])
    pixels = rng.uniform(-1, 0.6, (IMAGES[split], SIZE, SIZE, 3)).astype("float32")
    pixels[np.arange(len(labels)), :, :, labels] += 0.4
    return pixels, labels


def put_in_place(setattr_):
    """Makes trainers use the stand-ins, by way of `setattr_`; returns the calls for training."""
    calls = []

    def training_batches(name, size, batch_size, seed, start=0, input_context=None, **view):
        calls.append({"name": name, "size": size, "batch_size": batch_size, "seed": seed, **view})
        data = tf.data.Dataset.from_tensor_slices(images("train"))
        seed = seed if isinstance(seed, int) else None  # asynchronous workers have a tensor
        data = data.shuffle(IMAGES["train"], seed=seed).repeat()
        if input_context is not None:
            data = data.shard(input_context.num_input_pipelines, input_context.input_pipeline_id)
            batch_size = input_context.get_per_replica_batch_size(batch_size)
        return data.batch(batch_size).skip(start)

    def count_examples(name, split, data_dir=None):
        return IMAGES[split]

    def evaluation_batches(name, size, batch_size, split="test", crops=1, **_):
        pixels, labels = images(split)
        return tf.data.Dataset.from_tensor_slices((pixels[:, None], labels)).batch(batch_size)

    info = types.SimpleNamespace(class_names=tuple("abc"), examples=IMAGES)
    setattr_(registry, "create_model", small_network)
    setattr_(pipeline, "dataset_info", lambda name, data_dir=None: info)
    setattr_(pipeline, "count_examples", count_examples)
    setattr_(pipeline, "training_batches", training_batches)
    setattr_(pipeline, "evaluation_batches", evaluation_batches)
    return calls
