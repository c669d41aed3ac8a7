"""Measures the constants of step_model.py and the steps that it predicts, and prints its tables.

    python benchmarks/scaling.py             # measures, writes scaling.json, prints: 10 minutes
    python benchmarks/scaling.py --tables    # prints the tables of scaling.json

Everything is measured with real processes on the loopback interface. Each worker is bound to one
core. If there are fewer cores than workers, the workers share them evenly. The machine must be
idle.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import scaling_tables

from keras_inception.cli.launch import free_ports

HERE = pathlib.Path(__file__).parent
FILE = HERE / "scaling.json"
LIMIT = 400  # seconds until a process ends itself: TensorFlow ignores SIGTERM in a cluster
SIZE, CLASSES, EXAMPLES = 64, 14, 2800  # photo_patches
NETWORKS = {"quarter": 0.25, "full": 1.0}  # width of Inception-v1
FITTED = (4, 16, 64)  # images per step from which the constants are fitted; others are predicted
CHECKED = (("quarter", 8), ("quarter", 32), ("full", 8))
WORKERS = (1, 2, 4)
MESSAGES = [4096 * 4**power for power in range(8)]  # 4 KB to 64 MB
V3_BATCH = 8


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", action="store_true", help="measure nothing")
    parser.add_argument("--task", help=argparse.SUPPRESS)  # of this script's own children
    parser.add_argument("--data_dir", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        work(arguments.task, arguments.data_dir)
        return
    if not arguments.tables:
        FILE.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    print("\n\n".join(scaling_tables.tables(json.loads(FILE.read_text(encoding="utf-8")))))


def measure():
    """Returns all measurements as plain JSON values, with times in milliseconds.

    Each number has processes of its own, as each training has. In a process that has trained or run
    something else before, steps take up to a third more or less time.
    """
    together = ":".join(map(str, ("repeated", *scaling_tables.TOGETHER)))
    with tempfile.TemporaryDirectory() as folder:
        view = run_cluster("view", 1, folder)  # comes first, since it builds the data set
        beside = {
            count: {name: run_cluster(f"beside:{name}", count, folder) for name in NETWORKS}
            for count in WORKERS
        }
        return {
            "cores": os.cpu_count(),
            "view": view,
            "networks": {name: _of_network(name, folder) for name in NETWORKS},
            "at_once": beside,
            "all_reduce": {count: run_cluster("network", count, folder) for count in WORKERS[1:]},
            "together": {count: run_cluster(together, count, folder) for count in WORKERS[1:]},
            "steps": [
                {
                    "network": network,
                    "batch": batch,
                    "workers": count,
                    "time": run_cluster(f"steps:{network}:{batch}", count, folder),
                }
                for count in WORKERS
                for network, batch in CHECKED
            ],
            "inception_v3": run_cluster("inception_v3", 1, folder),
        }


def _of_network(name, folder):
    alone = {batch: run_cluster(f"repeated:{name}:{batch}", 1, folder) for batch in FITTED}
    return {**alone[FITTED[0]]["counts"], "alone": {b: one["time"] for b, one in alone.items()}}


# The processes.


def run_cluster(task, count, folder):
    """Runs a task in `count` processes; returns what the first prints, and ends all of them."""
    addresses = [f"localhost:{port}" for port in free_ports(count)]
    running = []
    with tempfile.TemporaryFile("w+b", dir=folder) as log:
        try:
            for index in range(count):
                running.append(_start(task, index, addresses, folder, log))
            answer, _ = running[0].communicate(timeout=LIMIT)
            if running[0].returncode:
                log.seek(0)
                text = log.read()[-4000:].decode(errors="replace")
                raise RuntimeError(f"{task} has ended with {running[0].returncode}:\n{text}")
        finally:
            for process in running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return json.loads(answer)


def _start(task, index, addresses, folder, log):
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    return subprocess.Popen(
        [sys.executable, __file__, f"--task={task}", f"--data_dir={folder}"],
        env={**os.environ, "TF_CONFIG": json.dumps(config)},
        stdout=subprocess.DEVNULL if index else subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )


def work(task, data_dir):
    """Runs in a child: does its task and prints its measurement."""
    signal.alarm(LIMIT)
    index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, [cores[index % len(cores)]])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Text that libraries print must not become a part of the answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    tasks = (view, repeated, beside, network, steps, inception_v3)
    name, *words = task.split(":")
    found = {one.__name__: one for one in tasks}[name](data_dir, *words)
    print(json.dumps(found), file=answers, flush=True)


# The measurements.


def view(data_dir):
    """Times making a training view of a picture."""
    from keras_inception import data

    dataset = data.open("photo_patches", "train", data_dir)
    batches = iter(dataset.training_batches(SIZE, 16, color="none"))
    return mean_of_views(batches, 16)


def repeated(_, name, batch):
    """Times steps of the trainer on one repeated batch, and counts its network's variables."""
    import tensorflow as tf
    import training_step

    strategy = make_strategy()
    batch_size = int(batch) * strategy.num_replicas_in_sync
    run = make_run(name, batch_size, average_decay=0.9999, strategy=strategy)
    data = tf.data.Dataset.from_tensors(training_step.one_batch(batch_size, SIZE, CLASSES)).repeat()
    data = strategy.experimental_distribute_dataset(data)
    return {"counts": counts(run.trainer), "time": statistics.median(step_times(run, data))}


