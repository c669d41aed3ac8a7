"""Asynchronous training with parameter servers, as GoogLeNet and BN-Inception were trained.

The servers hold the variables. Each worker computes the gradients of its share of a batch and
applies them without waiting for the others. The chief hands out the steps. If a worker is lost, the
others do its steps. If a server is lost, the run ends and can go on from its last checkpoint. Each
worker draws its pictures independently, in a random order of its own.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_inception.training import distribution
from keras_inception.training.run import Run
from keras_inception.training.run_data import RunData

# Steps that are handed out at a time for each worker. Our choice: workers wait for the slowest only
# this often, and Ctrl-C, SIGTERM, checkpoints and the progress bar wait for this many at most.
_STEPS_AHEAD = 16


def serve(resolver: distribution.Resolver, cluster_timeout: float) -> None:
    """Runs this task, a worker or a parameter server, until the chief has gone.

    Args:
        resolver: the cluster.
        cluster_timeout: seconds to wait for the chief.

    Raises:
        TimeoutError: if the chief did not join in time.
    """
    spec = resolver.cluster_spec()
    tf.distribute.Server(
        spec,
        job_name=resolver.task_type,
        task_index=resolver.task_id,
        protocol=resolver.rpc_layer or "grpc",
        config=_server_threads(),
        start=True,
    )
    chief = spec.task_address("chief", 0)
    distribution.wait_for([chief], time.monotonic() + cluster_timeout)
    misses = 0
    while misses < 5:  # a chief that is busy may miss one
        time.sleep(1)
        misses = 0 if distribution.is_listening(chief) else misses + 1


def _server_threads():
    """Sets at least 8 threads: with only one or two, a worker can wait for itself forever."""
    return tf.compat.v1.ConfigProto(inter_op_parallelism_threads=max(8, os.cpu_count() or 1))


def fit(run: Run, end: int, data: RunData, watchers: Sequence[keras.callbacks.Callback]) -> None:
    """Trains until epoch `end`, and validates on the chief after each epoch.

    Args:
        run: the run, in one of its phases.
        end: epoch at which to end, from 0.
        data: pictures to train and validate on.
        watchers: the callbacks. They are told of each step after it was applied.
    """
    trainer, position = run.trainer, run.position
    coordinator = run.coordinator
    # Keras would read the count, add one and write it, so two workers at once could count one step.
    counter = trainer.optimizer.iterations
    counter.assign_add = counter.value.assign_add
    make = tf.autograph.experimental.do_not_convert(lambda: _worker_batches(run, data.training))
    iterator = iter(coordinator.create_per_worker_dataset(make))

    @tf.function
    def step(iterator):
        return run.strategy.run(lambda data: trainer.optimize(*data), args=(next(iterator),))

    calls = keras.callbacks.CallbackList(watchers, model=trainer)
    calls.on_train_begin()
    while position.step < end * position.steps_per_epoch:
        epoch, done = divmod(position.step, position.steps_per_epoch)
        calls.on_epoch_begin(epoch)
        left = position.steps_per_epoch - done
        schedule = functools.partial(coordinator.schedule, step, args=(iterator,))
        logs = _epoch(run, schedule, left, calls)
        logs.update(_validate(run, data.validation))
        calls.on_epoch_end(epoch, logs)
    calls.on_train_end()


def _epoch(run, schedule, steps, calls):
    """Has the workers do `steps` steps, and returns the means of the steps' figures."""
    ahead = _STEPS_AHEAD * run.workers
    figures = []
    while len(figures) < steps:
        scheduled = [schedule() for _ in range(min(ahead, steps - len(figures)))]
        run.coordinator.join()
        fetched = run.coordinator.fetch(scheduled)
        for i, values in enumerate(fetched, 1):
            run.position.is_settled = i == len(fetched)  # by now, all of them are applied
            figures.append({name: float(value) for name, value in values.items()})
            calls.on_train_batch_end(len(figures) - 1, figures[-1])
    return {name: float(np.mean([f[name] for f in figures])) for name in figures[0]}


def _worker_batches(run, dataset):
    recipe = run.recipe
    # A raw operation: `tf.random` would give every worker the same number.
    seed = tf.raw_ops.RandomUniformInt(
        shape=tf.constant([], tf.int32),
        minval=tf.constant(0, tf.int64),
        maxval=tf.constant(2**31, tf.int64),
    )
    return dataset.training_batches(
        recipe.size, run.update_size, seed=seed, color=recipe.color, min_area=recipe.min_area
    )


def _validate(run, dataset):
    """Validates the network, or its moving average, on the chief; returns loss and accuracies."""
    model = run.model()
    totals, count = {}, 0
    for images, labels in run.validation_batches(dataset):
        figures = run.trainer.figures(labels, model(images, training=False))
        for name, value in figures.items():
            totals[name] = totals.get(name, 0.0) + float(value) * len(labels)
        count += len(labels)
    return {f"val_{name}": total / count for name, total in totals.items()}
