"""Times calls by the clock and by the processor, and reports ratios of two ways to do a thing.

Both ways are measured in turn in one run, so whatever else the machine does affects both, and the
ratio is the ratio of their medians. If the machine has other work, trust the processor's time more
than the clock's.
"""

import statistics
import time

CLOCKS = {"clock": time.perf_counter, "processor": time.process_time}


def now():
    """Returns (clock, processor) in seconds."""
    return [read() for read in CLOCKS.values()]


def since(start):
    """Returns the (clock, processor) seconds that have passed since `start = now()`."""
    return [end - begun for end, begun in zip(now(), start)]


def timed(call):
    """Returns the (clock, processor) seconds of a call, and its result."""
    start = now()
    result = call()
    return since(start), result


def report(label, times, limit):
    """Prints median, least and most of two ways, and the ratio of their medians by each clock.

    Args:
        label: heading.
        times: name -> list of (clock, processor) seconds, for both ways.
        limit: text about the ratio, for example "at most 1.3".
    """
    print(label)
    width = max(map(len, times))
    for i, clock in enumerate(CLOCKS):
        medians = []
        for name, seconds in times.items():
            values = [1000 * both[i] for both in seconds]
            medians.append(statistics.median(values))
            spread = f"{min(values):.4g} to {max(values):.4g}"
            print(f"  {clock:9}  {name:{width}}  {medians[-1]:8.4g}  ({spread})")
        ratio = medians[0] / medians[1]
        print(f"  {clock:9}  ratio {ratio:.4f}, limit: {limit}", flush=True)
