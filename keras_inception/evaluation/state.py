"""What an evaluation has found so far, on disk, so that a run that is stopped can go on.

A state is a folder: `key.json` says which evaluation it is of, and each pass over the data has a
folder of pieces, `4f0c21b7/size299/00000320.npz` for instance, which hold what was found for the
pictures from the 320th on; the first part of the name is a hash of the key. A piece is written
under another name and renamed, so a run that is killed at any moment leaves whole pieces only.
Several runs of one evaluation may share a state: a piece has the same rows whoever writes it.
"""

import hashlib
import json
import pathlib
import time
import zipfile

import numpy as np

from keras_inception.files import replacing

SECONDS_BETWEEN_PIECES = 20.0  # what a killed run loses at most


def open_state(folder, key, resume=True):
    """Makes the folder of a state, or goes on with one.

    Args:
        folder: where it is or shall be.
        key: a dict of plain values that says which evaluation it is of.
        resume: `False` throws away what was found.

    Returns:
        The folder for the passes of this evaluation.

    Raises:
        ValueError: what was found there is of another evaluation, or it is no state.
    """
    folder = pathlib.Path(folder)
    text = json.dumps(key, indent=1)
    if any(not path.name.startswith(".") for path in folder.glob("*")):
        _clear(folder, json.loads(text), resume)
    with replacing(folder / "key.json") as file:
        file.write_text(text, encoding="utf-8")
    return folder / hashlib.sha256(text.encode()).hexdigest()[:8]


def _clear(folder, key, resume):
    """Removes the pieces of another state, or with `resume=False` of any."""
    other = _read_key(folder)
    pieces = list(folder.glob("*/*/*.npz"))
    different = [name for name in {**other, **key} if other.get(name) != key.get(name)]
    if different and pieces and resume:
        raise ValueError(
            f"{folder} is the state of another evaluation ({', '.join(different)} differ): "
            "choose another folder, or start over (resume=False, --noresume)"
        )
    if different or not resume:
        for piece in pieces:
            piece.unlink()


def _read_key(folder):
    try:
        key = json.loads((folder / "key.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder} is no state of an evaluation: key.json is missing") from error
    if not isinstance(key, dict):
        raise ValueError(f"{folder} is no state of an evaluation: key.json is damaged")
    return key


class Findings:
    """Arrays that grow by a batch at a time along their first axis, one row a picture.

    With a `folder` they start with what is there, and new rows are written now and then, and when
    the block that uses this as a context is left, by whatever way.
    """

    def __init__(self, folder=None):
        self._folder = None if folder is None else pathlib.Path(folder)
        self._batches = [] if folder is None else _read_pieces(self._folder)
        self.count = sum(map(_rows, self._batches))
        self._written = len(self._batches)
        self._last = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._write()

    def add(self, **arrays):
        """Adds a row of each array for each picture of a batch."""
        self._batches.append(arrays)
        self.count += _rows(arrays)
        if time.monotonic() - self._last >= SECONDS_BETWEEN_PIECES:
            self._write()

    def arrays(self):
        """`{name: all rows}`, empty if there is no picture."""
        return _concatenated(self._batches)

    def _write(self):
        new = self._batches[self._written :]
        self._last = time.monotonic()
        if self._folder is None or not new:
            return
        start = self.count - sum(map(_rows, new))
        with replacing(self._folder / f"{start:08}.npz") as file:
            np.savez(file, **_concatenated(new))
        self._written = len(self._batches)


def _read_pieces(folder):
    """The pieces in order, as far as they follow each other without a gap."""
    pieces, count = [], 0
    for path in sorted(folder.glob("*.npz")):
        if path.name != f"{count:08}.npz":
            break
        try:
            with np.load(path) as piece:
                pieces.append(dict(piece))
        except (ValueError, OSError, EOFError, zipfile.BadZipFile):
            break
        count += _rows(pieces[-1])
    return pieces


def _rows(arrays):
    return len(next(iter(arrays.values())))


def _concatenated(batches):
    names = batches[0] if batches else ()
    return {name: np.concatenate([batch[name] for batch in batches]) for name in names}
