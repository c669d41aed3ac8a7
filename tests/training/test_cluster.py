"""Clusters of real processes: killed in the middle, and what can be wrong with them."""

import csv
import os
import sys
import threading
import time

import keras
import numpy as np
import pytest
from cluster import HERE, LIMIT, Cluster, free_ports

from keras_inception.cli.launch import LocalCluster, Watch
from keras_inception.training import checkpoints, distribution

EPOCHS = 4
STEPS = 6 * EPOCHS  # of 96 pictures in batches of 16


def words(workdir, strategy, seconds=0.1):
    """What follows `python task.py`."""
    numbers = {"size": 8, "batch_size": 16, "epochs": EPOCHS, "clip_norm": 0.05}
    numbers |= {"average_decay": 0.9, "learning_rate": 0.1, "epsilon": 1.0}
    flags = [f"--output={workdir}", f"--strategy={strategy}", "--checkpoint_seconds=0"]
    flags += ["--cluster_timeout=60", *(f"--set={name}={v}" for name, v in numbers.items())]
    return [seconds, *flags]


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
    folder = tmp_path_factory.mktemp("whole")
    with Cluster(folder) as cluster:
        cluster.start("one", 0, "task.py", *words(folder / "run", "one_device", seconds=0))
        assert cluster.wait("one", 0) == 0, cluster.log("one", 0)
    return weights(folder / "run")


def killed_and_started_again(folder):
    """One process, killed with -9 in its middle, twice."""
    workdir = folder / "run"
    with Cluster(folder) as cluster:
        for stop in (4, 15):
            cluster.start("one", 0, "task.py", *words(workdir, "one_device"))
            cluster.wait_until(lambda stop=stop: steps_done(workdir) >= stop)
            cluster.kill("one", 0)
        cluster.start("one", 0, "task.py", *words(workdir, "one_device", seconds=0))
        assert cluster.wait("one", 0) == 0, cluster.log("one", 0)
    return workdir


def synchronous_with_a_kill(folder):
    """Two workers; the second is killed with -9, and whoever ends is started again."""
    workdir = folder / "run"
    with Cluster(folder, worker=2) as cluster:
        cluster.start_all("task.py", *words(workdir, "multi_worker"))
        cluster.wait_until(lambda: steps_done(workdir) >= 8)
        cluster.kill("worker", 1)
        assert cluster.wait("worker", 0) == 1, cluster.logs()
        line = cluster.log("worker", 0).splitlines()[-1]
        assert line.startswith("keras-inception: a worker was lost at step "), line
        assert "start all tasks again: the run goes on from step" in line
        cluster.start_all("task.py", *words(workdir, "multi_worker", seconds=0))
        for task in cluster.tasks():
            assert cluster.wait(*task) == 0, cluster.logs()
    return workdir


def asynchronous_with_a_kill(folder):
    """A chief, two workers and a server; a worker is killed with -9 and does not come back."""
    workdir = folder / "run"
    with Cluster(folder, chief=1, worker=2, ps=1) as cluster:
        cluster.start_all("task.py", *words(workdir, "parameter_server"))
        cluster.wait_until(lambda: steps_done(workdir) >= 1)
        cluster.kill("worker", 1)
        assert cluster.wait("chief", 0) == 0, cluster.logs()
        for job in ("worker", "ps"):  # end by themselves, once there is no chief
            assert cluster.wait(job, 0) == 0, cluster.logs()
    return workdir


def equal(got, want):
    return all(np.abs(a - b).max() <= 1e-6 * np.abs(b).max() for a, b in zip(got, want))


def check_asynchronous(workdir):
    """No step is lost: each of the steps was applied, one that was repeated perhaps twice."""
    assert epochs_of(workdir) == list(range(1, EPOCHS + 1))
    store = checkpoints.Checkpoints(workdir / "checkpoints")
    step, groups, _ = store.newest()
    assert step == 2 * STEPS  # each worker updates with half a batch
    iterations = [int(a) for a in groups["optimizer"] if a.shape == () and a.dtype.kind == "i"]
    assert max(iterations) >= step
    assert np.isfinite(weights(workdir)[0]).all()


def test_killed_process_goes_on_to_the_same_weights(whole, tmp_path):
    workdir = killed_and_started_again(tmp_path)
    assert equal(weights(workdir), whole)
    assert epochs_of(workdir) == list(range(1, EPOCHS + 1))


