"""Clusters of real processes: killed in the middle, and what can be wrong with them."""

import csv
import json
import os
import sys
import threading
import time

import keras
import made_up
import numpy as np
import pytest
import task
from cluster import HERE, LIMIT, Cluster, free_ports

from keras_inception.cli.launch import LocalCluster, Watch
from keras_inception.training import checkpoints, distribution

EPOCHS = 4
STEPS = 6 * EPOCHS  # of 96 pictures in batches of 16
SLOWLY = 0.1  # seconds that a step takes, if something is to happen in the middle


def flags(workdir, strategy, **changes):
    """What follows `keras-inception train`."""
    fields = {"size": 8, "batch_size": 16, "epochs": EPOCHS, "clip_norm": 0.05}
    fields |= {"average_decay": 0.9, "learning_rate": 0.1, "epsilon": 1.0}
    fields["dataset"] = made_up.NAME
    fields |= {name: changes.pop(name) for name in list(changes) if name in fields}
    options = {"output": workdir, "strategy": strategy, "checkpoint_seconds": 0}
    options |= {"cluster_timeout": 60, **changes}
    words = [f"--{name}={value}" for name, value in options.items()]
    return words + [f"--set={name}={value}" for name, value in fields.items()]


def run_here(workdir):
    """Trains in this process, as fast as it goes, what is left to train."""
    with pytest.MonkeyPatch.context() as patch:
        assert task.run(0, flags(workdir, "one_device"), patch.setattr) == 0


def steps_done(workdir):
    steps = checkpoints.Checkpoints(workdir / "checkpoints").steps()
    return steps[-1] if steps else 0


def weights(workdir):
    return keras.saving.load_model(workdir / "model.keras").get_weights()


