"""Tests of files.py: what is at a path is whole, old or new, whatever happens."""

import errno
import os
import pathlib
import subprocess
import sys
import threading

import pytest

from keras_inception import files
from keras_inception.files import Lock, replacing, replacing_all, settle, write_text

needs_locks = pytest.mark.skipif(os.name != "posix", reason="needs locks on folders")
# The package without what it imports at its top, which takes seconds in each process.
BARE = f"""
import sys, types
package = sys.modules["keras_inception"] = types.ModuleType("keras_inception")
package.__path__ = [{os.path.dirname(files.__file__)!r}]
"""
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

# As if killed after so many renames of the three files.
CHILD_OF_ALL = """
import pathlib, sys, time
from keras_inception.files import replacing_all

folder, renames = pathlib.Path(sys.argv[1]), int(sys.argv[2])
replace = pathlib.Path.replace
def counted(self, target):
    global renames
    if not renames:
        print("ready", flush=True)
        time.sleep(60)
    renames -= 1
    return replace(self, target)
pathlib.Path.replace = counted
with replacing_all(folder / "m.txt", folder / "m.bin", folder / "m.xml") as files:
    for file in files:
        file.write_text("new")
"""


def at_work(path, *arguments, child=CHILD):
    """A process that is writing to `path`."""
    command = [sys.executable, "-c", BARE + child, str(path), *arguments]
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
    monkeypatch.setattr(files, "_exchange", lambda one, other: False)

    def replace():
        with replacing(path) as temporary:
            temporary.mkdir()
            (temporary / "new").touch()

    with pytest.raises(OSError, match="disk trouble"):
        replace()
    assert contents(tmp_path) == ["model", "model/old"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's exchange of names")
def test_a_folder_is_there_at_every_moment(tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.mkdir()
    monkeypatch.setattr(pathlib.Path, "rename", None)  # of which there would have to be two
    with replacing(path) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert contents(tmp_path) == ["model", "model/new"]


def test_several_files_are_replaced_together(tmp_path):
    paths = [tmp_path / name for name in ("m.bin", "m.xml")]
    for text in ("old", "new"):
        with replacing_all(*paths) as temporaries:
            for temporary in temporaries:
                temporary.write_text(text)
        assert [path.read_text() for path in paths] == [text, text]
    with pytest.raises(FileNotFoundError), replacing_all(*paths) as temporaries:
        temporaries[0].write_text("one of two")
    assert [path.read_text() for path in paths] == ["new", "new"]
    assert contents(tmp_path) == ["m.bin", "m.xml"]


def write_all(paths):
    with replacing_all(*paths) as temporaries:
        for temporary in temporaries:
            temporary.write_text("new")


def test_all_is_as_it_was_where_the_first_cannot_have_its_name(tmp_path):
    paths = [tmp_path / name for name in ("m.labels.txt", "m.xml")]
    paths[0].mkdir()
    paths[1].write_text("old")

    with pytest.raises(IsADirectoryError):
        write_all(paths)
    assert contents(tmp_path) == ["m.labels.txt", "m.xml"]
    assert paths[1].read_text() == "old"


def test_what_could_not_have_its_name_is_kept_for_the_next_call(tmp_path):
    paths = [tmp_path / name for name in ("m.bin", "m.labels.txt", "m.xml")]
    paths[1].mkdir()

    with pytest.raises(IsADirectoryError):
        write_all(paths)
    paths[1].rmdir()
    settle(paths[-1])
    assert [path.read_text() for path in paths] == ["new"] * 3
    assert contents(tmp_path) == ["m.bin", "m.labels.txt", "m.xml"]


def test_a_full_disk_is_named_with_the_path(tmp_path):
    def fill():
        with replacing(tmp_path / "a.txt"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=r"No space left on device: .*a\.txt"):
        fill()


@needs_locks
@pytest.mark.parametrize("renames", [0, 1, 2])
@pytest.mark.parametrize("old", [True, False])
def test_several_files_of_a_killed_process_are_put_in_place(tmp_path, renames, old):
    names = ["m.bin", "m.txt", "m.xml"]
    for name in names if old else ():
        (tmp_path / name).write_text("old")
    killed(at_work(tmp_path, str(renames), child=CHILD_OF_ALL))
    assert not (tmp_path / "m.xml").exists()  # never an old one beside new ones
    settle(tmp_path / "m.xml")
    assert contents(tmp_path) == names
    assert [(tmp_path / name).read_text() for name in names] == ["new"] * 3


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


def test_a_text_is_written_whole(tmp_path):
    for text in ("old", "new \u00fc"):
        write_text(tmp_path / "deep" / "a.txt", text)
    assert (tmp_path / "deep" / "a.txt").read_bytes() == "new \u00fc".encode()
    assert contents(tmp_path) == ["deep", "deep/a.txt"]


def test_a_living_lock_is_not_broken(tmp_path, monkeypatch):
    for name, value in {"_BEAT": 0.05, "_STALE": 0.6, "_DEAD": 0.6, "_POLL": 0.02}.items():
        monkeypatch.setattr(files, name, value)
    entered, path = threading.Event(), tmp_path / "lock"

    def enter():
        with Lock(path) as lock:
            assert lock.is_held()
            entered.set()

    thread = threading.Thread(target=enter)
    with Lock(path) as lock:
        assert lock.is_held()
        thread.start()
        assert not entered.wait(1.5)
    assert not lock.is_held()
    assert entered.wait(10)
    thread.join()
    assert contents(tmp_path) == []
