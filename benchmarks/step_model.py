"""A model of a training step on several machines, with its formulas.

Times are in milliseconds, sizes in bytes, rates in bytes a second.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Replica:
    """The cost of a step on one replica that has its processor for itself.

    Attributes:
        fixed: time that does not depend on the batch: update, average, weight decay, callbacks,
            logs, the start of some thousand operations.
        image: time for the forward and backward pass of an image.
        view: time for making a training view of a picture.
        overlaps: whether other cores make the input while the step is computed.
    """

    fixed: float
    image: float
    view: float
    overlaps: bool = False

    def busy(self, batch):
        """Returns the time of a step of `batch` images without other replicas."""
        compute = self.fixed + batch * self.image
        made = batch * self.view
        return max(compute, made) if self.overlaps else compute + made


@dataclasses.dataclass(frozen=True)
class Network:
    """A link between neighbours.

    Attributes:
        latency: milliseconds until a message begins to arrive.
        bandwidth: bytes per second.
    """

    latency: float
    bandwidth: float


def all_reduce(size, workers, network):
    """Returns the time of a ring all-reduce: 2 (n - 1) hops, each with an n-th of the message."""
    hops = 2 * (workers - 1)
    return hops * (network.latency + 1000 * size / workers / network.bandwidth)


def step(replica, batch, workers, messages, network, slower=1.0, meeting=0.0):
    """Returns the time of a synchronous step.

    Args:
        replica: a `Replica`.
        batch: number of images of one replica.
        workers: number of replicas.
        messages: sizes of the all-reduces that follow each other once the gradients are computed.
        network: a `Network`; `None` for one worker.
        slower: factor by which a replica is slower because others work on the same machine. A
            measured `network` already includes this effect.
        meeting: further time of several workers, whatever they compute and send: waiting for the
            later one, waking up, agreeing that each has a batch.
    """
    busy = replica.busy(batch) * slower
    if workers == 1:
        return busy
    return busy + meeting + sum(all_reduce(size, workers, network) for size in messages)


def asynchronous_updates(busy, workers, servers, size, bandwidth):
    """Returns the updates per second of asynchronous workers, which the servers may limit.

    A worker reads the parameters, computes for `busy` milliseconds, and writes the gradients.
    Parameters and gradients have `size` bytes each and are evenly spread over the servers, whose
    links carry both directions at once.
    """
    alone = busy / 1000 + 2 * size / bandwidth
    return min(workers / alone, servers * bandwidth / size)


def fit_network(times, workers):
    """Returns the `Network` whose all-reduces fit times by size best, in relative error.

    Relative errors are squared, since the largest message alone would decide a fit of plain errors.
    """
    sizes, measured = (np.array(list(part), float) for part in (times, times.values()))
    start, slope = _line(sizes, measured)
    hops = 2 * (workers - 1)
    return Network(latency=start / hops, bandwidth=1000 * hops / workers / slope)


def fit_compute(times):
    """Returns (fixed, image), given times of steps by batch."""
    sizes, measured = (np.array(list(part), float) for part in (times, times.values()))
    return _line(sizes, measured)


def _line(x, y):
    """Returns (start, slope) of the line with the least squares of relative errors."""
    rows = np.stack([np.ones_like(x), x], axis=1) / y[:, None]
    solution, *_ = np.linalg.lstsq(rows, np.ones_like(y), rcond=None)
    return tuple(map(float, solution))


def slowest_of(workers):
    """Returns how much later than the mean the last of several normal times is.

    The result is in standard deviations. A synchronous step waits this long if the replicas' times
    vary independently.
    """
    x = np.linspace(-9.0, 9.0, 20001)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    below = np.cumsum(density) * (x[1] - x[0])
    return float(np.sum(x * workers * density * below ** (workers - 1)) * (x[1] - x[0]))
