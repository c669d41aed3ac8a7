"""Compares the trainer's step of InceptionV3 with stock Keras `fit` and PyTorch.

    python benchmarks/training_step.py [--rounds=7] [--steps=2]

All use 299 pixels, batch 8, one core, and the same network and optimizer without auxiliary
classifier. It prints ratios of medians of one interleaved run (`race.py`): stock Keras against the
trainer in float32 and in bfloat16; torchvision's network in channels-last bfloat16 autocast against
the trainer's bfloat16, if torchvision is installed; and the share of average, callbacks and logs,
which the trainer adds to the bare step.
"""

import argparse
import importlib.util
import pathlib
import tempfile

import race

SIZE, BATCH, CLASSES = 299, 8, 1000
LIMITS = {  # (slower, faster): the second must be at least this many times as fast
    ("stock float32", "trainer float32"): 1.05,
    ("stock mixed_bfloat16", "trainer mixed_bfloat16"): 1.2,
    ("torch bfloat16", "trainer mixed_bfloat16"): 1.0,
}
OWN_COST = 0.03  # of a step, at most


def main():
    race.child(make)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="number of measurements of each")
    parser.add_argument("--steps", type=int, default=2, help="number of steps in a round")
    arguments = parser.parse_args()
    precisions = ("float32", "mixed_bfloat16")
    names = [f"{kind} {p}" for p in precisions for kind in ("stock", "trainer")]
    names.append("bare float32")
    if importlib.util.find_spec("torchvision"):
        names.append("torch bfloat16")
    medians = race.report(
        race.race(names, arguments.rounds, arguments.steps), "ms a step of 8 images"
    )
    for (slower, faster), limit in LIMITS.items():
        if slower in medians:
            ratio = medians[slower] / medians[faster]
            print(
                f"  {faster} against {slower}: {ratio:.2f} times as fast, limit: at least {limit}"
            )
    share = 1 - medians["bare float32"] / medians["trainer float32"]
    print(f"  average, callbacks and logs: {share:.1%} of a step, limit: at most {OWN_COST:.0%}")


def make(name):
    """Returns the contestant's function of a number of steps."""
    kind, precision = name.split()
    return {"stock": stock, "trainer": trainer, "bare": bare, "torch": torch_step}[kind](precision)


def batches():
    """Returns a data set that repeats one batch for ever."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensors(one_batch(BATCH, SIZE, CLASSES)).repeat()


def one_batch(batch, size, classes):
    """Returns a batch of noise images and labels."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (batch, size, size, 3)).astype("float32")
    return tf.constant(images), tf.constant(rng.integers(0, classes, batch))


def stock(precision):
    import keras

    import keras_inception

    keras.config.set_dtype_policy(precision)
    model = keras_inception.InceptionV3(weights=None)
    optimizer = keras.optimizers.RMSprop(0.045, rho=0.9, momentum=0.9, epsilon=1.0)
    optimizer.global_clipnorm = 2.0
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    data = batches()
    return lambda count: model.fit(data, steps_per_epoch=count, verbose=0)


def recipe_of(precision, average_decay):
    from keras_inception.training import get_recipe

    return get_recipe("inception_v3").replace(
        batch_size=BATCH,
        precision=precision,
        auxiliary_weight=0.0,
        label_smoothing=0.0,
        weight_decay=0.0,
        average_decay=average_decay,
    )


def trainer(precision):
    """Runs the trainer with everything that `train` adds to the steps except validation."""
    from keras_inception.training.run import Run

    run = Run(recipe_of(precision, 0.9999), CLASSES, BATCH * 1000)
    run.enter(is_head=False)
    folder = tempfile.TemporaryDirectory()
    around = watchers(run, pathlib.Path(folder.name))
    data = batches()

    def work(count, folder=folder):
        run.trainer.fit(data, steps_per_epoch=count, callbacks=around, verbose=0)

    return work


def watchers(run, folder):
    """Returns the callbacks of `train`, without the work that they do at the end of an epoch.

    Args:
        run: a `Run`.
        folder: an empty folder, for checkpoints that are never written.
    """
    from keras_inception.training import callbacks, checkpoints

    store = checkpoints.Checkpoints(folder)
    every = [
        run.position,
        callbacks.StopsWhenNotFinite(run.position, store),
        callbacks.Progress(run.recipe.epochs, run.position, run.update_size, show=False),
        callbacks.Saves(lambda: None, run.position, 1e9),
        callbacks.StopsOnSignal(lambda: None, run.position),
    ]
    return [after_steps(one) for one in every]


def after_steps(callback):
    """Returns a callback that does only the work of another one after each step."""
    import keras

    bare = keras.callbacks.Callback()
    callback.set_model(None)
    bare.on_train_begin = callback.on_train_begin
    bare.on_train_batch_end = callback.on_train_batch_end
    return bare


def bare(precision):
    """Runs the network's step in a loop: fused batch norm, loss, gradients, clipping, RMSProp."""
    import tensorflow as tf

    from keras_inception.training.run import Run

    run = Run(recipe_of(precision, None), CLASSES, BATCH * 1000)
    run.enter(is_head=False)
    step = tf.function(lambda data: run.trainer.optimize(*data)["loss"])
    data = iter(batches())

    def work(count):
        for _ in range(count):
            step(next(data)).numpy()

    return work


def torch_step(_):
    import torch
    import torchvision

    torch.set_num_threads(1)
    model = torchvision.models.inception_v3(weights=None, aux_logits=False, init_weights=False)
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.RMSprop(model.parameters(), 0.045, alpha=0.9, eps=1.0, momentum=0.9)
    images = torch.rand(BATCH, 3, SIZE, SIZE).to(memory_format=torch.channels_last)
    labels = torch.randint(0, CLASSES, (BATCH,))

    def work(count):
        for _ in range(count):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                loss = torch.nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            loss.item()

    return work


if __name__ == "__main__":
    main()
