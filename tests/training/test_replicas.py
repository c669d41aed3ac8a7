"""Two replicas on half batches beside one process on the whole: mirrored, and two workers."""

import numpy as np
import pytest
import replicas
from cluster import Cluster

PLAIN, HALF, NORM, TF = "float32-plain", "mixed_float16-plain", "float32-bn", "float32-tf"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(strategy, setting, task) -> the values of all variables on all replicas, after 24 steps."""
    folder = tmp_path_factory.mktemp("replicas")
    with Cluster(folder) as alone, Cluster(folder, worker=2) as workers:
        alone.start("mirrored", 0, "replicas.py", "mirrored", folder, PLAIN, HALF, NORM, TF)
        workers.start_all("replicas.py", "multi_worker", folder, PLAIN, NORM)
        with pytest.MonkeyPatch.context() as patch:
            replicas.main("one_device", folder, (PLAIN, HALF, NORM, TF), patch.setattr)
        assert alone.wait("mirrored", 0) == 0, alone.log("mirrored", 0)
        for task in workers.tasks():
            assert workers.wait(*task) == 0, workers.logs()
    return {path.stem: dict(np.load(path)) for path in folder.glob("*.npz")}


def gap(got, want):
    """Largest difference, relative to the largest magnitude, over all variables of replica 0."""
    names = [name for name in want if not name.endswith("/1")]
    gaps = [np.abs(got[n] - want[n]).max() / max(np.abs(want[n]).max(), 1e-30) for n in names]
    assert len(gaps) > 10
    return max(gaps)


@pytest.mark.parametrize("setting", [PLAIN, TF])
def test_mirrored_replicas_equal_one(trained, setting):
    """Weights, averages, slots and losses; with clipping, weight decay and averaging."""
    assert gap(trained[f"mirrored-{setting}0"], trained[f"one_device-{setting}0"]) < 1e-6


def test_workers_equal_one(trained):
    for task in (0, 1):
        assert gap(trained[f"multi_worker-{PLAIN}{task}"], trained[f"one_device-{PLAIN}0"]) < 1e-6


def test_clipping_took_part(trained):
    """Else the two tests above would not show that it comes after the sum."""
    moved = trained[f"one_device-{PLAIN}0"]["loss"]
    assert moved[0] - moved[-1] < 0.2


def test_half_precision_with_loss_scaling(trained):
    """The rounding differs between a batch and its halves."""
    assert gap(trained[f"mirrored-{HALF}0"], trained[f"one_device-{HALF}0"]) < 1e-2


def test_mirrored_replicas_are_identical_with_batch_norm(trained):
    values = trained[f"mirrored-{NORM}0"]
    seconds = [name for name in values if name.endswith("/1")]
    assert len(seconds) == 21  # 6 of the network, as many averages, 9 of the optimizer
    for name in seconds:
        assert (values[name] == values[name[:-1] + "0"]).all(), name


def test_workers_are_identical_with_batch_norm(trained):
    one, other = (trained[f"multi_worker-{NORM}{task}"] for task in (0, 1))
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert (value == other[name]).all(), name


def test_statistics_are_the_mean_of_the_replicas(trained):
    """They move by half batches, so they are near those of the whole batch, and not equal."""
    one, two = (trained[f"{s}-{NORM}0"] for s in ("one_device", "mirrored"))
    moving = [n for n in one if n.startswith("network/") and n.endswith("/0")]
    close = [n for n in moving if one[n].shape == two[n].shape]
    assert len(close) == len(moving) == 6
    assert all(np.abs(one[n] - two[n]).max() < 0.2 * np.abs(one[n]).max() + 0.05 for n in close)
    assert not np.allclose(one["network/3/0"], two["network/3/0"], rtol=1e-7, atol=0)
