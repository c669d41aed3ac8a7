"""Starts a whole cluster on this machine, for trying out: the tasks of `train`, each a process.

    keras-inception launch --workers=2 -- train --recipe=demo --workdir=build/two
    keras-inception launch --workers=2 --ps=1 -- train --recipe=demo --workdir=build/asynchronous

Without parameter servers the workers are synchronous (`--strategy=multi_worker`), with them
asynchronous under a chief (`--strategy=parameter_server`). The first task, or the chief, prints
here; the others' output is in `--log_dir`, which is a temporary folder by default and gone where
all went well.

A task that a signal has ended, by `kill -9` or for want of memory, is started again: an
asynchronous worker alone, for all others the whole cluster, which goes on from the last checkpoint.
A task that ends with an error ends all. SIGTERM and Ctrl-C are handed on to the task that saves.
"""

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

from absl import flags

from keras_inception.cli.errors import UsageError, print_error

USAGE = "--workers=2 [--ps=1] -- train --workdir=FOLDER [flags]"
STRATEGIES = {False: "multi_worker", True: "parameter_server"}  # by whether there are servers
# Seconds, our choice: for the others to end once the first has, and to save when asked to stop.
END_SECONDS, STOP_SECONDS = 30.0, 120.0
_TAIL = 2000  # characters of a failed task's output that are shown
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def define_flags(flag_values):
    def number(name, default, help_text, least):
        flags.DEFINE_integer(name, default, help_text, lower_bound=least, flag_values=flag_values)

    number("workers", 2, "How many workers.", 1)
    number("ps", 0, "How many parameter servers; with any, workers are asynchronous.", 0)
    number("restarts", 3, "How often tasks that a signal has ended are started again.", 0)
    flags.DEFINE_string("log_dir", None, "Where the tasks' output goes.", flag_values=flag_values)


def run(flag_values, arguments):
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
    """The tasks as processes; a context manager at whose end none is left.

    Args:
        command: the words that every task runs; `TF_CONFIG` tells each who it is.
        folder: where the output goes, as `<job>_<index>.log`, but for the first task's.
        jobs: job -> number of its tasks. The first job's first task is the one that saves.
    """

    def __init__(self, command, folder, jobs):
        self._command, self._folder = command, folder
        self.tasks = [(job, index) for job, count in jobs.items() for index in range(count)]
        self.first = self.tasks[0]
        self.is_asynchronous = "ps" in jobs
        self._jobs = jobs
        self._running = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        """Starts all tasks, on ports that nothing uses."""
        ports = iter(free_ports(len(self.tasks)))
        self._addresses = {
            job: [f"localhost:{next(ports)}" for _ in range(count)]
            for job, count in self._jobs.items()
        }
        for task in self.tasks:
            self.start_task(task)

    def start_task(self, task):
        """Starts a task, or starts it again where it was."""
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

    def log_file(self, task):
        return self._folder / f"{task[0]}_{task[1]}.log"

    def ended(self):
        """Task -> exit status of all that have ended; below zero, a signal's number."""
        polled = {task: process.poll() for task, process in self._running.items()}
        return {task: status for task, status in polled.items() if status is not None}

    def terminate(self, task):
        self._running[task].terminate()

    def kill(self):
        """Ends all that run, at once."""
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

    def __init__(self, cluster, restarts):
        self._cluster, self._restarts = cluster, restarts
        self._signal = None

    def run(self):
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

    def _ask(self, number, frame):
        if self._signal is not None:  # a second time: at once
            self._cluster.kill()
            raise KeyboardInterrupt
        self._signal = number
        self._until = time.monotonic() + STOP_SECONDS
        self._cluster.terminate(self._cluster.first)

    def _look(self):
        """One look at the tasks; the exit status, once it is all over."""
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
        elif killed:  # before those that failed for want of it
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

    def _start_again(self, task, status):
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

    def _let_end(self):
        """Gives the others time to end by themselves."""
        until = time.monotonic() + (0 if self._signal else END_SECONDS)
        while len(self._cluster.ended()) < len(self._cluster.tasks) and time.monotonic() < until:
            time.sleep(0.1)


def _end_with_this_process():
    """In a new task: Linux ends it where this process is ended by `kill -9`, which tells nobody."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _name(task):
    return f"{task[0]} {task[1]}"


def free_ports(count):
    """Ports that nothing uses, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]
