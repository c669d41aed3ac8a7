"""Tests of evaluation/labels.py: where the names of the classes are found."""

import pytest

from keras_inception.evaluation.labels import class_names, read_labels, readable
from keras_inception.models import imagenet


def test_the_file_named_after_the_model_comes_first(tmp_path):
    (tmp_path / "labels.txt").write_text("a\nb\n")
    assert class_names(tmp_path / "model.keras", 2) == ("a", "b")
    (tmp_path / "model.labels.txt").write_text("é\nf g\n", encoding="utf-8")
    assert class_names(tmp_path / "model.keras", 2) == ("é", "f g")
    assert class_names(tmp_path / "other.tflite", 2) == ("a", "b")


def test_without_a_file(tmp_path):
    assert class_names(tmp_path / "model.keras", 3) == ("0", "1", "2")
    assert class_names(None, 1000)[0] == "tench"


def test_refused_files(tmp_path):
    file = tmp_path / "labels.txt"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="no text file"):
        read_labels(file, 1)
    file.write_text("a\n")
    with pytest.raises(ValueError, match="1 lines; the model has 2"):
        read_labels(file, 2)


def test_wordnet_numbers_become_names():
    numbers = [number for number, _ in imagenet.class_names()]
    assert readable(numbers)[:2] == ("tench", "goldfish")
    assert readable(numbers[1:]) == tuple(numbers[1:])
    assert readable(["a", "b"]) == ("a", "b")
