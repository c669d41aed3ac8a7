"""`keras-inception launch`: its processes, with small scripts in place of `train`."""

import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from keras_inception.cli import launch
from keras_inception.cli.launch import LocalCluster, Watch
from keras_inception.cli.main import main

ROOT = pathlib.Path(__file__).parents[2]
# What every script begins with: who it is, and how often it was started.
HEAD = """
import json, os, pathlib, signal, sys, time
config = json.loads(os.environ["TF_CONFIG"])
name = "{type}{index}".format(**config["task"])
here = pathlib.Path(sys.argv[1])
starts = here / f"{name}.starts"
with open(starts, "a") as file:
    file.write(f"{os.getpid()}\\n")
time_of_start = len(starts.read_text().split())
def when(path, lines=0):
    while not (here / path).exists() or len((here / path).read_text().split()) < lines:
        time.sleep(0.02)
def kill_myself():
    for job, addresses in config["cluster"].items():
        for index in range(len(addresses)):
            when(f"{job}{index}.starts", time_of_start)  # so that all of them count
    os.kill(os.getpid(), signal.SIGKILL)
"""
KILLED_ONCE = """
if name == "worker1" and time_of_start == 1:
    kill_myself()
"""


def watch(tmp_path, body, restarts=3, **jobs):
    """The exit status, and how often each task was started; no task is left."""
    script = tmp_path / "task.py"
    script.write_text(HEAD + textwrap.dedent(body))
    command = [sys.executable, str(script), str(tmp_path)]
    with LocalCluster(command, tmp_path, jobs or {"worker": 2}) as cluster:
        status = Watch(cluster, restarts).run()
    return status, starts(tmp_path)


def starts(tmp_path):
    pids = {file.stem: file.read_text().split() for file in tmp_path.glob("*.starts")}
    for pid in itertools.chain(*pids.values()):
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    return {name: len(of_task) for name, of_task in pids.items()}


def test_every_task_knows_who_it_is(tmp_path):
    body = "(here / f'{name}.config').write_text(os.environ['TF_CONFIG'])"
    status, started = watch(tmp_path, body, chief=1, worker=2, ps=1)
    assert status == 0
    assert started == {"chief0": 1, "worker0": 1, "worker1": 1, "ps0": 1}
    configs = [json.loads(file.read_text()) for file in tmp_path.glob("*.config")]
    assert len(configs) == 4
    clusters = [config["cluster"] for config in configs]
    assert all(cluster == clusters[0] for cluster in clusters)
    addresses = list(itertools.chain(*clusters[0].values()))
    assert len(set(addresses)) == len(addresses) == 4


def test_killed_synchronous_worker_starts_all_again(tmp_path, capsys):
    body = KILLED_ONCE + "if time_of_start == 1: time.sleep(600)"
    assert watch(tmp_path, body) == (0, {"worker0": 2, "worker1": 2})
    assert "worker 1 was ended by SIGKILL; all are started again" in capsys.readouterr().err


def test_killed_asynchronous_worker_is_started_again_alone(tmp_path, capsys):
    body = KILLED_ONCE + "if name == 'chief0': when('worker1.second')\n"
    body += "if name == 'worker1': (here / 'worker1.second').touch()"
    status, started = watch(tmp_path, body, chief=1, worker=2, ps=1)
    assert (status, started) == (0, {"chief0": 1, "worker0": 1, "worker1": 2, "ps0": 1})
    assert "worker 1 was ended by SIGKILL; it is started again" in capsys.readouterr().err


def test_killed_server_starts_all_again(tmp_path):
    body = KILLED_ONCE.replace("worker1", "ps0") + "if time_of_start == 1: time.sleep(600)"
    _, started = watch(tmp_path, body, chief=1, worker=1, ps=1)
    assert started == {"chief0": 2, "worker0": 2, "ps0": 2}


def test_restarts_come_to_an_end(tmp_path):
    body = "if name == 'worker1': kill_myself()\ntime.sleep(600)"
    with pytest.raises(RuntimeError, match="worker 1 was ended by SIGKILL, and --restarts allows"):
        watch(tmp_path, body, restarts=1)
    assert starts(tmp_path) == {"worker0": 2, "worker1": 2}


