"""Trains with the stand-ins of `made_up.py`, in a process of its own, and keeps all its variables.

    python replicas.py STRATEGY FOLDER SETTING

A setting is a precision and whether there is batch normalization, such as `float32-bn`. The values
of every variable on every replica of the process go to FOLDER as `STRATEGY-SETTING.npz`, with the
number of the task before the ending in a cluster.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import made_up
import numpy as np
import tensorflow as tf

from keras_inception.models import registry
from keras_inception.training import loop, run


def main(strategy, folder, setting):
    if strategy == "mirrored":
        (cpu,) = tf.config.list_physical_devices("CPU")
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
    precision, norm = setting.split("-")
    made_up.put_in_place(setattr)
    if norm == "plain":
        registry.create_model = plain_network
    recipe = made_up.RECIPE.replace(
        average_decay=0.95, clip_norm=0.05, weight_decay=1e-2, precision=precision, epochs=4
    )
    kept = keep_variables()
    name = f"{strategy}-{setting}"
    history = loop.train(recipe, folder / name, progress=False, strategy=strategy).history
    losses = {name: history[name] for name in ("loss", "val_loss")}
    np.savez(folder / f"{name}{os.environ['TASK']}.npz", **kept, **losses)


def plain_network(name, weights, input_shape, classes, width_multiplier=1.0):
    """Without batch normalization, which makes an image's output depend on its replica's others."""
    x = inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(16, 3, activation="relu", name="conv")(x)
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = keras.layers.Dense(classes, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name=name)


def keep_variables():
    """A dict that has the variables of a run once it has ended."""
    kept = {}
    original = run.Run.model

    def model(self):
        for group in ("network", "average", "optimizer"):
            for i, variable in enumerate(self.variables()[group]):
                copies = getattr(variable.value, "values", [variable.value])
                for replica, copy in enumerate(copies):
                    kept[f"{group}/{i}/{replica}"] = copy.numpy()
        return original(self)

    run.Run.model = model
    return kept


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3])
