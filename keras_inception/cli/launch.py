"""Starts a whole cluster on this machine, to try it out: each task of `train` is a process.

    keras-inception launch --workers=2 -- train --recipe=demo --output=build/two
    keras-inception launch --workers=2 --ps=1 -- train --recipe=demo --output=build/asynchronous

Without parameter servers the workers are synchronous (`--strategy=multi_worker`). With them they
are asynchronous, under a chief (`--strategy=parameter_server`). The first task, or the chief,
prints here. The output of the others is in `--log_dir`.

If a signal ends a task, for example by `kill -9` or because memory ran out, it is started again: an
asynchronous worker alone, otherwise the whole cluster, which goes on from the last checkpoint. A
task that ends with an error ends all. SIGTERM and Ctrl-C are passed on to the task that saves.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Mapping

from absl import flags

from keras_inception.cli import common_flags
from keras_inception.cli.errors import UsageError, print_error

USAGE = "--workers=2 [--ps=1] -- train --output=FOLDER [flags]"
STRATEGIES = {False: "multi_worker", True: "parameter_server"}  # by whether there are servers
# Seconds, our choice: how long the others may take to end once the first has, and how long the
# first may take to save when it is asked to stop.
END_SECONDS, STOP_SECONDS = 30.0, 120.0
_TAIL = 2000  # characters of a failed task's output that are shown
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
Task = tuple[str, int]  # job and index
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def define_flags(flag_values: flags.FlagValues) -> None:
    define = common_flags.Definer(flag_values)
    define.integer("workers", "Number of workers.", 2)
    define.integer(
        "ps", "Number of parameter servers; with any, the workers are asynchronous.", 0, least=0
    )
    define.integer(
        "restarts", "How often tasks that a signal has ended are started again.", 3, least=0
    )
    define.text(
        "log_dir",
        "Folder for the output of the tasks but the first (default: a temporary one, which is "
        "removed if all goes well).",
    )


def run(flag_values: flags.FlagValues, arguments: list[str]) -> int:
    if arguments[:1] != ["train"]:
        raise UsageError(f"launch needs {USAGE}")
    given = [word for word in arguments if word.lstrip("-").partition("=")[0] == "strategy"]
    if given:
        raise UsageError("launch chooses the strategy itself: by --ps")
    jobs = {"worker": flag_values.workers}
    if flag_values.ps:
        jobs = {"chief": 1, **jobs, "ps": flag_values.ps}
    strategy = STRATEGIES[bool(flag_values.ps)]
    words = [sys.executable, "-m", "keras_inception.cli.main", *arguments]
    folder = pathlib.Path(flag_values.log_dir or tempfile.mkdtemp(prefix="keras_inception_launch_"))
    folder.mkdir(parents=True, exist_ok=True)
    with LocalCluster([*words, f"--strategy={strategy}"], folder, jobs) as cluster:
        status = Watch(cluster, flag_values.restarts).run()
    if status == 0 and flag_values.log_dir is None:
        shutil.rmtree(folder)
    return status


class LocalCluster:
    """A context manager for the tasks as processes, at whose end none is left.

    Args:
        command: the words that every task runs; `TF_CONFIG` tells each who it is.
        folder: where the output of all but the first task goes, as `<job>_<index>.log`.
        jobs: job -> number of its tasks. The first task of the first job is the one that saves.
    """

    def __init__(self, command: list[str], folder: pathlib.Path, jobs: Mapping[str, int]) -> None:
        self._command, self._folder = command, folder
        self.tasks = [(job, index) for job, count in jobs.items() for index in range(count)]
        self.first = self.tasks[0]
        self.is_asynchronous = "ps" in jobs
        self._jobs = jobs
        self._running: dict[Task, subprocess.Popen] = {}

    def __enter__(self) -> LocalCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Starts all tasks, on ports that nothing uses."""
        ports = iter(free_ports(len(self.tasks)))
        self._addresses = {
            job: [f"localhost:{next(ports)}" for _ in range(count)]
            for job, count in self._jobs.items()
        }
        for task in self.tasks:
            self.start_task(task)

    def start_task(self, task: Task) -> None:
        """Starts a task, or starts it again at its old address."""
        job, index = task
        config = {"cluster": self._addresses, "task": {"type": job, "index": index}}
        with contextlib.ExitStack() as stack:
            output = None
            if task != self.first:
                output = stack.enter_context(open(self.log_file(task), "ab"))
            # A session of its own: Ctrl-C in a terminal is for this process alone.
            self._running[task] = subprocess.Popen(
                self._command,
                env={**os.environ, "TF_CONFIG": json.dumps(config)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_end_with_this_process,
            )

    def log_file(self, task: Task) -> pathlib.Path:
        """Returns where the task's output goes."""
        return self._folder / f"{task[0]}_{task[1]}.log"

    def ended(self) -> dict[Task, int]:
        """Returns the exit status of each task that has ended: below zero, a signal's number."""
        polled = {task: process.poll() for task, process in self._running.items()}
        return {task: status for task, status in polled.items() if status is not None}

    def terminate(self, task: Task) -> None:
        """Asks a task to save and end."""
        self._running[task].terminate()

    def kill(self) -> None:
        """Ends all tasks at once."""
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self._running.values():
            process.wait()
        self._running = {}


class Watch:
    """Keeps a cluster going until its first task has ended.

    Args:
        cluster: a `LocalCluster`.
        restarts: how often something may be started again.
    """

    def __init__(self, cluster: LocalCluster, restarts: int) -> None:
        self._cluster, self._restarts = cluster, restarts
        self._signal: int | None = None

    def run(self) -> int:
        """Returns the exit status of the first task.

        Raises:
            KeyboardInterrupt: Ctrl-C came, and all have ended.
            RuntimeError: another task has failed.
        """
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self._ask) for number in numbers}
        try:
            self._cluster.start()
            while True:
                status = self._look()
                if status is not None:
                    break
                time.sleep(0.1)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        return status

    def _ask(self, number: int, frame: types.FrameType | None) -> None:
        if self._signal is not None:  # a second time: at once
            self._cluster.kill()
            raise KeyboardInterrupt
        self._signal = number
        self._until = time.monotonic() + STOP_SECONDS
        self._cluster.terminate(self._cluster.first)

    def _look(self) -> int | None:
        """Looks at the tasks once; returns the exit status once all is over."""
        cluster = self._cluster
        ended = cluster.ended()
        status = ended.get(cluster.first)
        killed = [task for task, status in ended.items() if status < 0]
        failed = [task for task, status in ended.items() if status > 0]
        if status == 0 or (status is not None and self._signal):
            self._let_end()
            if status < 0:  # it was not that far yet
                print_error(f"{_name(cluster.first)} was ended before it had anything to save")
            return max(0, status)
        if self._signal:
            if time.monotonic() > self._until:
                raise RuntimeError(f"{_name(cluster.first)} did not stop in {STOP_SECONDS:.0f} s")
        elif killed:  # before those that failed because it was gone
            self._start_again(killed[0], ended[killed[0]])
        elif status is not None:
            return status
        elif failed:
            text = cluster.log_file(failed[0]).read_text(errors="replace")[-_TAIL:]
            raise RuntimeError(
                f"{_name(failed[0])} has failed with status {ended[failed[0]]}; its last line: "
                f"{(text.splitlines() or ['none'])[-1]} (all: {cluster.log_file(failed[0])})"
            )
        return None

    def _start_again(self, task: Task, status: int) -> None:
        name = f"{_name(task)} was ended by {signal.Signals(-status).name}"
        if self._restarts == 0:
            raise RuntimeError(f"{name}, and --restarts allows no more")
        self._restarts -= 1
        if self._cluster.is_asynchronous and task[0] == "worker":
            print_error(f"{name}; it is started again")
            self._cluster.start_task(task)
        else:
            print_error(f"{name}; all are started again, from the last checkpoint")
            self._cluster.kill()
            self._cluster.start()

    def _let_end(self) -> None:
        """Gives the other tasks time to end by themselves."""
        until = time.monotonic() + (0 if self._signal else END_SECONDS)
        while len(self._cluster.ended()) < len(self._cluster.tasks) and time.monotonic() < until:
            time.sleep(0.1)


def _end_with_this_process() -> None:
    """Makes Linux end a new task if `kill -9` ends this process, which can then tell nobody."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _name(task: Task) -> str:
    return f"{task[0]} {task[1]}"


def free_ports(count: int) -> list[int]:
    """Returns `count` different ports that nothing uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]
