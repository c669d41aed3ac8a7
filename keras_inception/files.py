"""Files and folders that are whole or not there: written beside, then renamed."""

import contextlib
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
    with folder_beside(path) as beside:
        temporary = beside / path.name
        yield temporary
        _rename(temporary, path, beside / "previous")


@contextlib.contextmanager
def folder_beside(path):
    """Lends a new hidden folder in `path`'s folder, which is made if it is missing.

    It goes at the end, and what a killed process left of its own for `path` goes with the next
    call: for what cannot be one file or folder to rename. It is locked while this process works.
    """
    path = pathlib.Path(os.path.abspath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(path)
    while True:
        beside = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}{_MARK}", dir=path.parent))
        lock = _locked(beside, wait=True)
        if beside.exists():  # else another process took it for a dead one's before it was locked
            break
        _unlock(lock)
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        _unlock(lock)


def _remove_unfinished(path):
    """Removes what killed processes left; what they had moved aside last comes back."""
    for beside in path.parent.glob(f".{glob.escape(path.name)}{_MARK}*"):
        lock = _locked(beside, wait=False)
        if lock is not None:
            with contextlib.suppress(OSError):
                if not path.exists():
                    (beside / "previous").rename(path)
            shutil.rmtree(beside, ignore_errors=True)
            _unlock(lock)


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
    # A folder cannot be renamed onto one that has files: step aside, and back if it fails.
    path.rename(previous)
    try:
        temporary.rename(path)
    except BaseException:
        previous.rename(path)
        raise
