"""How long things take, measured so that they can be compared on a machine with other work.

Calls are timed in turn, not one after the other: so what slows the machine for a while slows all of
them. Trust medians and their ratios.
"""

import contextlib
import dataclasses
import resource
import statistics
import sys
import time

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Timing:
    """What was measured of one call.

    Attributes:
        seconds: on the clock, one a repetition.
        processor: seconds of all the processor's cores, one a repetition.
        batch: pictures a call.
    """

    seconds: tuple
    processor: tuple
    batch: int

    @property
    def least(self):
        return min(self.seconds)

    @property
    def median(self):
        return statistics.median(self.seconds)

    @property
    def p95(self):
        """What 95 % of the calls stay below."""
        return float(np.percentile(self.seconds, 95))

    @property
    def throughput(self):
        """Pictures a second, by the median."""
        return self.batch / self.median


def interleaved(calls, batch, repeats=20):
    """Times each call `repeats` times, in turn; before each time it is called once for nothing.

    Args:
        calls: `{name: function without arguments}`.
        batch: pictures a call.
        repeats: at least one.

    Returns:
        `{name: Timing}`.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    found = {name: ([], []) for name in calls}
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


def multiply_rate(side=2048, repeats=7):
    """Float32 operations a second of a matrix product, the most that a network could reach.

    A multiply-accumulate is two of them. It uses the threads that TensorFlow was given.
    """
    a = tf.random.stateless_uniform((side, side), (0, 0))
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(a, a)))
    timing = interleaved({"product": lambda: product().numpy()}, 1, repeats)["product"]
    return 2 * side**3 / timing.least


def peak_memory():
    """The most memory that this process has had, since `forget_peak` where Linux is, in bytes."""
    with contextlib.suppress(OSError), open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak():
    """Lets `peak_memory` begin at what the process has now; only Linux can."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")
