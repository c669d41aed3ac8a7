"""Trains with the stand-ins of `made_up.py`, and keeps all variables of each run.

    python replicas.py STRATEGY FOLDER SETTING ...

A setting is a precision and what is special, such as `float32-bn`: `bn` has batch normalization,
`tf` trains on a `tf.data.Dataset` as users have it. The values of every variable on every replica
of the process go to FOLDER as `STRATEGY-SETTING.npz`, with the number of the task before the ending
in a cluster.
"""

import importlib.util
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import made_up
import numpy as np
import tensorflow as tf

from keras_inception.training import distribution, run, train


def main(strategy, folder, settings, setattr_=setattr):
    """Trains by each setting; `setattr_` is what changes the package."""
    if strategy == "mirrored":
        (cpu,) = tf.config.list_physical_devices("CPU")
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
    keep_one_strategy(setattr_)
    kept = keep_variables(setattr_)
    setattr_(importlib.util, "find_spec", lambda name: None)  # no TensorBoard: it takes seconds
    for setting in settings:
        precision, special = setting.split("-")
        network = made_up.small_network if special == "bn" else made_up.plain_network
        made_up.put_in_place(setattr_, network)
        recipe = made_up.RECIPE.replace(
            dataset=made_up.NAME,
            average_decay=0.95,
            clip_norm=0.05,
            weight_decay=1e-2,
            precision=precision,
            epochs=4,
        )
        data = None
        if special == "tf":
            recipe = recipe.replace(color="none")  # half as long to begin
            data = made_up.from_tf("train"), made_up.MadeUp("validation")
        kept.clear()
        name = f"{strategy}-{setting}"
        result = train(recipe, folder / name, progress=False, strategy=strategy, data=data)
        losses = {name: result.history[name] for name in ("loss", "val_loss")}
        np.savez(folder / f"{name}{os.environ.get('TASK', 0)}.npz", **kept, **losses)


def keep_one_strategy(setattr_):
    """Gives all runs the first one's strategy: TensorFlow mixes up the reductions of several."""
    make, made = distribution.make_strategy, []

    def make_once(*arguments):
        if not made:
            made.append(make(*arguments))
        return made[0]

    setattr_(distribution, "make_strategy", make_once)


def keep_variables(setattr_):
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

    setattr_(run.Run, "model", model)
    return kept


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:])
