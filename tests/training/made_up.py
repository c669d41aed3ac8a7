"""A small network and made-up pictures, which stand in for the real ones."""

import keras
import numpy as np
import tensorflow as tf

from keras_inception import data
from keras_inception.data import tf_source
from keras_inception.models import registry
from keras_inception.training import RECIPES, run_data

CLASS_NAMES = ("red", "green", "blue")
CLASSES = len(CLASS_NAMES)
SIZE = 8
IMAGES = {"train": 96, "validation": 24}
NAME = "made_up"  # of the data set, for commands

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


def plain_network(name, weights, input_shape, classes, width_multiplier=1.0):
    """Without batch normalization, which makes an image's output depend on its replica's others."""
    x = inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(16, 3, activation="relu", name="conv")(x)
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = keras.layers.Dense(classes, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name=name)


def pictures(split):
    """uint8 pictures whose class is their brightest channel, and int64 labels."""
    rng = np.random.default_rng([0, len(split)])
    labels = rng.integers(0, CLASSES, IMAGES[split])
    pixels = rng.integers(0, 200, (IMAGES[split], SIZE, SIZE, 3), "uint8")
    pixels[np.arange(len(labels)), :, :, labels] += 55
    return pixels, labels


def images(split):
    """The pictures as float32 in [-1, 1], and their labels."""
    pixels, labels = pictures(split)
    return pixels.astype("float32") / 127.5 - 1, labels


def from_tf(split, name=NAME):
    """The pictures as a user of `train` hands them over."""
    slices = tf.data.Dataset.from_tensor_slices(pictures(split))
    return data.from_tf(slices, CLASS_NAMES, name=name)


class MadeUp(data.Dataset):
    """The same pictures, with batches that are made in no time, without crops and colours.

    Several pipelines make the batches that one makes alone, while those of other data each shuffle
    a share of their own.
    """

    def __init__(self, split):
        slices = tf.data.Dataset.from_tensor_slices(pictures(split))
        super().__init__(tf_source.TfSource(slices, CLASS_NAMES, NAME), tf_source.SPLIT)
        self.images = images(split)
        self.calls = []  # for training batches

    def with_split(self, split):
        return MadeUp(split)

    def training_batches(
        self, size, batch_size, *, seed, color, min_area, input_context=None, start=0
    ):
        view = {"seed": seed, "color": color, "min_area": min_area}
        self.calls.append({"size": size, "batch_size": batch_size, **view})
        rng = np.random.default_rng(seed if isinstance(seed, int) else 0)  # of a worker: a tensor
        order = np.concatenate([rng.permutation(len(self)) for _ in range(10)])  # of as many epochs
        pixels, labels = self.images
        batches = tf.data.Dataset.from_tensor_slices((pixels[order], labels[order])).repeat()
        if input_context is not None:
            pipelines, number = input_context.num_input_pipelines, input_context.input_pipeline_id
            batches = batches.shard(pipelines, number)
            batch_size = input_context.get_per_replica_batch_size(batch_size)
        return batches.batch(batch_size).skip(start).map(_resized(size))

    def evaluation_batches(self, size, batch_size):
        slices = tf.data.Dataset.from_tensor_slices(self.images).take(len(self))
        batches = slices.batch(batch_size).map(_resized(size))
        return batches.map(lambda images, labels: (images[:, None], labels))


def _resized(size):
    return lambda images, labels: (
        images if size == SIZE else tf.image.resize(images, (size, size)),
        labels,
    )


def made_up_pair():
    """The pictures as `data` of `train`, for runs that take no time."""
    return MadeUp("train"), MadeUp("validation")


def write_folder(path):
    """Writes the pictures as files, for `folder:PATH`."""
    for split in IMAGES:
        for i, (pixels, label) in enumerate(zip(*pictures(split))):
            file = path / split / CLASS_NAMES[label] / f"{i:03}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(tf.io.encode_png(pixels).numpy())


def put_in_place(setattr_, network=small_network):
    """Makes trainers build `network`, and find the pictures by their name."""
    opened = run_data.open_dataset

    def open_dataset(name, split, data_dir):
        return MadeUp(split) if name == NAME else opened(name, split, data_dir)

    setattr_(registry, "create_model", network)
    setattr_(run_data, "open_dataset", open_dataset)
