import gc
import os

import pytest

# A network is many thousand objects that stay: looking for garbage among them takes a fifth of the
# time with Python's own thresholds (700, 10, 10).
gc.set_threshold(50_000, 10, 10)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


@pytest.fixture(scope="session")
def photo_patches_dir(tmp_path_factory):
    """A `data_dir` in which `photo_patches` is built; for reading only."""
    from keras_inception import data

    folder = tmp_path_factory.mktemp("tensorflow_datasets")
    data.open("photo_patches", "test", folder)
    return folder


@pytest.fixture
def record_gap(record_property):
    """Notes the largest difference from another's network, for the table at the end of the run."""

    def record(source, network, gap):
        record_property("gap", (source, network, float(gap)))

    return record


def pytest_terminal_summary(terminalreporter):
    """Prints the largest of the differences noted, by source of the weights and network."""
    largest = {}
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "gap":
                source, network, gap = value
                largest[source, network] = max(gap, largest.get((source, network), 0.0))
    if largest:
        terminalreporter.section("largest differences, of the largest magnitude", "-")
        for (source, network), gap in sorted(largest.items()):
            terminalreporter.write_line(f"{source:32} {network:22} {gap:.1e}")
