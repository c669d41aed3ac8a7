"""What a run needs to go on where it was stopped, as files that are whole or not there."""

import json
import logging
import pathlib
import re
import shutil
import zipfile
import zlib

import numpy as np

from keras_inception.files import replacing

_LOGGER = logging.getLogger(__name__)
_NAME = re.compile(r"step-(\d+)\.npz")
_RECORDS = "records"  # the entry of what is no array, as JSON
_COUNT = "count"  # the entry of how many arrays there are
# What reading a file with wrong bytes raises; zipfile's are RuntimeError (of encryption) and its
# NotImplementedError (of a method or version) too.
_DAMAGED = (
    OSError,
    ValueError,
    LookupError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


class Checkpoints:
    """The checkpoints of a work directory, the newest `keep` of them.

    Each is a zip of numpy arrays, whose checksums tell a damaged one. It is written beside and
    renamed, so a full disk or a kill leaves the ones before it.

    Args:
        folder: where they lie, made with the first.
        keep: how many stay, at least 1.
    """

    def __init__(self, folder, keep=3):
        if keep < 1:
            raise ValueError(f"keep must be at least 1, not {keep}")
        self._folder = pathlib.Path(folder)
        self._keep = keep

    def steps(self):
        """The numbers of steps of which there is one, ascending."""
        names = [_NAME.fullmatch(path.name) for path in self._folder.glob("step-*.npz")]
        return sorted(int(name[1]) for name in names if name)

    def save(self, step, variables, records, also_keep=None):
        """Writes one, and removes those that are too many.

        Args:
            step: number of steps that the run has done.
            variables: group -> Keras variables, of which the order counts.
            records: whatever else is to come back, in JSON's types.
            also_keep: number of steps of one that stays, however old.
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

    def newest(self):
        """The newest one that is whole, as `(step, groups of arrays, records)`; `None` without.

        A damaged one is named in a warning and left where it is.
        """
        for step in reversed(self.steps()):
            contents = self.whole(step)
            if contents is not None:
                return step, *contents
        return None

    def whole(self, step):
        """What `read` gives, or `None` and a warning where the file is damaged."""
        try:
            return self.read(step)
        except _DAMAGED as error:
            _LOGGER.warning("%s is damaged and not used: %s", self._path(step), error)
            return None

    def clear(self):
        """Removes all of them."""
        for step in self.steps():
            self._path(step).unlink(missing_ok=True)

    def read(self, step):
        """The groups of arrays and the records of one."""
        groups = {}
        with np.load(self._path(step), allow_pickle=False) as file:
            records = json.loads(file[_RECORDS].tobytes())
            if len(file.files) != int(file[_COUNT]) + 2:
                raise ValueError(f"{len(file.files) - 2} arrays of {file[_COUNT]} are there")
            for name in file.files:
                group, _, index = name.partition("/")
                if index:
                    groups.setdefault(group, {})[int(index)] = file[name]
        ordered = {g: [members[i] for i in range(len(members))] for g, members in groups.items()}
        return ordered, records

    def _path(self, step):
        return self._folder / f"step-{step:09d}.npz"


def restore(groups, variables):
    """Puts the arrays of a checkpoint into variables, all or none.

    Args:
        groups: group -> arrays, as `newest` gave them.
        variables: group -> Keras variables; groups that the checkpoint has besides are left.

    Raises:
        ValueError: another number of variables, or another shape.
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
    """The array in a type that numpy's files know: bfloat16, an extension of it, is widened."""
    return array.astype("float32") if array.dtype.kind == "V" else array