def beside(_, name):
    """Times the bare step, without a strategy, in as many processes at once as workers."""
    import training_step

    strategy = make_strategy()
    batch = training_step.one_batch(FITTED[1], SIZE, CLASSES)
    step = bare_step(make_run(name, FITTED[1], average_decay=None))
    step(*batch).numpy()
    _all_reduce(strategy, MESSAGES[0])  # makes all of them begin together
    return median(lambda: step(*batch).numpy(), 60)


def network(_):
    """Times all-reduces by message size."""
    strategy = make_strategy()
    return {size: _all_reduce(strategy, size) for size in MESSAGES}


def steps(data_dir, name, batch):
    """Times steps of the trainer with its input and callbacks."""
    strategy = make_strategy()
    batch_size = int(batch) * strategy.num_replicas_in_sync
    run = make_run(name, batch_size, average_decay=0.9999, strategy=strategy)
    return statistics.median(step_times(run, run.training_batches(data_dir)))


def _all_reduce(strategy, size):
    import tensorflow as tf

    def reduced(message):
        # The copy is on the replica's device, as the reduction requires.
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(message))[:1]

    function = tf.function(lambda message: strategy.run(reduced, args=(message,)))
    message = tf.ones([size // 4])

    def once():
        strategy.experimental_local_results(function(message))[0].numpy()

    return median(once, 40 if size <= 2**20 else 12)


def inception_v3(_):
    """Times one core's step of InceptionV3's recipe and a view for it; counts its gradients."""
    import input_pipeline
    import training_step

    from keras_inception.training import get_recipe
    from keras_inception.training.run import Run

    recipe = get_recipe("inception_v3").replace(batch_size=V3_BATCH, average_decay=None)
    run = Run(recipe, training_step.CLASSES, 1_281_167)
    run.enter(is_head=False)
    step = bare_step(run)
    data = training_step.one_batch(V3_BATCH, recipe.size, training_step.CLASSES)
    compute = median(lambda: step(*data).numpy(), 5)
    with tempfile.TemporaryDirectory() as folder:
        input_pipeline.write_pictures(pathlib.Path(folder) / "train" / "photograph")
        views = input_pipeline.ours(folder, recipe.color)
        view = mean_of_views(views, input_pipeline.BATCH)
    return {
        **counts(run.trainer),
        "network_parameters": counts(run.trainer.network)["parameters"],
        "image": compute / V3_BATCH,
        "view": view,
    }


# Common parts of the measurements.


def make_strategy():
    from keras_inception.training import distribution

    return distribution.make_strategy("multi_worker", distribution.resolve_cluster("multi_worker"))


def make_run(network, batch_size, average_decay, strategy=None):
    from keras_inception.training import get_recipe
    from keras_inception.training.run import Run

    recipe = get_recipe("demo").replace(
        network_arguments={"width_multiplier": NETWORKS[network]},
        batch_size=batch_size,
        average_decay=average_decay,
    )
    run = Run(recipe, CLASSES, EXAMPLES, strategy)
    run.enter(is_head=False)
    return run


def bare_step(run):
    import tensorflow as tf

    return tf.function(lambda images, labels: run.trainer.optimize(images, labels)["loss"])


def step_times(run, data, rounds=3, steps=20, warm_up=4):
    """Times steps in `fit`, with everything that `train` adds to them except validation."""
    import keras
    import training_step

    times = []

    class Clock(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.last = None

        def on_train_batch_end(self, batch, logs=None):
            now = time.perf_counter()
            if batch >= warm_up:
                times.append(1000 * (now - self.last))
            self.last = now

    with tempfile.TemporaryDirectory() as folder:
        around = [*training_step.watchers(run, pathlib.Path(folder)), Clock()]
        for _ in range(rounds):
            run.trainer.fit(data, steps_per_epoch=steps, callbacks=around, verbose=0, shuffle=False)
    return times


def counts(model):
    """Counts trained parameters and batch-norm statistics."""
    import keras
    import numpy as np

    norms = [la for la in model.layers if isinstance(la, keras.layers.BatchNormalization)]
    statistics_ = [v for layer in norms for v in (layer.moving_mean, layer.moving_variance)]
    total = [
        sum(int(np.prod(v.shape)) for v in group)
        for group in (model.trainable_variables, statistics_)
    ]
    return dict(zip(("parameters", "statistics"), total, strict=True))


def mean_of_views(batches, batch, pictures=2000):
    """Times pictures; takes a mean, since batches are made ahead and come in bursts."""
    for _ in range(pictures // batch // 4):
        next(batches)
    begun = time.perf_counter()
    for _ in range(pictures // batch):
        next(batches)
    return 1000 * (time.perf_counter() - begun) / (pictures // batch * batch)


def median(function, repeats):
    """Returns the median time of a call in milliseconds, after a few calls that warm up."""
    times = []
    for number in range(repeats + 3):
        begun = time.perf_counter()
        function()
        if number >= 3:
            times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


if __name__ == "__main__":
    main()
