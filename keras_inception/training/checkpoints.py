"""Checkpoints: all that a run needs to go on, in files that are either whole or not there."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import pathlib
import re
import shutil
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_inception.files import replacing

_LOGGER = logging.getLogger(__name__)
_NAME = re.compile(r"step-(\d+)\.npz")
_RECORDS = "records"  # name of the zip entry that holds the non-array state, as JSON
_COUNT = "count"  # name of the zip entry that says how many arrays there are
# Errors of reading a damaged file. zipfile also raises RuntimeError (for a bit that means
# encryption) and its subclass NotImplementedError (for an unknown method or version).
_DAMAGED = (
    OSError,
    ValueError,
    LookupError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


# Seconds. Our choice: little work is lost, and the time to write a checkpoint is negligible.
CHECKPOINT_SECONDS = 600.0


@dataclasses.dataclass(frozen=True)
class Checkpointing:
    """How often a run writes checkpoints, and how many of them stay.

    Attributes:
        seconds: time from one checkpoint to the next within an epoch. Each epoch also ends with
            one.
        keep: how many of the newest stay, at least 1. The best epoch's stays in addition.
    """

    seconds: float = CHECKPOINT_SECONDS
    keep: int = 3


class Checkpoints:
    """The checkpoints in a folder.

    Each is a zip of numpy arrays, whose checksums reveal damage. It is written beside the others
    and then renamed, so the earlier ones survive a full disk or a killed process.

    Args:
        folder: where they are. The first one makes the folder.
        keep: how many of the newest stay, at least 1.
    """

    def __init__(self, folder: str | os.PathLike[str], keep: int = 3) -> None:
        if keep < 1:
            raise ValueError(f"keep must be at least 1, not {keep}")
        self._folder = pathlib.Path(folder)
        self._keep = keep

    def steps(self) -> list[int]:
        """Returns the step of each checkpoint, in ascending order."""
        names = [_NAME.fullmatch(path.name) for path in self._folder.glob("step-*.npz")]
        return sorted(int(name[1]) for name in names if name)

    def save(
        self,
        step: int,
        variables: Mapping[str, Sequence[keras.Variable]],
        records: Any,
        also_keep: int | None = None,
    ) -> None:
        """Writes a checkpoint, then removes the oldest ones if there are too many.

        Args:
            step: number of steps that the run has done.
            variables: group -> Keras variables, which come back in the same order.
            records: everything else that must come back, as JSON types.
            also_keep: step of a checkpoint that stays, however old it is.
        """
        arrays = {
            f"{group}/{i}": _plain(variable.numpy())
            for group, members in variables.items()
            for i, variable in enumerate(members)
        }
        arrays[_COUNT] = np.array(len(arrays))
        arrays[_RECORDS] = np.frombuffer(json.dumps(records).encode(), np.uint8)
        for unfinished in self._folder.glob(".step-*"):  # of a run that was killed
            shutil.rmtree(unfinished, ignore_errors=True)
        path = self._path(step)
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        for old in self.steps()[: -self._keep]:
            if old != also_keep:
                self._path(old).unlink(missing_ok=True)

    def newest(self) -> tuple[int, dict[str, list[np.ndarray]], Any] | None:
        """Reads the newest undamaged checkpoint.

        Damaged ones are named in a warning and left where they are.

        Returns:
            `(step, groups of arrays, records)`, or `None` if there is no undamaged checkpoint.
        """
        for step in reversed(self.steps()):
            contents = self.whole(step)
            if contents is not None:
                return step, *contents
        return None

    def whole(self, step: int) -> tuple[dict[str, list[np.ndarray]], Any] | None:
        """Reads a checkpoint as `read` does. If it is damaged, warns and returns `None`."""
        try:
            return self.read(step)
        except _DAMAGED as error:
            _LOGGER.warning("%s is damaged and not used: %s", self._path(step), error)
            return None

    def clear(self) -> None:
        """Removes all checkpoints."""
        for step in self.steps():
            self._path(step).unlink(missing_ok=True)

    def read(self, step: int) -> tuple[dict[str, list[np.ndarray]], Any]:
        """Returns the groups of arrays and the records of a checkpoint."""
        groups: dict[str, dict[int, np.ndarray]] = {}
        with np.load(self._path(step), allow_pickle=False) as file:
            records = json.loads(file[_RECORDS].tobytes())
            if len(file.files) != int(file[_COUNT]) + 2:
                raise ValueError(f"it has {len(file.files) - 2} arrays of {file[_COUNT]}")
            for name in file.files:
                group, _, index = name.partition("/")
                if index:
                    groups.setdefault(group, {})[int(index)] = file[name]
        ordered = {g: [members[i] for i in range(len(members))] for g, members in groups.items()}
        return ordered, records

    def _path(self, step):
        return self._folder / f"step-{step:09d}.npz"


def restore(
    groups: Mapping[str, Sequence[np.ndarray]], variables: Mapping[str, Sequence[keras.Variable]]
) -> None:
    """Assigns the arrays of a checkpoint to variables, either all of them or none.

    Args:
        groups: group -> arrays, as `Checkpoints.newest` returns them.
        variables: group -> Keras variables. Other groups of the checkpoint are not used.

    Raises:
        ValueError: if a group has another number of variables, or a variable another shape.
    """
    pairs = []
    for group, members in variables.items():
        arrays = groups.get(group, [])
        if len(arrays) != len(members):
            raise ValueError(
                f"the checkpoint has {len(arrays)} arrays of the {group}, which has {len(members)}"
            )
        for variable, array in zip(members, arrays, strict=True):
            if tuple(variable.shape) != array.shape:
                raise ValueError(
                    f"the checkpoint's {variable.path} has shape {array.shape}, not "
                    f"{tuple(variable.shape)}"
                )
            pairs.append((variable, array))
    for variable, array in pairs:
        variable.assign(array)


def _plain(array):
    """Returns the array in a type that numpy's files support: bfloat16 is widened to float32."""
    return array.astype("float32") if array.dtype.kind == "V" else array
