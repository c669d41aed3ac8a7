"""Tests of analysis/benchmark.py."""

import time

import pytest

from keras_inception.analysis import benchmark


def test_calls_take_turns_and_are_told_apart():
    order = []

    def call(name, seconds):
        order.append(name)
        time.sleep(seconds)

    calls = {"slow": lambda: call("slow", 0.03), "fast": lambda: call("fast", 0.003)}
    found = benchmark.interleaved(calls, batch=4, repeats=3)
    assert order == ["slow", "fast"] + ["slow", "slow", "fast", "fast"] * 3
    slow, fast = found["slow"], found["fast"]
    assert len(slow.seconds) == len(slow.processor) == 3
    assert fast.least <= fast.median <= fast.p95
    assert slow.median > 2 * fast.median
    assert slow.median >= 0.03
    assert slow.throughput == 4 / slow.median
    assert sum(slow.processor) < sum(slow.seconds)  # it sleeps
    with pytest.raises(ValueError, match="repeats must be at least 1"):
        benchmark.interleaved(calls, 1, 0)


def test_a_matrix_product_is_faster_than_python():
    assert benchmark.multiply_rate(256, 2) > 1e8


def test_memory_grows():
    benchmark.forget_peak()
    before = benchmark.peak_memory()
    block = b"1" * 60_000_000
    peak = benchmark.peak_memory()
    assert before + 50_000_000 < peak < before + 80_000_000
    del block
    assert benchmark.peak_memory() > before + 50_000_000  # a peak stays
