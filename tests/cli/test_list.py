"""The list command: one line for each variant of each network."""

import keras_inception
from keras_inception.cli import main
from keras_inception.weights.catalog import CATALOG


def test_a_line_for_each_network_and_variant(capsys):
    assert main.main(["list"]) == 0
    header, rule, *lines = capsys.readouterr().out.rstrip("\n").split("\n")
    assert header.split()[:4] == ["id", "variant", "constructor", "size"]
    assert set(rule) == {"-", " "}
    infos = keras_inception.list_models()
    assert len(lines) == len(infos)
    for line, info in zip(lines, infos):
        assert line.split()[:3] == [info.id, info.variant or "-", info.builder]
        assert line.endswith(info.source)
        for value in (f"{info.size} ", f"{info.minimum_size} ", f"{info.classes:,} "):
            assert value in line
        for name in (*info.weights, *info.auxiliary):
            assert name in line
    starts = [line.index(info.source) for line, info in zip(lines, infos)]
    assert set(starts) == {header.index("source")}


def test_takes_no_arguments(capsys):
    assert main.main(["list", "inception_v4"]) == 2
    assert capsys.readouterr().err == (
        "keras-inception: list takes no arguments, got inception_v4\n"
    )


def test_a_line_for_each_public_file(capsys):
    assert main.main(["list", "--weights"]) == 0
    header, _, *lines = capsys.readouterr().out.rstrip("\n").split("\n")
    assert header.split()[:4] == ["network", "tag", "top-1", "top-5"]
    for line, row in zip(lines, CATALOG, strict=True):
        assert line.startswith(row.network)
        assert line.endswith(row.url)
        assert (f"{row.tag} *" in line) == row.default
        for text in (row.tag, row.licence, row.source, (row.hash or "none published")[:12]):
            assert text in line
        assert row.top1_accuracy is None or f"{row.top1_accuracy:.2%}" in line
