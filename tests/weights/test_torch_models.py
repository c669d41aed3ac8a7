"""Ours beside the networks of timm and torchvision themselves: `make test-torch`."""

import shutil
import subprocess
import sys

import pytest
import torch_rule

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """Runs `record.py` in a process of its own; returns the folder, which does not outlive us."""
    folders = []

    def run(*arguments):
        folders.append(tmp_path_factory.mktemp("torch"))
        script = torch_rule.FOLDER / "record.py"
        command = [sys.executable, str(script), "--folder", str(folders[-1]), *arguments]
        subprocess.run(command, check=True)
        return folders[-1]

    yield run
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def others(record):
    """All networks with other weights than the recorded ones."""
    return record("--keep-weights", "--salt", "other")


def check(name, folder, record_gap):
    _, theirs = torch_rule.recorded(name, folder)
    gaps = torch_rule.gaps(name, str(folder / f"{name}.safetensors"), theirs)
    record_gap(f"{name.split('_')[0]}, its own network", name, max(gaps.values()))
    assert max(gaps.values()) < 2e-5


@pytest.mark.parametrize("name", torch_rule.NETWORKS)
def test_outputs_are_those_of_the_other_network(name, others, record_gap):
    check(name, others, record_gap)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_file_in_half_precision(dtype, record, record_gap):
    name = "torchvision_googlenet"
    check(name, record(name, "--keep-weights", "--dtype", dtype), record_gap)


def test_recorded_outputs_are_what_the_networks_give(record):
    folder = record()
    for name in torch_rule.NETWORKS:
        shapes, outputs = torch_rule.recorded(name)
        shapes_now, outputs_now = torch_rule.recorded(name, folder)
        assert shapes_now == shapes
        for key, reference in outputs.items():
            assert torch_rule.gap(outputs_now[key], reference) < 1e-8