def epochs_of(workdir):
    with open(workdir / "history.csv", encoding="utf-8") as file:
        return [int(row["epoch"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights of one process that nothing happened to."""
    workdir = tmp_path_factory.mktemp("whole")
    run_here(workdir)
    return weights(workdir)


def equal(got, want):
    return all(np.abs(a - b).max() <= 1e-6 * np.abs(b).max() for a, b in zip(got, want))


def process_that_is_stopped_twice(folder):
    """One process: killed with -9 in its middle, started again, asked to end, and gone on with."""
    workdir = folder / "run"
    with Cluster(folder) as cluster:
        cluster.start("one", 0, "task.py", 3 * SLOWLY, *flags(workdir, "one_device"))
        cluster.wait_until(lambda: steps_done(workdir) >= 4)
        cluster.kill("one", 0)
        epoch_end = steps_done(workdir) // 6 * 6 + 6
        rarely = flags(workdir, "one_device", checkpoint_seconds=1000)
        cluster.start("one", 0, "task.py", 3 * SLOWLY, *rarely)
        cluster.wait_until(lambda: steps_done(workdir) >= epoch_end)  # it writes no others
        cluster.terminate("one", 0)
        assert cluster.wait("one", 0) == 0, cluster.log("one", 0)
        assert "stopped by SIGTERM" in cluster.log("one", 0)
        assert steps_done(workdir) > epoch_end
    run_here(workdir)
    return workdir


def launched_cluster_with_a_kill(folder):
    """Two synchronous workers; the second is killed with -9, and `launch` starts both again."""
    workdir = folder / "run"
    words = [SLOWLY, *flags(workdir, "multi_worker")]
    command = [sys.executable, str(HERE / "task.py"), *map(str, words)]
    with LocalCluster(command, folder, {"worker": 2}) as cluster:

        def kill():
            while steps_done(workdir) < 8:
                time.sleep(0.05)
            cluster._running["worker", 1].kill()

        threading.Thread(target=kill, daemon=True).start()
        assert Watch(cluster, restarts=1).run() == 0
    return workdir


def asynchronous_with_a_kill(folder, dataset=made_up.NAME):
    """A chief, two workers and a server; a worker is killed with -9 and does not come back."""
    workdir = folder / "run"
    words = flags(workdir, "parameter_server", dataset=dataset)
    with Cluster(folder, chief=1, worker=2, ps=1) as cluster:
        cluster.start_all("task.py", SLOWLY, *words)
        cluster.wait_until(lambda: steps_done(workdir) >= 1)
        cluster.kill("worker", 1)
        assert cluster.wait("chief", 0) == 0, cluster.logs()
        for job in ("worker", "ps"):  # end by themselves, once there is no chief
            assert cluster.wait(job, 0) == 0, cluster.logs()
    return workdir


def check_asynchronous(workdir):
    """No step is lost: each of the steps was applied, one that was repeated perhaps twice."""
    assert epochs_of(workdir) == list(range(1, EPOCHS + 1))
    store = checkpoints.Checkpoints(workdir / "checkpoints")
    step, groups, _ = store.newest()
    assert step == 2 * STEPS  # each worker updates with half a batch
    iterations = [int(a) for a in groups["optimizer"] if a.shape == () and a.dtype.kind == "i"]
    assert max(iterations) >= step
    assert np.isfinite(weights(workdir)[0]).all()


def test_a_process_that_is_killed_or_asked_to_end_goes_on_to_the_same_weights(whole, tmp_path):
    workdir = process_that_is_stopped_twice(tmp_path)
    assert equal(weights(workdir), whole)
    assert epochs_of(workdir) == list(range(1, EPOCHS + 1))


@pytest.mark.slow
def test_launch_starts_a_killed_cluster_again(whole, tmp_path, monkeypatch, capsys):
    """It goes on from the checkpoint, counts each step once, and ends with the same weights."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parents[1]), str(HERE)]))
    workdir = launched_cluster_with_a_kill(tmp_path)
    assert "worker 1 was ended by SIGKILL; all are started again" in capsys.readouterr().err
    assert equal(weights(workdir), whole)
    assert epochs_of(workdir) == list(range(1, EPOCHS + 1))


def test_a_lost_worker_ends_the_others_with_a_line_that_says_so(tmp_path):
    workdir = tmp_path / "run"
    with Cluster(tmp_path, worker=2) as cluster:
        cluster.start_all("task.py", SLOWLY, *flags(workdir, "multi_worker"))
        cluster.wait_until(lambda: steps_done(workdir) >= 1)
        cluster.kill("worker", 1)
        assert cluster.wait("worker", 0) == 1, cluster.logs()
        line = cluster.log("worker", 0).splitlines()[-1]
    assert line.startswith("keras-inception: a worker was lost at step "), line
    assert "start all tasks again: the run goes on from step" in line


def test_asynchronous_workers_lose_no_step(tmp_path):
    check_asynchronous(asynchronous_with_a_kill(tmp_path))


@pytest.mark.slow
def test_asynchronous_workers_read_files(tmp_path):
    """The others find the made-up pictures in memory."""
    made_up.write_folder(tmp_path / "pictures")
    check_asynchronous(asynchronous_with_a_kill(tmp_path, f"folder:{tmp_path / 'pictures'}"))


@pytest.mark.slow
@pytest.mark.parametrize("repetition", range(10))
def test_ten_times(whole, tmp_path, monkeypatch, repetition):
    """The kills above, ten times."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parents[1]), str(HERE)]))
    runs = {
        "one": process_that_is_stopped_twice,
        "two": launched_cluster_with_a_kill,
        "three": asynchronous_with_a_kill,
    }
    for name in runs:
        (tmp_path / name).mkdir()
    for name in ("one", "two"):
        assert equal(weights(runs[name](tmp_path / name)), whole)
    check_asynchronous(runs["three"](tmp_path / "three"))


@pytest.mark.parametrize(
    ("strategy", "jobs", "job"),
    [
        ("multi_worker", {"worker": 2}, "worker"),
        ("parameter_server", {"chief": 1, "worker": 1, "ps": 1}, "chief"),
        ("parameter_server", {"chief": 1, "worker": 1, "ps": 1}, "worker"),
    ],
)
def test_a_task_that_never_comes_is_an_error_in_time(
    tmp_path, monkeypatch, capsys, strategy, jobs, job
):
    addresses = Cluster(tmp_path, **jobs).addresses
    config = {"cluster": addresses, "task": {"type": job, "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    words = flags(tmp_path / "run", strategy, cluster_timeout=1)
    assert task.run(0, words, monkeypatch.setattr) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("keras-inception: localhost:")
    assert "did not join the cluster in time" in line


def test_ports_are_different():
    assert len(set(free_ports(20))) == 20
    assert LIMIT < 200


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "needs the environment variable TF_CONFIG"),
        ("{", "does not parse"),
        ("[]", "does not parse"),
        ('{"cluster": {}}', "does not parse"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "does not p"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}', "does not p"),
        (
            '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
            "does not parse",
        ),
        (
            '{"cluster": {"worker": ["a:1", "b:x"]}, "task": {"type": "worker", "index": 0}}',
            "does not parse .ValueError: invalid literal",
        ),
        (
            '{"cluster": {"worker": ["a:1", "b:70000"]}, "task": {"type": "worker", "index": 0}}',
            "b:70000 has no port from 1 to 65535",
        ),
        (
            '{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}',
            "does not parse",
        ),
        (
            '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}',
            "must have the jobs chief, worker .chief is optional., not ps, worker",
        ),
    ],
)
def test_cluster_that_does_not_parse(monkeypatch, config, message):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match=message):
        distribution.resolve_cluster("multi_worker")


def test_parameter_servers_want_a_chief(monkeypatch):
    config = '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}'
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match="must have the jobs chief, worker, ps, not ps, worker"):
        distribution.resolve_cluster("parameter_server")


def test_strategies_are_checked():
    with pytest.raises(ValueError, match="strategy must be one of one_device, mirrored"):
        distribution.resolve_cluster("tpu")
    with pytest.raises(ValueError, match="cluster_resolver must be None"):
        distribution.resolve_cluster("mirrored", object())
