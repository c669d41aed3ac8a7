"""Where an export goes: it is checked first, then written, run, compared and given its name."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterable

import numpy as np

from keras_inception import labels
from keras_inception.export import parity
from keras_inception.export.prepared import Prepared
from keras_inception.files import refuse_existing, replacing_all
from keras_inception.types import PathLike


@dataclasses.dataclass(frozen=True)
class TargetFiles:
    """The files of one export.

    Attributes:
        path: the model's file, which readers open.
        parts: other files of the model, in the same folder.
        labels: the file of its class names, or `None` if no names were given.
    """

    path: pathlib.Path
    parts: tuple[pathlib.Path, ...] = ()
    labels: pathlib.Path | None = None

    def write(
        self,
        prepared: Prepared,
        write_model: Callable[[pathlib.Path], None],
        tolerance: parity.Tolerance,
        pictures: Iterable[np.ndarray] | None = None,
    ) -> parity.Parity:
        """Writes the files under temporary names, verifies the model, then names them.

        Args:
            prepared: the classifier.
            write_model: writes it to the path that it is given. Other files go into the same
                folder, under the names of `parts`.
            tolerance: how far the file may differ from the Keras model.
            pictures: those of `parity.compare`.

        Raises:
            RuntimeError: the file differs more. Nothing is left of it.
        """
        beside = [] if self.labels is None else [self.labels]
        with replacing_all(*beside, *self.parts, self.path) as temporaries:
            write_model(temporaries[-1])
            found = parity.verified(temporaries[-1], prepared.model, tolerance, pictures)
            if self.labels is not None:
                labels.write(temporaries[0], prepared.class_names)
        return dataclasses.replace(found, path=str(self.path))


def target_files(
    path: PathLike,
    suffix: str,
    part_suffixes: Iterable[str] = (),
    *,
    with_labels: bool,
    overwrite: bool,
) -> TargetFiles:
    """Checks the path of a file to be written.

    Args:
        path: the model's file.
        suffix: how its name must end.
        part_suffixes: how the names of the model's other files end.
        with_labels: whether class names are written beside it.
        overwrite: whether files that exist are replaced.

    Raises:
        FileExistsError: one of the files exists, and `overwrite` is false.
        ValueError: the path has another suffix, or is a folder.
    """
    path = pathlib.Path(path)
    if path.suffix != suffix or path.is_dir():
        raise ValueError(f"path={str(path)!r} must be a file name that ends in {suffix}")
    files = TargetFiles(
        path,
        tuple(path.with_suffix(part) for part in part_suffixes),
        labels.beside(path) if with_labels else None,
    )
    beside = () if files.labels is None else (files.labels,)
    refuse_existing(overwrite, path, *files.parts, *beside)
    return files
