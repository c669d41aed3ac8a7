"""What the README states: its table is what the package counts, and it is one screen."""

import pathlib
import re

import pytest

import keras_inception
from keras_inception.analysis import symbolic_cost
from keras_inception.weights.catalog import find

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = 110  # one screen
SOURCES = {  # what the table calls those that the catalogue of weights names
    "Caffe's model, 5x5 as in the paper": "BVLC/caffe",
    "TF-Slim checkpoint": "tensorflow/models",
    "`keras.applications`": "keras.io",
}


def table():
    """(constructor, variant) -> the other columns, of the table of networks."""
    rows, network = {}, None
    for line in re.findall(r"^\|.*\|$", README, re.M)[2:]:
        first, variant, *rest = (cell.strip() for cell in line.split("|")[1:-1])
        network = re.fullmatch(r"\[`(\w+)`\]\(.*\)", first)[1] if first else network
        rows[network, variant.strip("`") or None] = rest
    return rows


TABLE = table()


def test_the_table_has_every_network():
    assert list(TABLE) == [(info.builder, info.variant) for info in keras_inception.list_models()]


@pytest.mark.parametrize("info", keras_inception.list_models(), ids=lambda i: f"{i.id}-{i.variant}")
def test_table(info):
    pixels, parameters, macs, top1, top5, source, weights = TABLE[info.builder, info.variant]
    variant = {"variant": info.variant} if info.variant else {}
    cost = symbolic_cost(lambda: keras_inception.create_model(info.id, weights=None, **variant))
    assert pixels == str(info.size)
    assert parameters == f"{cost.parameters:,}"
    assert macs == f"{cost.macs / 1e9:.2f} G"
    more = f", {len(info.weights) - 1} more" if info.weights[1:] else ""
    assert weights == "".join(f"`{tag}`{more}" for tag in info.weights[:1])
    row = find(info.id, info.variant, info.weights[0]) if info.weights else None
    if row and row.top1_accuracy:
        accuracies = row.top1_accuracy, row.top5_accuracy
        assert [top1, top5] == [f"{100 * accuracy:.1f} %" for accuracy in accuracies]
        assert row.accuracy_source.startswith(SOURCES[source])
    elif source:
        in_results(source, top1, top5)
    else:
        assert not top1 + top5


def in_results(source, *accuracies):
    """Checks accuracies of a paper against the errors of its table in docs/results.md."""
    paper = re.fullmatch(r"paper, (\d{4}\.\d{5}) .*", source)[1]
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    parts = [part for part in re.split(r"^### ", results, flags=re.M) if paper in part[:100]]
    errors = {f"{float(e):.1f}" for part in parts for e in re.findall(r"\d+\.\d+", part)}
    for accuracy in accuracies:
        assert f"{100 - float(accuracy.rstrip('% ')):.1f}" in errors, (source, accuracy)


def test_it_is_one_screen():
    assert README.count("\n") <= LINES
