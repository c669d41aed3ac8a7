"""Measures several ways to do a thing in turn, each in a process of its own.

Whatever else the machine does affects all of them. A process is stopped between its turns, so it
makes nothing beforehand. A contestant prepares, and returns a function that does the work a given
number of times. `main` of a benchmark calls `child` first, then `race`.
"""

import os
import signal
import statistics
import subprocess
import sys
import time


def race(contestants, rounds, count):
    """Times `count` units of work of each contestant in each round.

    Args:
        contestants: names, each given to a child of this script as `--contestant=NAME`.
        rounds: number of rounds, after one that warms up and one for work that it left over.
        count: units of work in a round.

    Returns:
        name -> seconds per unit, one for each round.
    """
    seconds = {name: [] for name in contestants}
    children = {name: _start(name) for name in contestants}
    try:
        for number in range(rounds + 2):
            for name, running in children.items():
                running.send_signal(signal.SIGCONT)
                print(count, file=running.stdin, flush=True)
                line = running.stdout.readline()
                if not line:
                    raise RuntimeError(f"{name} has ended with status {running.wait()}")
                running.send_signal(signal.SIGSTOP)
                if number > 1:
                    seconds[name].append(float(line) / count)
    finally:
        for running in children.values():
            running.send_signal(signal.SIGCONT)
            running.stdin.close()
            running.wait()
    return seconds


def child(make, cores=lambda name: 1):
    """Runs this process, if it is a contestant, until the race is over, and exits.

    Args:
        make: takes the contestant's name, and returns its function of a count.
        cores: takes the contestant's name, and returns how many cores it may use.
    """
    names = [word.partition("=")[2] for word in sys.argv if word.startswith("--contestant=")]
    if not names:
        return
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: cores(names[0])])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Text that libraries print must not be taken for a time.
    answers, sys.stdout = sys.stdout, sys.stderr
    work = make(names[0])
    for line in sys.stdin:
        begun = time.perf_counter()
        work(int(line))
        print(time.perf_counter() - begun, file=answers, flush=True)
    sys.exit(0)


def report(seconds, unit):
    """Prints the times of each contestant; returns the medians."""
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{unit}: median (least to most)")
    for name, values in seconds.items():
        spread = f"({min(values) * 1000:.0f} to {max(values) * 1000:.0f})"
        print(f"  {name:36} {medians[name] * 1000:8.1f} {spread}")
    return medians


def _start(name):
    return subprocess.Popen(
        [sys.executable, sys.argv[0], f"--contestant={name}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