class Fake:
    """A cluster whose tasks have ended by the time of each look."""

    first = ("worker", 0)
    is_asynchronous = False

    def __init__(self, *looks):
        self._looks = iter(looks)
        self.tasks = list(looks[-1])
        self.starts = 0

    def start(self):
        self.starts += 1
        self._now = next(self._looks)

    def kill(self):
        pass

    def ended(self):
        return self._now


def test_killed_task_counts_before_those_that_failed_for_want_of_it():
    cluster = Fake({("worker", 0): 1, ("worker", 1): -9}, {("worker", 0): 0, ("worker", 1): 0})
    assert Watch(cluster, restarts=1).run() == 0
    assert cluster.starts == 2


def test_failed_task_ends_all(tmp_path):
    body = "if name == 'worker1': sys.exit('keras-inception: no such recipe')\ntime.sleep(600)"
    with pytest.raises(RuntimeError, match="worker 1 has failed with status 1.*no such recipe"):
        watch(tmp_path, body)
    assert starts(tmp_path) == {"worker0": 1, "worker1": 1}


def test_failed_first_task_gives_its_status(tmp_path):
    status, _ = watch(tmp_path, "if name == 'worker0': sys.exit(1)\ntime.sleep(600)")
    assert status == 1


def test_those_that_do_not_end_by_themselves_are_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "END_SECONDS", 0.3)
    assert watch(tmp_path, "if name == 'worker1': time.sleep(600)")[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's signal for orphans")
def test_tasks_of_a_killed_launch_are_ended(tmp_path):
    script = tmp_path / "task.py"
    script.write_text(HEAD + "time.sleep(600)")
    code = (
        "import pathlib, sys; from keras_inception.cli.launch import LocalCluster, Watch;"
        f"command = [sys.executable, {str(script)!r}, {str(tmp_path)!r}];"
        f"cluster = LocalCluster(command, pathlib.Path({str(tmp_path)!r}), {{'worker': 2}});"
        "Watch(cluster, 3).run()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while len(list(tmp_path.glob("*.starts"))) < 2:
        time.sleep(0.02)
    process.kill()
    process.wait()
    pids = [int(file.read_text()) for file in tmp_path.glob("*.starts")]
    until = time.monotonic() + 20
    while any(is_running(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(is_running(pid) for pid in pids)


def is_running(pid):
    """Whether the process is there, and no zombie that nobody has waited for."""
    stat = pathlib.Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


SAVES = """
def save(*_):
    (here / "saved").touch()
    sys.exit(0)
if name == "worker0":
    signal.signal(signal.SIGTERM, save)
(here / f"{name}.ready").touch()
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_is_handed_on_to_the_task_that_saves(tmp_path, number):
    def send():
        while len(list(tmp_path.glob("*.ready"))) < 2:
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    threading.Thread(target=send, daemon=True).start()
    if number == signal.SIGINT:
        with pytest.raises(KeyboardInterrupt):
            watch(tmp_path, SAVES)
    else:
        assert watch(tmp_path, SAVES)[0] == 0
    assert (tmp_path / "saved").exists()
    assert starts(tmp_path) == {"worker0": 1, "worker1": 1}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workers=2"], "launch needs --workers=2"),
        (["--", "demo"], "launch needs --workers=2"),
        (["--", "train", "--strategy=mirrored"], "chooses the strategy itself"),
        (["--workers=0", "--", "train"], "workers"),
        (["--ps=-1", "--", "train"], "ps"),
    ],
)
def test_mistakes_on_the_command_line(capsys, words, message):
    assert main(["launch", *words]) == 2
    assert message in capsys.readouterr().err


def test_an_error_of_train_is_that_of_launch(tmp_path, monkeypatch, capfd):
    """By a real task: `train` refuses the recipe's field."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    words = ["--workers=1", f"--log_dir={tmp_path}", "--", "train", "--set=no_such_field=1"]
    assert main(["launch", *words, f"--output={tmp_path / 'run'}"]) == 1
    assert "no_such_field" in capfd.readouterr().err
