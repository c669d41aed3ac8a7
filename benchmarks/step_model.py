"""How long a training step takes on several machines: the model and its formulas.

Times are in milliseconds, sizes in bytes, rates in bytes a second.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Replica:
    """What a step costs on one replica that has its processor for itself.

    Attributes:
        fixed: whatever the batch: update, average, weight decay, callbacks, logs, the start of some
            thousand operations.
        image: forward and backward pass of an image.
        view: making a training view of a picture.
        overlaps: whether the input is made while the step is computed, on other cores than it.
    """

    fixed: float
    image: float
    view: float
    overlaps: bool = False

    def busy(self, batch):
        """Time of a step of `batch` images without the other replicas."""
        compute = self.fixed + batch * self.image
        made = batch * self.view
        return max(compute, made) if self.overlaps else compute + made


@dataclasses.dataclass(frozen=True)
class Network:
    """A link between neighbours: milliseconds until a message begins to come, bytes a second."""

    latency: float
    bandwidth: float


def all_reduce(size, workers, network):
    """A ring all-reduce: 2 (n - 1) hops one after another, each of an n-th of the message."""
    hops = 2 * (workers - 1)
    return hops * (network.latency + 1000 * size / workers / network.bandwidth)


def step(replica, batch, workers, messages, network, slower=1.0, meeting=0.0):
    """A synchronous step.

    Args:
        replica: a `Replica`.
        batch: images of one replica.
        workers: number of replicas.
        messages: sizes of what is all-reduced, one after another, once the gradients are there.
        network: a `Network`; of one worker, `None`.
        slower: how many times as long a replica takes because others work on the same machine. What
            a `network` was measured with is part of it.
        meeting: what several workers take besides, whatever they compute and send: waiting for the
            later one, waking up, agreeing that each has a batch.
    """
    busy = replica.busy(batch) * slower
    if workers == 1:
        return busy
    return busy + meeting + sum(all_reduce(size, workers, network) for size in messages)


def asynchronous_updates(busy, workers, servers, size, bandwidth):
    """Updates a second of asynchronous workers: of so many workers, or all that servers can take.

    A worker reads the parameters, computes for `busy` milliseconds, and writes the gradients, each
    of `size` bytes, evenly spread over the servers, whose links carry both directions at once.
    """
    alone = busy / 1000 + 2 * size / bandwidth
    return min(workers / alone, servers * bandwidth / size)


def fit_network(times, workers):
    """The `Network` whose all-reduce comes nearest to times by size, in relative error.

    Least squares of the relative errors: of the plain ones the largest message would decide alone.
    """
    sizes, measured = (np.array(list(part), float) for part in (times, times.values()))
    start, slope = _line(sizes, measured)
    hops = 2 * (workers - 1)
    return Network(latency=start / hops, bandwidth=1000 * hops / workers / slope)


def fit_compute(times):
    """(fixed, image) of step times by batch."""
    sizes, measured = (np.array(list(part), float) for part in (times, times.values()))
    return _line(sizes, measured)


def _line(x, y):
    """(start, slope) of the line that has the least squares of relative errors."""
    rows = np.stack([np.ones_like(x), x], axis=1) / y[:, None]
    solution, *_ = np.linalg.lstsq(rows, np.ones_like(y), rcond=None)
    return tuple(map(float, solution))


def slowest_of(workers):
    """How much later than the mean the last of so many is, in standard deviations of normal times.

    What a synchronous step waits for where the replicas' times vary independently.
    """
    x = np.linspace(-9.0, 9.0, 20001)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    below = np.cumsum(density) * (x[1] - x[0])
    return float(np.sum(x * workers * density * below ** (workers - 1)) * (x[1] - x[0]))
