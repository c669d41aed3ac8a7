"""Tests of data/exclusion.py: lists by name, by ImageNet's number, and by place."""

import pytest

from keras_inception.data.exclusion import excluded_numbers

NAMES = [f"val/ILSVRC2012_val_{number:08}.JPEG" for number in (31, 7, 10_007, 2)]


@pytest.fixture
def excluded(tmp_path):
    """Writes a list and reads it for four pictures, whose file names are known or not."""

    def excluded(text, names=NAMES):
        (tmp_path / "list.txt").write_text(text)
        return excluded_numbers(tmp_path / "list.txt", names, 4, "imagenet, validation")

    return excluded


def test_imagenets_numbers_are_those_in_the_names(excluded):
    assert excluded("7\n31\n\n 2\n") == (0, 1, 3)
    assert excluded("00010007\n7\n7\n") == (1, 2)
    assert excluded("") == ()
    assert excluded("\ufeff7\r\n31\r\n") == (0, 1)  # as Windows' editors write it


def test_names_with_or_without_folder_and_ending(excluded):
    assert excluded("val/ILSVRC2012_val_00000007.JPEG\n") == (1,)
    assert excluded("ILSVRC2012_val_00000007.JPEG\nILSVRC2012_val_00000002\n") == (1, 3)


def test_without_names_numbers_are_places_from_zero(excluded):
    assert excluded("3\n0\n", names=None) == (0, 3)


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        ("8\n", NAMES, "'8' fits no picture; .*ILSVRC2012_val_00000031"),
        ("4\n", None, "'4' fits no picture; .* numbers from 0 to 3"),
        ("a.jpg\n", None, "'a.jpg' fits no picture"),
        ("1\n", ["a/1.jpg", "b/1.jpg"], "'1' fits 2 pictures"),
    ],
)
def test_lines_that_fit_no_picture_or_several(excluded, text, names, message):
    with pytest.raises(ValueError, match=message):
        excluded(text, names)


def test_a_file_that_is_no_list(tmp_path, excluded):
    excluded("")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not a text file"):
        excluded_numbers(tmp_path / "binary", NAMES, 4, "imagenet")
    with pytest.raises(FileNotFoundError):
        excluded_numbers(tmp_path / "nowhere", NAMES, 4, "imagenet")
