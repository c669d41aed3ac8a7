"""Files and folders that are whole or not there: written beside, then renamed."""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import pathlib
import shutil
import tempfile

try:
    import fcntl
except ImportError:  # Windows: what a killed process left stays there
    fcntl = None

_MARK = ".unfinished-"  # in the name of the folder beside, so that it is told from a user's own
_COMPLETE = "complete"  # in that folder: files that are whole and on their way to their names
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux, fcntl.h and linux/fs.h


@contextlib.contextmanager
def replacing(path):
    """Lends a temporary path in `path`'s folder; what is there at the end becomes `path`.

    Where the block raises, or nothing was written, whatever was at `path` stays as it was, and
    nothing is left beside it. An older file or folder goes only once the new one is complete.
    What a killed process left beside `path` goes with the next call.

    Args:
        path: of the file or folder to be written. Its folder is made if it is missing.

    Yields:
        A `pathlib.Path` with the same name, where nothing is yet.
    """
    path = pathlib.Path(os.path.abspath(path))
    with folder_beside(path) as beside, _naming(path):
        temporary = beside / path.name
        yield temporary
        _rename(temporary, path, beside / "previous")


@contextlib.contextmanager
def replacing_all(*paths):
    """`replacing` for files of one folder that belong together; the last is the one readers open.

    No system renames several files at once. So the last goes before the first is renamed, that
    nobody reads an old one beside new ones, and comes back last; and where a process is killed
    between the renames, which take less than a millisecond, the next call with these paths, or
    `settle`, does those that are left.

    Yields:
        A list of `pathlib.Path`s with the same names, where nothing is yet.
    """
    paths = [pathlib.Path(os.path.abspath(path)) for path in paths]
    with folder_beside(paths[-1]) as beside, _naming(paths[-1]):
        new = beside / "new"
        new.mkdir()
        temporaries = [new / path.name for path in paths]
        yield temporaries
        for temporary in temporaries:
            temporary.lstat()  # raises where nothing was written
        new.rename(beside / _COMPLETE)
        _finish(beside / _COMPLETE, paths[-1])


@contextlib.contextmanager
def _naming(path):
    """Names the path in an error that names none, as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def settle(path):
    """Brings `path` to rest where a process was killed that was writing it: old or new, whole."""
    path = pathlib.Path(os.path.abspath(path))
    for beside in path.parent.glob(f".{glob.escape(path.name)}{_MARK}*"):
        lock = _locked(beside, wait=False)
        if lock is not None:
            with contextlib.suppress(OSError):
                if (beside / _COMPLETE).exists():
                    _finish(beside / _COMPLETE, path)
                elif not path.exists():
                    (beside / "previous").rename(path)
            _remove(beside)
            _unlock(lock)


def refuse_existing(overwrite: bool, *paths: str | os.PathLike) -> None:
    """Raises FileExistsError if something exists at a path and `overwrite` is false."""
    for path in paths:
        settle(path)
    for path in map(pathlib.Path, paths):
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists; overwrite=True replaces it")


@contextlib.contextmanager
def folder_beside(path):
    """Lends a new hidden folder in `path`'s folder, which is made if it is missing.

    It goes at the end, and what a killed process left of its own for `path` goes with the next
    call: for what cannot be one file or folder to rename. It is locked while this process works.
    """
    path = pathlib.Path(os.path.abspath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    settle(path)
    while True:
        beside = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}{_MARK}", dir=path.parent))
        lock = _locked(beside, wait=True)
        if beside.exists():  # else another process took it for a dead one's before it was locked
            break
        _unlock(lock)
    try:
        yield beside
    finally:
        _remove(beside)
        _unlock(lock)


def _remove(beside):
    """Removes a folder beside, but not files that are whole and have no name yet."""
    if not (beside / _COMPLETE).exists():
        shutil.rmtree(beside, ignore_errors=True)


def _finish(complete, last):
    """Gives complete files their names, where an earlier try may have given some.

    Raises:
        OSError: a file cannot have its name. Where it is the first of them, all is as it was.
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


def _locked(folder, wait):
    """Locks a folder for this process; returns the lock, `None` if there is none to be had."""
    if fcntl is None:
        return None
    try:
        lock = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # another's, or of a file system without locks
        os.close(lock)
        return None
    return lock


def _unlock(lock):
    if lock is not None:
        os.close(lock)


def _rename(temporary, path, previous):
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


def _exchange(one, other):
    """Swaps two names at once, which Linux can on most file systems; returns whether it has."""
    try:
        rename = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError, TypeError):
        return False
    one, other = os.fsencode(one), os.fsencode(other)
    return rename(_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE) == 0
