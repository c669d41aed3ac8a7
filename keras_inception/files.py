"""Files and folders that are whole or not there, and the lock of what one process does at a time.

What is written lies beside its place at first, and is renamed when it is complete.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import pathlib
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator

from absl import logging

from keras_inception.types import PathLike

try:
    import fcntl
except ImportError:  # on Windows, what a killed process left is not removed
    fcntl = None  # type: ignore[assignment]

_MARK = ".unfinished-"  # in the name of the folder beside, which no user's own file has
_COMPLETE = "complete"  # in that folder: files that are whole and on their way to their names
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # Linux: fcntl.h and linux/fs.h

_BEAT = 1.0  # seconds between two signs of life of a lock's owner
_DEAD = 3.0  # seconds without one until a lock is broken whose owner's process is gone
_STALE = 30.0  # the same if nobody can tell: the owner is on another machine, or stopped
_POLL = 0.2  # seconds between two looks at another's lock


@contextlib.contextmanager
def replacing(path: PathLike) -> Iterator[pathlib.Path]:
    """Lends a temporary path in `path`'s folder; what is there at the end becomes `path`.

    If the block raises, or writes nothing, whatever was at `path` stays as it was, and nothing is
    left beside it. An older file or folder goes only when the new one is complete. The next call
    removes what a killed process left beside `path`.

    Args:
        path: the file or folder to be written. Its folder is made if it is missing.

    Yields:
        A path with the same name, where nothing is yet.
    """
    path = pathlib.Path(os.path.abspath(path))
    with folder_beside(path) as beside, _naming(path):
        temporary = beside / path.name
        yield temporary
        _rename(temporary, path, beside / "previous")


@contextlib.contextmanager
def replacing_all(*paths: PathLike) -> Iterator[list[pathlib.Path]]:
    """Does as `replacing` for files of one folder that belong together.

    No system renames several files at once. So the last file, the one that readers open, goes
    before the first is renamed and comes back last: nobody reads an old one beside new ones. If a
    process is killed between the renames, which take less than a millisecond, the next call with
    these paths, or `settle`, does the rest.

    Yields:
        Paths with the same names, where nothing is yet.
    """
    targets = [pathlib.Path(os.path.abspath(path)) for path in paths]
    with folder_beside(targets[-1]) as beside, _naming(targets[-1]):
        new = beside / "new"
        new.mkdir()
        temporaries = [new / path.name for path in targets]
        yield temporaries
        for temporary in temporaries:
            temporary.lstat()  # raises if nothing was written
        new.rename(beside / _COMPLETE)
        _finish(beside / _COMPLETE, targets[-1])


def write_text(path: PathLike, text: str) -> None:
    """Writes a text file in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _naming(path: pathlib.Path) -> Iterator[None]:
    """Names the path in an error that does not name any, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def settle(path: PathLike) -> None:
    """Restores `path` to a complete version, old or new, if its writer was killed."""
    path = pathlib.Path(os.path.abspath(path))
    for beside in path.parent.glob(f".{glob.escape(path.name)}{_MARK}*"):
        claim = _claimed(beside, wait=False)
        if claim is not None:
            with contextlib.suppress(OSError):
                if (beside / _COMPLETE).exists():
                    _finish(beside / _COMPLETE, path)
                elif not path.exists():
                    (beside / "previous").rename(path)
            _remove(beside)
            _let_go(claim)


def refuse_existing(overwrite: bool, *paths: PathLike) -> None:
    """Raises FileExistsError if something exists at a path and `overwrite` is false."""
    for path in paths:
        settle(path)
    for path in map(pathlib.Path, paths):
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists; overwrite=True replaces it")


@contextlib.contextmanager
def folder_beside(path: PathLike) -> Iterator[pathlib.Path]:
    """Lends a new hidden folder in `path`'s folder, which is made if it is missing.

    The hidden folder goes at the end, and what a killed process left of its own for `path` goes
    with the next call. It is for what cannot be one file or folder to rename. As long as this
    process works on it, no other process takes it for an abandoned one.
    """
    path = pathlib.Path(os.path.abspath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    settle(path)
    while True:
        beside = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}{_MARK}", dir=path.parent))
        claim = _claimed(beside, wait=True)
        if beside.exists():  # else another process took it for abandoned before it was claimed
            break
        _let_go(claim)
    try:
        yield beside
    finally:
        _remove(beside)
        _let_go(claim)


def _remove(beside: pathlib.Path) -> None:
    """Removes a folder beside, except with files that are whole and do not have their names yet."""
    if not (beside / _COMPLETE).exists():
        shutil.rmtree(beside, ignore_errors=True)


def _finish(complete: pathlib.Path, last: pathlib.Path) -> None:
    """Gives complete files their names, of which an earlier try may have given some.

    Raises:
        OSError: a file cannot have its name. If it is the first of them, all is as it was.
    """
    files = sorted(complete.iterdir(), key=lambda file: (file.name == last.name, file.name))
    is_first_try = (complete / last.name).exists() and last.exists()
    if is_first_try:
        last.rename(complete.parent / "previous")
    try:
        for file in files:
            file.replace(last.parent / file.name)
    except OSError:
        if all(file.exists() for file in files):
            if is_first_try:
                (complete.parent / "previous").rename(last)
            complete.rename(complete.parent / "new")
        raise
    complete.rmdir()


def _claimed(folder: pathlib.Path, wait: bool) -> int | None:
    """Claims a folder as long as this process lives; returns the claim, or `None`.

    Claims tell a folder that is worked on from one that a killed process left: the system drops
    them with the process. They do not make anybody wait for a file: that is what `Lock` is for.
    """
    if fcntl is None:
        return None
    try:
        claim = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # another process has it, or the file system does not support this
        os.close(claim)
        return None
    return claim


def _let_go(claim: int | None) -> None:
    if claim is not None:
        os.close(claim)


def _rename(temporary: pathlib.Path, path: pathlib.Path, previous: pathlib.Path) -> None:
    if not path.is_dir():
        temporary.replace(path)
        return
    # A folder cannot be renamed onto one that has files.
    if _exchange(temporary, path):
        return
    path.rename(previous)
    try:
        temporary.rename(path)
    except BaseException:
        previous.rename(path)
        raise


def _exchange(one: pathlib.Path, other: pathlib.Path) -> bool:
    """Swaps two names at once, as Linux can on most file systems; returns whether it has."""
    try:
        rename = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    names = os.fsencode(one), os.fsencode(other)
    return rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0


class Lock:
    """A lock that one process at a time holds in a `with` statement; the others wait.

    It is a file, so it works between machines and on file systems that do not know locks. Its owner
    touches it every second, and others break a lock that nobody touches any more.

    Args:
        path: the file of the lock, in a folder that exists.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = pathlib.Path(path)
        self._guard = self.path.with_name(self.path.name + ".break")
        self._text = f"{os.getpid()} {socket.gethostname()} {uuid.uuid4().hex}"
        self._released = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Lock:
        seen, since = None, time.monotonic()
        while not _create(self.path, self._text):
            state = self._state()
            if seen is None:
                logging.info("waiting for another process: %s", self.path)
            if state != seen:
                seen, since = state, time.monotonic()
            elif time.monotonic() - since > (_DEAD if _is_gone(state[0]) else _STALE):
                self._break(state[0])
            time.sleep(_POLL)
        self._heart.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._released.set()
        self._heart.join()
        if self.is_held():
            self.path.unlink(missing_ok=True)

    def is_held(self) -> bool:
        """Returns whether the lock is still this one's: others break one that stood still."""
        return self._state()[0] == self._text

    def _state(self) -> tuple[str, int | None]:
        """Returns the owner's text and the time of its last sign of life."""
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                return file.read(), os.fstat(file.fileno()).st_mtime_ns
        except FileNotFoundError:
            return "", None

    def _beat(self) -> None:
        while not self._released.wait(_BEAT):
            with contextlib.suppress(OSError):
                if self.is_held():
                    os.utime(self.path)

    def _break(self, text: str) -> None:
        """Removes a lock that is still the one looked at; the guard lets one process do so."""
        if _create(self._guard, self._text):
            if self._state()[0] == text:
                self.path.unlink(missing_ok=True)
            self._guard.unlink()
        else:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - self._guard.stat().st_mtime > _STALE:  # killed within these lines
                    self._guard.unlink()


def _create(path: pathlib.Path, text: str) -> bool:
    """Makes a file unless there is one; returns whether it did."""
    with contextlib.suppress(FileExistsError), open(path, "x", encoding="utf-8") as file:
        file.write(text)
        return True
    return False


def _is_gone(text: str) -> bool:
    """Returns whether a lock's owner was a process of this machine that has ended."""
    pid, _, host = text.rpartition(" ")[0].partition(" ")
    if os.name != "posix" or host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)
    return False
