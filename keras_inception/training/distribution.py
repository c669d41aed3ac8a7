"""The devices and machines that a run uses: `tf.distribute` strategies and the cluster.

| strategy | what it is | the cluster |
| --- | --- | --- |
| `one_device` | no strategy | |
| `mirrored` | synchronous replicas on the GPUs of one machine, or its logical CPUs | |
| `multi_worker` | synchronous replicas on several machines | `worker` tasks, perhaps a `chief` |
| `parameter_server` | asynchronous workers, as GoogLeNet had | `chief`, `worker`, `ps` tasks |

The cluster comes from the environment variable `TF_CONFIG`, or from a
`tf.distribute.cluster_resolver`, such as those for Slurm and Kubernetes. Every task runs the same
command.
"""

import contextlib
import json
import os
import socket
import time

import tensorflow as tf

STRATEGIES = ("one_device", "mirrored", "multi_worker", "parameter_server")
CLUSTER_TIMEOUT = 600.0  # seconds: our choice, time for a scheduler to start the last machine
_JOBS = {"multi_worker": ("chief", "worker"), "parameter_server": ("chief", "worker", "ps")}


def resolve_cluster(name, cluster_resolver=None):
    """The cluster of this task: the resolver that is handed over, or `TF_CONFIG`'s.

    Returns:
        A `tf.distribute.cluster_resolver.ClusterResolver`, `None` where the strategy needs none.

    Raises:
        ValueError: unknown strategy, `TF_CONFIG` that is missing or does not parse, or tasks that
            the strategy has no use for.
    """
    if name not in STRATEGIES:
        raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, got {name!r}.")
    if name not in _JOBS:
        if cluster_resolver is not None:
            raise ValueError(f"strategy {name!r} runs on one machine and takes no cluster.")
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
            f"The cluster of strategy {name!r} has the jobs {', '.join(_JOBS[name])}"
            f"{' (chief may be left out)' * (name == 'multi_worker')}, "
            f"not {', '.join(sorted(jobs)) or 'none'}."
        )
    return cluster_resolver


def _check_environment(name):
    """Raises a ValueError where `TF_CONFIG` does not say which task this is of which cluster."""
    example = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
    example += '"task": {"type": "worker", "index": 0}}'
    text = os.environ.get("TF_CONFIG")
    if not text:
        raise ValueError(f"Strategy {name!r} wants TF_CONFIG to be set, such as {example}")
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
            f"TF_CONFIG does not parse ({type(error).__name__}: {error}); it must be such as "
            f"{example}, got {text!r}"
        ) from error


def make_strategy(name, cluster_resolver=None, cluster_timeout=CLUSTER_TIMEOUT):
    """The strategy called `name`; with several machines, once all of them have come.

    To be called before TensorFlow runs anything: it takes its devices then.

    Args:
        name: one of `STRATEGIES`.
        cluster_resolver: what `resolve_cluster` returned.
        cluster_timeout: seconds to wait for the others.

    Returns:
        A `tf.distribute.Strategy`, `None` for `one_device`.

    Raises:
        TimeoutError: a task has not come.
        RuntimeError: TensorFlow has run something before, so that it cannot join a cluster.
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
    # The strategy would configure the same, but for this limit.
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{config.coordinated_job_list[0].name}/replica:0/task:0",
        heartbeat_timeout_in_ms=_HEARTBEAT_TIMEOUT,
        coordinated_jobs=list(config.coordinated_job_list),
    )
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


_HEARTBEAT_TIMEOUT = 20_000  # milliseconds: our choice; a worker that is silent so long is lost


def _meet(spec, own, timeout):
    """Returns once every task is there, each of which calls it. TensorFlow would wait forever.

    Each listens at its own address until it has reached all the others, whose TensorFlow may
    listen there by then.
    """
    others = [a for job in _JOBS["multi_worker"] for a in spec.as_dict().get(job, []) if a != own]
    with socket.create_server(("", int(own.rpartition(":")[2])), backlog=len(others) + 1):
        wait_for(others, time.monotonic() + timeout)


def _parameter_server(resolver, timeout):
    spec = resolver.cluster_spec()
    addresses = [address for job in ("worker", "ps") for address in spec.as_dict()[job]]
    wait_for(addresses, time.monotonic() + timeout)
    return tf.distribute.ParameterServerStrategy(resolver)


def wait_for(addresses, deadline):
    """Returns once every address takes connections; TimeoutError names those that do not."""
    missing = list(addresses)
    while missing:
        missing = [address for address in missing if not is_listening(address)]
        if missing and time.monotonic() > deadline:
            raise TimeoutError(f"{', '.join(missing)} did not come in time (--cluster_timeout)")
        if missing:
            time.sleep(0.2)


def is_listening(address, timeout=2.0):
    """Whether something takes connections at `host:port`."""
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError):
        socket.create_connection((host.strip("[]"), int(port)), timeout).close()
        return True
    return False


def _addresses(spec):
    return ", ".join(a for addresses in spec.as_dict().values() for a in addresses)


def count_workers(resolver):
    """The number of tasks that compute gradients."""
    spec = resolver.cluster_spec()
    jobs = _JOBS["multi_worker"] if "ps" not in spec.jobs else ("worker",)
    return sum(spec.num_tasks(job) for job in jobs if job in spec.jobs)


def wait_for_all(strategy):
    """Returns once every synchronous worker has called it as often; at once on one machine."""
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        strategy.reduce("SUM", strategy.run(lambda: tf.ones(())), axis=None).numpy()


def is_chief(resolver):
    """Whether this task writes the results: the chief, or the first worker where there is none."""
    if resolver is None or not resolver.task_type:
        return True
    if "chief" in resolver.cluster_spec().jobs:
        return resolver.task_type == "chief"
    return resolver.task_type == "worker" and resolver.task_id == 0
