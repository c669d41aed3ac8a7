"""Tests of files.py: what is at a path is whole, old or new, whatever happens."""

import os
import pathlib
import subprocess
import sys

import pytest

from keras_inception.files import replacing

needs_locks = pytest.mark.skipif(os.name != "posix", reason="needs locks on folders")
CHILD = """
import pathlib, sys, time
from keras_inception.files import replacing

with replacing(sys.argv[1]) as temporary:
    temporary.mkdir()
    (temporary / "half").touch()
    if sys.argv[2:]:  # as if killed between the two renames of a folder
        pathlib.Path(sys.argv[1]).rename(temporary.parent / "previous")
    print("ready", flush=True)
    time.sleep(60)
"""


def at_work(path, *arguments):
    """A process that is writing to `path`."""
    command = [sys.executable, "-c", CHILD, str(path), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def killed(process):
    process.kill()
    process.communicate()


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


def write(path):
    with replacing(path) as temporary:
        temporary.write_text("new")


@needs_locks
def test_what_a_killed_process_left_goes_with_the_next_call(tmp_path):
    path = tmp_path / "a.txt"
    other = tmp_path / ".a.txt.settings"  # a user's own
    other.mkdir()
    process, elsewhere = at_work(path), at_work(tmp_path / "b.txt")
    write(path)
    assert len(contents(tmp_path)) == 8  # a process at work is left alone
    killed(process)
    write(path)
    assert len(contents(tmp_path)) == 5  # and so are another file's leftovers
    killed(elsewhere)
    write(tmp_path / "b.txt")
    assert contents(tmp_path) == [".a.txt.settings", "a.txt", "b.txt"]


@needs_locks
def test_a_folder_moved_aside_by_a_killed_process_comes_back(tmp_path):
    path = tmp_path / "model"
    (path / "old").mkdir(parents=True)
    killed(at_work(path, "aside"))
    assert not path.exists()
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert contents(tmp_path) == ["model", "model/old"]
