"""Tests of files.py: what is at a path is whole, old or new, whatever happens."""

import os
import pathlib

import pytest

from keras_inception.files import replacing


def contents(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_a_file_is_replaced_and_its_folder_is_made(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    for text in ("old", "new"):
        with replacing(path) as temporary:
            temporary.write_text(text)
            assert not path.exists() or path.read_text() == "old"
        assert path.read_text() == text
    assert contents(tmp_path) == ["deep", "deep/a.txt"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "model"
    for name in ("old", "new"):
        with replacing(path) as temporary:
            temporary.mkdir()
            (temporary / name).touch()
        assert contents(tmp_path) == ["model", f"model/{name}"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_one_and_nothing_else(tmp_path, error):
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").touch()

    def write_half(temporary):
        temporary.mkdir()
        (temporary / "half").touch()
        raise error

    with pytest.raises(error), replacing(path) as temporary:
        write_half(temporary)
    assert contents(tmp_path) == ["model", "model/old"]


def test_nothing_written_is_an_error_that_changes_nothing(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.txt"):
        pass
    (tmp_path / "model").mkdir()
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "model"):
        pass
    assert contents(tmp_path) == ["a.txt", "model"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_the_old_folder_comes_back_when_the_last_rename_fails(tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").touch()
    rename = pathlib.Path.rename

    def failing(self, target):
        if (self / "new").exists():
            raise OSError("disk trouble")
        return rename(self, target)

    monkeypatch.setattr(pathlib.Path, "rename", failing)

    def replace():
        with replacing(path) as temporary:
            temporary.mkdir()
            (temporary / "new").touch()

    with pytest.raises(OSError, match="disk trouble"):
        replace()
    assert contents(tmp_path) == ["model", "model/old"]


def test_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with replacing("a.txt") as temporary:
        temporary.write_text("x")
    assert os.listdir() == ["a.txt"]