def test_synchronous_workers_count_each_step_once(whole, tmp_path):
    """The same weights as one process that nothing happened to."""
    workdir = synchronous_with_a_kill(tmp_path)
    assert equal(weights(workdir), whole)
    assert epochs_of(workdir) == list(range(1, EPOCHS + 1))


def test_launch_starts_a_killed_cluster_again(whole, tmp_path, monkeypatch, capsys):
    """`keras-inception launch` goes on from the checkpoint, to the weights of an untouched run."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parents[1]), str(HERE)]))
    workdir = tmp_path / "run"
    command = [sys.executable, str(HERE / "task.py"), *words(workdir, "multi_worker")]
    with LocalCluster(list(map(str, command)), tmp_path, {"worker": 2}) as cluster:

        def kill():
            while steps_done(workdir) < 8:
                time.sleep(0.05)
            cluster._running["worker", 1].kill()

        threading.Thread(target=kill, daemon=True).start()
        assert Watch(cluster, restarts=1).run() == 0
    assert "worker 1 was ended by SIGKILL; all are started again" in capsys.readouterr().err
    assert equal(weights(workdir), whole)
    assert epochs_of(workdir) == list(range(1, EPOCHS + 1))


def test_asynchronous_workers_lose_no_step(tmp_path):
    check_asynchronous(asynchronous_with_a_kill(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("repetition", range(10))
def test_ten_times(whole, tmp_path, repetition):
    """The three above, ten times."""
    for name, run in (("one", killed_and_started_again), ("two", synchronous_with_a_kill)):
        (tmp_path / name).mkdir()
        assert equal(weights(run(tmp_path / name)), whole)
    (tmp_path / "three").mkdir()
    check_asynchronous(asynchronous_with_a_kill(tmp_path / "three"))


def test_sigterm_saves_and_ends_with_status_0(whole, tmp_path):
    workdir = tmp_path / "run"
    slowly = words(workdir, "one_device")
    slowly[3] = "--checkpoint_seconds=1000"
    with Cluster(tmp_path) as cluster:
        cluster.start("one", 0, "task.py", *slowly)
        cluster.wait_until(lambda: steps_done(workdir) >= 6)
        cluster.terminate("one", 0)
        assert cluster.wait("one", 0) == 0, cluster.log("one", 0)
        assert "stopped by SIGTERM" in cluster.log("one", 0)
        assert steps_done(workdir) > 6
        cluster.start("one", 0, "task.py", *words(workdir, "one_device", seconds=0))
        assert cluster.wait("one", 0) == 0, cluster.log("one", 0)
    assert equal(weights(workdir), whole)


@pytest.mark.parametrize(
    ("strategy", "jobs", "job"),
    [
        ("multi_worker", {"worker": 2}, "worker"),
        ("parameter_server", {"chief": 1, "worker": 1, "ps": 1}, "chief"),
        ("parameter_server", {"chief": 1, "worker": 1, "ps": 1}, "worker"),
    ],
)
def test_a_task_that_never_comes_is_an_error_in_time(tmp_path, strategy, jobs, job):
    flags = [word for word in words(tmp_path / "run", strategy) if "timeout" not in str(word)]
    with Cluster(tmp_path, **jobs) as cluster:
        cluster.start(job, 0, "task.py", *flags, "--cluster_timeout=1")
        assert cluster.wait(job, 0) == 1, cluster.log(job, 0)
        line = cluster.log(job, 0).splitlines()[-1]
    assert line.startswith("keras-inception: localhost:")
    assert "did not come in time" in line


def test_ports_are_different():
    assert len(set(free_ports(20))) == 20
    assert LIMIT < 200


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "wants TF_CONFIG to be set"),
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
            "has the jobs chief, worker .chief may be left out., not ps, worker",
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
    with pytest.raises(ValueError, match="has the jobs chief, worker, ps, not ps, worker"):
        distribution.resolve_cluster("parameter_server")


def test_strategies_are_checked():
    with pytest.raises(ValueError, match="strategy must be one of one_device, mirrored"):
        distribution.resolve_cluster("tpu")
    with pytest.raises(ValueError, match="takes no cluster"):
        distribution.resolve_cluster("mirrored", object())
