"""Keeps the findings of an evaluation on disk, so that a stopped run can go on.

A state is a folder. Its `key.json` says which evaluation it belongs to. Each pass over the data has
a folder of pieces, for example `4f0c21b7/size299/00000320.npz`, which has the findings for the
pictures from number 320 on. The first part of that name is a hash of the key. A piece is written
under another name and then renamed, so a run that is killed at any moment leaves only whole pieces.
Several runs of one evaluation may share a state, since each of them writes the same rows.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import time
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_inception.files import replacing
from keras_inception.types import PathLike

SECONDS_BETWEEN_PIECES = 20.0  # a killed run loses at most this much work


def open_state(folder: PathLike, key: Mapping[str, Any], resume: bool = True) -> pathlib.Path:
    """Makes the folder of a state, or goes on with an existing one.

    Args:
        folder: path of the folder.
        key: plain values that identify the evaluation.
        resume: `False` throws away earlier findings.

    Returns:
        The folder for the passes of this evaluation.

    Raises:
        ValueError: the folder has the findings of another evaluation, or is not a state.
    """
    folder = pathlib.Path(folder)
    text = json.dumps(key, indent=1)
    if any(not path.name.startswith(".") for path in folder.glob("*")):
        _clear(folder, json.loads(text), resume)
    with replacing(folder / "key.json") as file:
        file.write_text(text, encoding="utf-8")
    return folder / hashlib.sha256(text.encode()).hexdigest()[:8]


def _clear(folder, key, resume):
    """Removes the pieces of another evaluation, or all pieces if `resume` is false."""
    other = _read_key(folder)
    pieces = list(folder.glob("*/*/*.npz"))
    different = [name for name in {**other, **key} if other.get(name) != key.get(name)]
    if different and pieces and resume:
        raise ValueError(
            f"{folder} is the state of another evaluation ({', '.join(different)} differ): "
            "use another folder, or resume=False to start over"
        )
    if different or not resume:
        for piece in pieces:
            piece.unlink()


def _read_key(folder):
    try:
        key = json.loads((folder / "key.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{folder} is not the state of an evaluation: key.json is missing or damaged"
        ) from error
    if not isinstance(key, dict):
        raise ValueError(f"{folder} is not the state of an evaluation: key.json is damaged")
    return key


class Findings:
    """Arrays that grow by a batch at a time along their first axis, one row per picture.

    With a `folder` they start with the rows found there. New rows are written from time to time,
    and always at the end of the `with` block, even after an error.

    Attributes:
        count: number of rows.
    """

    def __init__(self, folder: PathLike | None = None) -> None:
        self._folder = None if folder is None else pathlib.Path(folder)
        self._batches = [] if self._folder is None else _read_pieces(self._folder)
        self.count: int = sum(map(_rows, self._batches))
        self._written = len(self._batches)
        self._last = time.monotonic()

    def __enter__(self) -> Findings:
        return self

    def __exit__(self, *error: object) -> None:
        self._write()

    def add(self, **arrays: np.ndarray) -> None:
        """Adds a row to each array for each picture of a batch."""
        self._batches.append(arrays)
        self.count += _rows(arrays)
        if time.monotonic() - self._last >= SECONDS_BETWEEN_PIECES:
            self._write()

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns all rows of each array by name; empty if there is no picture."""
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
    """Reads the pieces in order, up to the first gap or damaged one."""
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
