"""Tests of labels.py: how the names of the classes are found, checked and written."""

import pytest

from keras_inception import labels
from keras_inception.models import imagenet


def test_the_file_named_after_the_model_comes_first(tmp_path):
    (tmp_path / "labels.txt").write_text("a\nb\n")
    assert labels.class_names(tmp_path / "model.keras", 2) == ("a", "b")
    (tmp_path / "model.labels.txt").write_text("é\nf g\n", encoding="utf-8")
    assert labels.class_names(tmp_path / "model.keras", 2) == ("é", "f g")
    assert labels.class_names(tmp_path / "other.tflite", 2) == ("a", "b")


def test_without_a_file(tmp_path):
    assert labels.class_names(tmp_path / "model.keras", 3) == ("0", "1", "2")
    assert labels.class_names(None, 1000)[0] == "tench"


def test_the_names_inside_a_tflite_file_come_last(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(labels.appended(b"the graph", ["a", "é"]))
    assert labels.class_names(path, 2) == ("a", "é")
    assert labels.class_names(path, 3) == ("0", "1", "2")
    path.write_bytes(labels.appended(b"the graph", map(str, range(1000))))
    assert labels.class_names(path, 1000)[0] == "tench"  # numbers say nothing
    labels.write(labels.beside(path), ["c", "d"])
    assert labels.class_names(path, 2) == ("c", "d")
    assert labels.beside(path) == tmp_path / "model.labels.txt"


def test_given_names():
    assert labels.checked(None, 2) == ("0", "1")
    assert labels.checked(["a", 7], 2) == ("a", "7")
    with pytest.raises(ValueError, match="class_names has 1 names; the model has 2 classes"):
        labels.checked(["a"], 2)
    with pytest.raises(ValueError, match="'a.n' is empty or has a line break"):
        labels.checked(["a\n"], 1)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffa\nb c\n",
        "a\r\nb c\r\n",
        "a\nb c",
        "a\nb c\n\n \n",
        "\ufeffa \r\n b c\r\n\r\n",
    ],
)
def test_files_of_other_systems(tmp_path, content):
    file = tmp_path / "labels.txt"
    file.write_bytes(content.encode())
    assert labels.read(file, 2) == ("a", "b c")


def test_refused_files(tmp_path):
    file = tmp_path / "labels.txt"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not a text file"):
        labels.read(file, 1)
    file.write_text("a\n")
    with pytest.raises(ValueError, match="1 lines; the model has 2"):
        labels.read(file, 2)


def test_wordnet_numbers_become_names():
    numbers = [number for number, _ in imagenet.class_names()]
    assert labels.readable(numbers)[:2] == ("tench", "goldfish")
    assert labels.readable(numbers[1:]) == tuple(numbers[1:])
    assert labels.readable(["a", "b"]) == ("a", "b")
