"""Asynchronous training with parameter servers, as GoogLeNet and BN-Inception were trained.

The servers hold the variables, each worker computes gradients of its share of a batch and applies
them without waiting for the others, and the chief hands out the steps. Steps of a worker that is
lost are done by the others; a lost server ends the run, which goes on from its last checkpoint.
Workers draw their pictures independently, in random orders of their own.
"""

import os
import time

import numpy as np
import tensorflow as tf
from keras.callbacks import CallbackList

from keras_inception.data import pipeline
from keras_inception.training import distribution

# Steps handed out at a time for each worker. Our choice: a worker waits for the slowest once in so
# many steps, and Ctrl-C, SIGTERM, checkpoints and the progress bar wait no longer than that.
_STEPS_AHEAD = 16


def serve(resolver, cluster_timeout):
    """Runs this task, a worker or parameter server, for as long as there is a chief.

    Raises:
        TimeoutError: no chief has come within `cluster_timeout` seconds.
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
    """With as many threads as a small machine has cores a worker can wait for itself forever."""
    return tf.compat.v1.ConfigProto(inter_op_parallelism_threads=max(8, os.cpu_count() or 1))


def fit(run, end, watchers, data_dir):
    """As `Model.fit`, up to epoch `end` or only to the end of an epoch that has begun."""
    trainer, position = run.trainer, run.position
    coordinator = run.coordinator
    # Keras would read the count, add one and write it: two workers at once would count one step.
    counter = trainer.optimizer.iterations
    counter.assign_add = counter.value.assign_add
    make = tf.autograph.experimental.do_not_convert(lambda: _batches_of_a_worker(run, data_dir))
    iterator = iter(coordinator.create_per_worker_dataset(make))

    @tf.function
    def step(iterator):
        return run.strategy.run(lambda data: trainer.optimize(*data), args=(next(iterator),))

    calls = CallbackList(watchers, model=trainer)
    calls.on_train_begin()
    while position.step < end * position.steps_per_epoch:
        epoch, done = divmod(position.step, position.steps_per_epoch)
        calls.on_epoch_begin(epoch)
        left = position.steps_per_epoch - done
        logs = _epoch(coordinator, step, iterator, left, calls, position)
        logs.update(_validated(run, data_dir))
        calls.on_epoch_end(epoch, logs)
    calls.on_train_end()


def _epoch(coordinator, step, iterator, steps, calls, position):
    """Has so many steps done; returns the means of what they gave."""
    ahead = _STEPS_AHEAD * coordinator.strategy._num_workers
    figures = []
    while len(figures) < steps:
        scheduled = [
            coordinator.schedule(step, args=(iterator,))
            for _ in range(min(ahead, steps - len(figures)))
        ]
        coordinator.join()
        fetched = coordinator.fetch(scheduled)
        for i, values in enumerate(fetched, 1):
            position.is_settled = i == len(fetched)  # all of them are applied by now
            figures.append({name: float(value) for name, value in values.items()})
            calls.on_train_batch_end(len(figures) - 1, figures[-1])
    return {name: float(np.mean([f[name] for f in figures])) for name in figures[0]}


def _batches_of_a_worker(run, data_dir):
    recipe = run.recipe
    # A raw operation, since `tf.random` would give every worker the same number.
    seed = tf.raw_ops.RandomUniformInt(
        shape=tf.constant([], tf.int32),
        minval=tf.constant(0, tf.int64),
        maxval=tf.constant(2**31, tf.int64),
    )
    return pipeline.training_batches(
        recipe.dataset,
        recipe.size,
        run.update_size,
        seed=seed,
        split=recipe.train_split,
        color=recipe.color,
        min_area=recipe.min_area,
        data_dir=data_dir,
    )


def _validated(run, data_dir):
    """The loss and accuracies of the network, averaged where it is, on the chief alone."""
    model = run.model()
    totals, count = {}, 0
    for images, labels in run.validation_batches(data_dir):
        figures = run.trainer.figures(labels, model(images, training=False))
        for name, value in figures.items():
            totals[name] = totals.get(name, 0.0) + float(value) * len(labels)
        count += len(labels)
    return {f"val_{name}": total / count for name, total in totals.items()}
