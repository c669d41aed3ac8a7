"""The devices and machines that a run uses: `tf.distribute` strategies and the cluster.

| strategy | what it is | tasks of its cluster |
| --- | --- | --- |
| `one_device` | no strategy | |
| `mirrored` | synchronous replicas on the GPUs of one machine, or its logical CPUs | |
| `multi_worker` | synchronous replicas on several machines | `worker`, and a `chief` if you like |
| `parameter_server` | asynchronous workers, as for GoogLeNet | `chief`, `worker`, `ps` |

The cluster comes from the environment variable `TF_CONFIG`, or from a
`tf.distribute.cluster_resolver`, for example those for Slurm and Kubernetes. Every task runs the
same command.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterable
from typing import TypeAlias

import tensorflow as tf

Resolver: TypeAlias = tf.distribute.cluster_resolver.ClusterResolver
STRATEGIES = ("one_device", "mirrored", "multi_worker", "parameter_server")
CLUSTER_TIMEOUT = 600.0  # seconds: our choice, for a scheduler to start the last machine
_HEARTBEAT_TIMEOUT = 20_000  # milliseconds: our choice. A worker silent for longer is lost
_JOBS = {"multi_worker": ("chief", "worker"), "parameter_server": ("chief", "worker", "ps")}


def resolve_cluster(name: str, cluster_resolver: Resolver | None = None) -> Resolver | None:
    """Returns the cluster of this task: `cluster_resolver`, or that of `TF_CONFIG`.

    Returns:
        A `tf.distribute.cluster_resolver.ClusterResolver`, or `None` if the strategy needs none.

    Raises:
        ValueError: if the strategy is unknown, if `TF_CONFIG` is missing or does not parse, or if
            the cluster's jobs do not fit the strategy.
    """
    if name not in STRATEGIES:
        raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, got {name!r}.")
    if name not in _JOBS:
        if cluster_resolver is not None:
            raise ValueError(
                f"strategy {name!r} runs on one machine, so cluster_resolver must be None."
            )
        return None
    if cluster_resolver is None:
        _check_environment(name)
        cluster_resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    jobs = set(cluster_resolver.cluster_spec().as_dict())
    known, needed = set(_JOBS[name]), set(_JOBS[name][1:])
    if name == "parameter_server":
        needed.add("chief")
    if jobs - known - {"evaluator"} or needed - jobs:
        raise ValueError(
            f"The cluster of strategy {name!r} must have the jobs {', '.join(_JOBS[name])}"
            f"{' (chief is optional)' * (name == 'multi_worker')}, "
            f"not {', '.join(sorted(jobs)) or 'none'}."
        )
    return cluster_resolver


def _check_environment(name):
    """Raises a ValueError if `TF_CONFIG` does not tell the cluster and which task this is."""
    example = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
    example += '"task": {"type": "worker", "index": 0}}'
    text = os.environ.get("TF_CONFIG")
    if not text:
        raise ValueError(
            f"Strategy {name!r} needs the environment variable TF_CONFIG, for example {example}"
        )
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        addresses = cluster[task["type"]]
        addresses[int(task["index"])]
        for address in (a for job in cluster.values() for a in job):
            if not 0 < int(address.rsplit(":", 1)[1]) < 65536:
                raise ValueError(f"{address} has no port from 1 to 65535")
        if int(task["index"]) < 0 or not isinstance(addresses, list):
            raise IndexError("task index")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(
            f"TF_CONFIG does not parse ({type(error).__name__}: {error}). It must look like "
            f"{example}, got {text!r}"
        ) from error


def make_strategy(
    name: str,
    cluster_resolver: Resolver | None = None,
    cluster_timeout: float = CLUSTER_TIMEOUT,
) -> tf.distribute.Strategy | None:
    """Makes the strategy called `name`. With several machines, waits until all have joined.

    Call it before TensorFlow runs anything, since that is when it initializes its devices.

    Args:
        name: one of `STRATEGIES`.
        cluster_resolver: the result of `resolve_cluster`.
        cluster_timeout: seconds to wait for the other tasks.

    Returns:
        A `tf.distribute.Strategy`, or `None` for `one_device`.

    Raises:
        TimeoutError: if a task did not join in time.
        RuntimeError: if TensorFlow has run something before, so that it cannot join a cluster.
    """
    if name == "mirrored":
        logical = tf.config.list_logical_devices
        return tf.distribute.MirroredStrategy([d.name for d in logical("GPU") or logical("CPU")])
    if name == "multi_worker":
        return _multi_worker(cluster_resolver, cluster_timeout)
    if name == "parameter_server":
        return _parameter_server(cluster_resolver, cluster_timeout)
    return None


def _multi_worker(resolver, timeout):
    from tensorflow.python.eager import context  # there is no public way to set these limits

    spec = resolver.cluster_spec()
    _meet(spec, spec.task_address(resolver.task_type, resolver.task_id), timeout)
    config = tf.compat.v1.ConfigProto().experimental.coordination_config
    for job in ("chief", "worker"):
        if job in spec.jobs:
            config.coordinated_job_list.add(name=job, num_tasks=spec.num_tasks(job))
    # The strategy would configure the same, except for this limit.
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{config.coordinated_job_list[0].name}/replica:0/task:0",
        heartbeat_timeout_in_ms=_HEARTBEAT_TIMEOUT,
        coordinated_jobs=list(config.coordinated_job_list),
    )
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def _meet(spec, own, timeout):
    """Returns once every task has called it. TensorFlow itself would wait forever.

    Each task listens at its own address until it has reached all the others. By then it may be
    their TensorFlow that listens.
    """
    others = [a for job in _JOBS["multi_worker"] for a in spec.as_dict().get(job, []) if a != own]
    with socket.create_server(("", int(own.rpartition(":")[2])), backlog=len(others) + 1):
        wait_for(others, time.monotonic() + timeout)


def _parameter_server(resolver, timeout):
    spec = resolver.cluster_spec()
    addresses = [address for job in ("worker", "ps") for address in spec.as_dict()[job]]
    wait_for(addresses, time.monotonic() + timeout)
    return tf.distribute.ParameterServerStrategy(resolver)


def wait_for(addresses: Iterable[str], deadline: float) -> None:
    """Returns once every address accepts connections.

    Args:
        addresses: `host:port` of each.
        deadline: when to give up, by `time.monotonic`.

    Raises:
        TimeoutError: names the addresses that did not accept one in time.
    """
    missing = list(addresses)
    while missing:
        missing = [address for address in missing if not is_listening(address)]
        if missing and time.monotonic() > deadline:
            raise TimeoutError(
                f"{', '.join(missing)} did not join the cluster in time (argument cluster_timeout)"
            )
        if missing:
            time.sleep(0.2)


def is_listening(address: str, timeout: float = 2.0) -> bool:
    """Tells whether something accepts connections at `host:port` within `timeout` seconds."""
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError):
        socket.create_connection((host.strip("[]"), int(port)), timeout).close()
        return True
    return False


def count_workers(resolver: Resolver) -> int:
    """Counts the tasks of a cluster that compute gradients."""
    spec = resolver.cluster_spec()
    jobs = _JOBS["multi_worker"] if "ps" not in spec.jobs else ("worker",)
    return sum(spec.num_tasks(job) for job in jobs if job in spec.jobs)


def wait_for_all(strategy: tf.distribute.Strategy | None) -> None:
    """Makes the synchronous workers wait for each other. On one machine it returns at once."""
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        strategy.reduce("SUM", strategy.run(lambda: tf.ones(())), axis=None).numpy()


def is_chief(resolver: Resolver | None) -> bool:
    """Tells whether this task writes the results: it is the chief, or else the first worker."""
    if resolver is None or not resolver.task_type:
        return True
    if "chief" in resolver.cluster_spec().jobs:
        return resolver.task_type == "chief"
    return resolver.task_type == "worker" and resolver.task_id == 0
