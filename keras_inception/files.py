"""Files and folders that are whole or not there: written beside, then renamed."""

import contextlib
import os
import pathlib
import shutil
import tempfile


@contextlib.contextmanager
def replacing(path):
    """Lends a temporary path in `path`'s folder; what is there at the end becomes `path`.

    Where the block raises, or nothing was written, whatever was at `path` stays as it was, and
    nothing is left beside it. An older file or folder goes only once the new one is complete.

    Args:
        path: of the file or folder to be written. Its folder is made if it is missing.

    Yields:
        A `pathlib.Path` with the same name, where nothing is yet.
    """
    path = pathlib.Path(os.path.abspath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        temporary = beside / path.name
        yield temporary
        _rename(temporary, path, beside / "previous")
    finally:
        shutil.rmtree(beside, ignore_errors=True)


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
