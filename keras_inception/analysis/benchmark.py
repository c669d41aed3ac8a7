"""Timings and memory, measured so that they can be compared on a machine with other work.

Calls are timed in turn, not one after the other: whatever slows the machine for a while slows all
of them. Trust medians and their ratios.
"""

from __future__ import annotations

import contextlib
import dataclasses
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Timing:
    """Timings of one call.

    Attributes:
        seconds: elapsed seconds of each repetition.
        processor: seconds of processor time of each repetition, summed over all cores.
        batch: pictures in each call.
    """

    seconds: tuple[float, ...]
    processor: tuple[float, ...]
    batch: int

    @property
    def least(self) -> float:
        """Shortest elapsed time, in seconds."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """Median elapsed time, in seconds."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """Elapsed time in seconds that 95 % of the calls do not exceed."""
        return float(np.percentile(self.seconds, 95))

    @property
    def throughput(self) -> float:
        """Pictures per second, by the median."""
        return self.batch / self.median


def interleaved(
    calls: Mapping[str, Callable[[], Any]], batch: int, repeats: int = 20
) -> dict[str, Timing]:
    """Times each call `repeats` times, in turn; an untimed call comes before each timed one.

    Args:
        calls: `{name: function without arguments}`.
        batch: pictures in each call.
        repeats: repetitions, at least one.

    Returns:
        `{name: Timing}`.

    Raises:
        ValueError: `repeats` is below one.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    found: dict[str, tuple[list, list]] = {name: ([], []) for name in calls}
    for call in calls.values():
        call()
    for _ in range(repeats):
        for name, call in calls.items():
            call()  # brings its weights back into the cache
            clock, processor = time.perf_counter(), time.process_time()
            call()
            found[name][0].append(time.perf_counter() - clock)
            found[name][1].append(time.process_time() - processor)
    return {name: Timing(tuple(a), tuple(b), batch) for name, (a, b) in found.items()}


def multiply_rate(side: int = 2048, repeats: int = 7) -> float:
    """Measures float32 operations per second of a matrix product, the most a network could reach.

    A multiply-accumulate counts as two operations. The product runs on TensorFlow's threads.

    Args:
        side: rows and columns of the two matrices.
        repeats: repetitions; the fastest counts.
    """
    a = tf.random.stateless_uniform((side, side), (0, 0))
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(a, a)))
    timing = interleaved({"product": lambda: product().numpy()}, 1, repeats)["product"]
    return 2 * side**3 / timing.least


def peak_memory() -> int:
    """Returns the peak memory of this process in bytes, on Linux since the last `forget_peak`."""
    with contextlib.suppress(OSError), open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> None:
    """Resets `peak_memory` to the memory that the process has now; works on Linux only."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")
