"""Two replicas on half batches beside one on the whole: a process of its own for each setting.

    python replicas.py SETTING FOLDER

Trains with the stand-ins of `made_up.py` and writes the weights, averages and statistics of every
replica to FOLDER as `SETTING.npz`, or `SETTING<task>.npz` in a cluster.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf


def main(setting, folder):
    devices, precision, norm = setting.split("-")
    if devices == "mirrored":
        (cpu,) = tf.config.list_physical_devices("CPU")
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
    import made_up

    from keras_inception.training import loop, run

    put_in_place(made_up, norm == "bn")
    recipe = made_up.RECIPE.replace(
        average_decay=0.95, clip_norm=0.05, weight_decay=1e-2, precision=precision, epochs=4
    )
    kept = {}
    original = run.Run.model

    def model(self):
        for name, variables in self.variables().items():
            for i, variable in enumerate(variables):
                for replica, value in enumerate(copies(variable)):
                    kept[f"{name}/{i}/{replica}"] = value
        return original(self)

    run.Run.model = model
    strategy = {"one": "one_device", "mirrored": "mirrored", "workers": "multi_worker"}[devices]
    result = loop.train(recipe, folder / setting, progress=False, strategy=strategy)
    kept["loss"] = result.history["loss"]
    kept["val_loss"] = result.history["val_loss"]
    task = os.environ.get("TASK", "")
    np.savez(folder / f"{setting}{task}.npz", **kept)


def put_in_place(made_up, norm):
    """The stand-ins, without batch normalization where the replicas are to equal one."""
    made_up.put_in_place(setattr)
    if norm:
        return

    def network(name, weights, input_shape, classes, width_multiplier=1.0):
        x = inputs = keras.Input(input_shape)
        x = keras.layers.Conv2D(16, 3, activation="relu", name="conv")(x)
        x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = keras.layers.Dense(classes, activation="softmax", name="predictions")(x)
        return keras.Model(inputs, x, name=name)

    made_up.registry.create_model = network


def copies(variable):
    """The values of a variable on each replica of this process."""
    value = variable.value
    return [copy.numpy() for copy in getattr(value, "values", [value])]


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
