"""Tasks of a cluster as real processes on the loopback interface, that never outlive a test."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from keras_inception.cli.launch import free_ports

HERE = pathlib.Path(__file__).parent
LIMIT = 150  # seconds: a test that takes longer has failed


class Cluster:
    """Starts, kills and awaits tasks; a context manager at whose end all are gone.

    Args:
        folder: where each task's output goes, as `<job><index>.log`.
        jobs: job -> number of its tasks; none is for a process without a cluster.
    """

    def __init__(self, folder, **jobs):
        self._folder = folder
        ports = iter(free_ports(sum(jobs.values())))
        self.addresses = {
            job: [f"localhost:{next(ports)}" for _ in range(count)] for job, count in jobs.items()
        }
        self._running = {}
        self._deadline = time.monotonic() + LIMIT

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def tasks(self):
        """(job, index) of every task."""
        return [(job, i) for job, tasks in self.addresses.items() for i in range(len(tasks))]

    def start(self, job, index, script, *words):
        """Starts the task, or starts it again."""
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)]),
            "TASK": str(index),
        }
        if self.addresses:
            task = {"type": job, "index": index}
            config = {"cluster": self.addresses, "task": task}
            environment["TF_CONFIG"] = json.dumps(config)
        with open(self._folder / f"{job}{index}.log", "ab") as log:
            self._running[job, index] = subprocess.Popen(
                [sys.executable, str(HERE / script), *map(str, words)],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_all(self, script, *words):
        for task in self.tasks():
            self.start(*task, script, *words)

    def kill(self, job, index):
        """Kills a task with SIGKILL."""
        process = self._running.pop((job, index))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def terminate(self, job, index):
        """Sends SIGTERM to a task."""
        self._running[job, index].terminate()

    def wait(self, job, index):
        """The exit status of a task once it has ended."""
        left = self._deadline - time.monotonic()
        try:
            return self._running[job, index].wait(max(0, left))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{job} {index} does not end:\n{self.log(job, index)}") from None

    def wait_until(self, condition):
        """Returns once `condition()` is true; fails where a task ends or takes too long before."""
        while not condition():
            assert time.monotonic() < self._deadline, self.logs()
            for (job, index), process in self._running.items():
                assert process.poll() is None, f"{job} {index} has ended: {self.log(job, index)}"
            time.sleep(0.05)

    def log(self, job, index):
        """The end of what a task has printed."""
        text = (self._folder / f"{job}{index}.log").read_text(errors="replace")
        return text[-4000:]

    def logs(self):
        return "\n".join(f"== {job} {i}\n{self.log(job, i)}" for job, i in self.tasks())
