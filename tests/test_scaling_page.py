"""The model of docs/scaling.md: its formulas on numbers, and the page's tables from its figures."""

import json
import pathlib
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module", autouse=True)
def benchmarks_are_importable():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture
def model():
    import step_model

    return step_model


def test_page_has_the_tables_of_the_measured_file():
    import scaling_tables

    measured = json.loads((ROOT / "benchmarks" / "scaling.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    for table in scaling_tables.tables(measured):
        assert f"\n\n{table}\n\n" in page


def test_all_reduce_sends_two_n_minus_one_nths(model):
    network = model.Network(latency=0.5, bandwidth=1e6)
    # Six hops of 0.5 ms, and six quarters of 2 MB at 1 MB/s.
    assert model.all_reduce(2_000_000, 4, network) == pytest.approx(3 + 3000)


def test_step(model):
    network = model.Network(latency=1.0, bandwidth=1e6)
    one = model.Replica(fixed=6.0, image=2.0, view=0.5)
    assert model.step(one, 8, 1, [1000], None) == 26
    # A message of 1 KB between two: two hops of 1 ms and twice half a millisecond.
    assert model.step(one, 8, 2, [1000, 1000], network) == pytest.approx(26 + 2 * 3)
    # Where others take half of its core; what the network takes was measured so.
    assert model.step(one, 8, 4, [1000], network, slower=2.0, meeting=3.0) == pytest.approx(
        52 + 3 + 6 * 1.25
    )


def test_numbers_have_significant_digits():
    import scaling_tables

    found = [scaling_tables.number(value) for value in (0, 0.0097, 1.234, 99.99, 1234.5)]
    assert found == ["0", "0.00970", "1.23", "100", "1,230"]


@pytest.mark.parametrize(("view", "expected"), [(0.5, 22.0), (4.0, 32.0)])
def test_input_beside_the_step_counts_where_it_is_longer(model, view, expected):
    one = model.Replica(fixed=6.0, image=2.0, view=view, overlaps=True)
    assert one.busy(8) == expected


def test_asynchronous_updates_are_the_workers_or_the_servers(model):
    # A worker takes 100 ms and sends 2 x 50 MB at 1 GB/s: 5 updates a second.
    assert model.asynchronous_updates(100, 4, 2, 50e6, 1e9) == pytest.approx(20)
    # Two servers take 2 x 1 GB/s / 50 MB.
    assert model.asynchronous_updates(100, 50, 2, 50e6, 1e9) == pytest.approx(40)


def test_fits_give_back_what_they_are_made_of(model):
    network = model.Network(latency=0.3, bandwidth=2e8)
    times = {size: model.all_reduce(size, 4, network) for size in (4096, 2**20, 2**26)}
    fitted = model.fit_network(times, 4)
    assert (fitted.latency, fitted.bandwidth) == pytest.approx((0.3, 2e8))
    assert model.fit_compute({4: 13.0, 16: 37.0, 64: 133.0}) == pytest.approx((5.0, 2.0))


def test_fit_weighs_relative_errors(model):
    # The same relative error up and down at both sizes: the fit stays between.
    start, slope = model._line(np.array([1.0, 1.0, 1e6, 1e6]), np.array([0.9, 1.1, 0.9e6, 1.1e6]))
    assert 0.9 < start + slope < 1.1
    assert 0.9e6 < start + slope * 1e6 < 1.1e6


def test_the_slowest_of_normal_times(model):
    assert model.slowest_of(1) == pytest.approx(0.0, abs=1e-3)
    assert model.slowest_of(2) == pytest.approx(np.pi**-0.5, rel=1e-3)
    assert model.slowest_of(3) == pytest.approx(1.5 * np.pi**-0.5, rel=1e-3)
    draws = np.random.default_rng(0).standard_normal((40_000, 50)).max(axis=1).mean()
    assert model.slowest_of(50) == pytest.approx(draws, abs=0.02)
