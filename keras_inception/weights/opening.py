"""Files of weights, opened once: names, shapes, conventions, and the way into a model."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import math
import os
import pathlib
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import keras
import numpy as np

from keras_inception.types import PathLike
from keras_inception.weights import (
    archives,
    assignment,
    catalog,
    download,
    formats,
    from_caffe,
    from_keras,
    from_tf_slim,
    from_torch,
    hdf5,
    safetensors_file,
)
from keras_inception.weights.conventions import TENSORFLOW, Conventions, conventions_of_layers
from keras_inception.weights.weight_file import WeightFile

if TYPE_CHECKING:
    import h5py

# An archive may hold optimizer slots and moving averages of each variable, and a graph beside.
_COPIES = 8
_BESIDE = 1 << 26  # bytes
_LARGEST = 60_000_000  # values; Inception-ResNet-v2, the largest network, has 56 million
_CONFIG_LIMIT = 1 << 22  # bytes of a `.keras` file's config.json; the family's have under 1e6


class _Contents(NamedTuple):
    source: assignment.Source
    name_map: Callable[[keras.Model, Collection[str]], assignment.Plan]


@contextlib.contextmanager
def open_file(source: PathLike | WeightFile, *, use_ema: bool = False) -> Iterator[OpenFile]:
    """Opens a file of weights for the time of a `with` statement.

    The path is opened once, whatever is then asked of the file. Only TensorFlow and `safetensors`
    open it themselves, once each, since they take nothing but paths; and so does Keras if it has
    to read layers within layers.

    Args:
        source: the path of a file in any of the known formats, the prefix of a checkpoint, or a row
            of `CATALOG`, whose file is downloaded if need be.
        use_ema: whether to take the moving averages that a checkpoint has.

    Yields:
        The `OpenFile`.

    Raises:
        ValueError: the file is missing, has an unknown format, is damaged, or is refused.
        ImportError: it is a `.safetensors` file, and that package is not installed.
        OSError: a public file could not be downloaded.
    """
    row = None
    if isinstance(source, WeightFile):
        row, path = source, download.fetch(source)
    elif formats.exists(source):
        path = formats.local(source)
    else:
        raise ValueError(formats.absence(source))
    with contextlib.ExitStack() as stack:
        handle = stack.enter_context(_opened(path if os.path.isfile(path) else f"{path}.index"))
        yield OpenFile(path, handle, stack, row, use_ema)


def _opened(path: str) -> io.BufferedReader:
    try:
        return open(path, "rb")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


class OpenFile:
    """A file of weights while it is open; `open_file` makes it.

    Attributes:
        path: the file, or the prefix of a checkpoint.
        format: "checkpoint" (TensorFlow's), "archive" (a checkpoint in a tar or zip file), "keras"
            (`.keras`), "hdf5" (`.h5` and `.weights.h5`), "safetensors" or "caffe".
        row: the row of `CATALOG` that was opened, or `None`.
    """

    def __init__(
        self,
        path: str,
        handle: io.BufferedReader,
        stack: contextlib.ExitStack,
        row: WeightFile | None = None,
        use_ema: bool = False,
    ) -> None:
        self.path, self.row = path, row
        self._handle, self._stack, self._use_ema = handle, stack, use_ema
        self._contents: _Contents | None = None
        self._hdf5: tuple[h5py.File, str] | None = None
        self.format: formats.Format = "checkpoint"  # a prefix, whose index is open
        if handle.name == path:
            self.format = formats.format_of(handle, path)
        if self.format not in _UNPACKED:  # else a model has to say how much they may unpack to
            with contextlib.suppress(hdf5.NestedLayers):
                self._read(_limit())

    def __repr__(self) -> str:
        return f"OpenFile({self.path!r}, format={self.format!r})"

    @property
    def shapes(self) -> Mapping[str, assignment.Shape]:
        """Shape of each variable, by its name in the file.

        An archive is unpacked for them, up to what the largest network of this package needs.

        Raises:
            ValueError: the file is damaged, or has layers within layers.
        """
        return self._read(_limit()).source.shapes

    @property
    def skipped(self) -> Mapping[str, str]:
        """Why each entry that is not a weight is skipped, by name; optimizer slots, for example."""
        return self._read(_limit()).source.skipped

    def read(self, name: str) -> np.ndarray:
        """Returns the array of a variable, one of `shapes`, in the file's own layout.

        Raises:
            ValueError: it cannot be read.
        """
        return self._read(_limit()).source.read(name)

    def conventions_for(
        self, network: str | None, variant: str | None = None
    ) -> Conventions | None:
        """Tells what the weights expect of the network around them.

        A row of the catalogue says it. Of any other file, names tell PyTorch's weights from others,
        but not who trained them: weights that timm converted from TensorFlow get timm's conventions
        here, and TensorFlow's by their public tag. FID's network has TensorFlow's pools in PyTorch
        too.

        Args:
            network, variant: the architecture that they are for, "inception_v3" and "fid" for
                example.

        Returns:
            The conventions; `None` if only Keras can read the file (layers within layers).

        Raises:
            ValueError: the file is damaged.
        """
        if self.row is not None:
            return self.row.conventions
        scaling = catalog.scaling(network)
        if self.format == "caffe":
            return Conventions(symmetric_padding=True, scaling=scaling)
        if self.format == "keras":
            return conventions_of_layers(self._configured_layers, scaling)
        if self.format in ("checkpoint", "archive"):
            return TENSORFLOW
        try:
            source, _ = self._read(_limit())
        except hdf5.NestedLayers:
            return None
        if self.format == "safetensors" and from_torch.names_fit(source.shapes):
            counts = network == "inception_v3" and variant != "fid"
            return Conventions(network == "inception_v1", pool_counts_padding=counts)
        return conventions_of_layers(source.layers, scaling)

    def plan(self, model: keras.Model) -> assignment.Plan:
        """Maps the file's variables to those of a model, by their names.

        Raises:
            ValueError: the file is damaged, unpacks to more than the model needs, or is of another
                variant.
        """
        source, name_map = self._read(_limit(model))
        _check_pools(model, source)
        return name_map(model, source.shapes)

    def assign(self, model: keras.Model) -> assignment.LoadReport | None:
        """Assigns the file's values to the variables of a model, all of them or none.

        Returns:
            The report, which becomes `model.load_report`; `None` for a file with layers within
            layers, which Keras reads.

        Raises:
            ValueError: the file is damaged, does not fit (the message lists all that is missing,
                left over or of another shape), or expects other conventions than the model was
                built for. The model is unchanged.
        """
        self._check_conventions(model)
        try:
            plan = self.plan(model)
        except hdf5.NestedLayers:
            self._assign_by_keras(model)
            report = None
        else:
            report = assignment.assign(model, self._read(_limit(model)).source, plan)
        model.load_report = report
        return report

    def _read(self, limit: int) -> _Contents:
        """Opens the container of the arrays when it is first needed.

        Args:
            limit: how many bytes an archive may unpack to.
        """
        if self._contents is None:
            self._contents = _READERS[self.format](self, limit)
        return self._contents

    def _checkpoint(self, limit: int) -> _Contents:
        prefix = self.path
        if self._handle.name == self.path:
            prefix = formats.checkpoint_prefix(self._handle, self.path)
        index = self._handle if self._handle.name == f"{prefix}.index" else None
        source = from_tf_slim.open_checkpoint(prefix, self._use_ema, index=index)
        return _Contents(source, from_tf_slim.plan)

    def _archive(self, limit: int) -> _Contents:
        folder = self._unpacked(limit)
        names = sorted(file.name for file in folder.iterdir())
        prefixes = {name.removesuffix(".index") for name in names if name.endswith(".index")}
        prefixes |= {name for name in names if name.endswith(".ckpt")}
        if len(prefixes) != 1:
            raise ValueError(
                f"{self.path} should hold one checkpoint, and holds {sorted(prefixes)}"
            )
        prefix = str(folder / prefixes.pop())
        source = from_tf_slim.open_checkpoint(prefix, self._use_ema, archive=self.path)
        return _Contents(source, from_tf_slim.plan)

    def _keras(self, limit: int) -> _Contents:
        file, _ = self._open_hdf5(limit)
        return _Contents(hdf5.open_keras(file, self.path), from_keras.plan)

    def _safetensors(self, limit: int) -> _Contents:
        source = safetensors_file.open_safetensors(self._handle, self.path)
        theirs = from_torch.names_fit(source.shapes)
        return _Contents(source, (from_torch if theirs else from_keras).plan)

    def _caffe(self, limit: int) -> _Contents:
        return _Contents(from_caffe.open_caffemodel(self._handle, self.path), from_caffe.plan)

    def _unpacked(self, limit: int, chosen: Collection[str] | None = None) -> pathlib.Path:
        how = archives.unpacked(self._handle, self.path, limit, chosen)
        return self._stack.enter_context(how)

    def _open_hdf5(self, limit: int) -> tuple[h5py.File, str]:
        """Opens the HDF5 file, this one or that in a `.keras`; returns it and its path."""
        if self._hdf5 is None:
            handle, path = self._handle, self.path
            if self.format == "keras":
                folder = self._unpacked(limit, (formats.KERAS_WEIGHTS,))
                path = str(folder / formats.KERAS_WEIGHTS)
                handle = self._stack.enter_context(_opened(path))
            file = self._stack.enter_context(hdf5.open_hdf5(handle, self.path))
            self._hdf5 = file, path
        return self._hdf5

    @functools.cached_property
    def _configured_layers(self) -> tuple[str, ...]:
        """Names of the layers of a `.keras` file, without its weights."""
        content = archives.read(self._handle, self.path, "config.json", _CONFIG_LIMIT)
        try:
            config = json.loads(content)
            names = [layer["config"]["name"] for layer in config["config"].get("layers", ())]
            if not all(isinstance(name, str) for name in names):
                raise TypeError("a layer's name is not text")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{self.path} is not a readable .keras file: {error}") from error
        return tuple(names)

    def _check_conventions(self, model: keras.Model) -> None:
        architecture = getattr(model, "architecture", None)
        network = getattr(architecture, "id", None)
        expected = self.conventions_for(network, getattr(architecture, "variant", None))
        names = [layer.name for layer in model.layers]
        found = conventions_of_layers(names, catalog.scaling(network))
        if expected is not None and expected != found:
            raise ValueError(
                f"{self.path} expects {expected}, and {model.name} has {found}: build the network "
                "with weights=PATH (or weights=TAG), which makes it suit them"
            )

    def _assign_by_keras(self, model: keras.Model) -> None:
        """Lets Keras read the file, and takes back what it assigned if it fails on the way."""
        limit = _limit(model)
        file, path = self._open_hdf5(limit)
        size = hdf5.audit(file, self.path)
        if size > limit:
            raise ValueError(f"{self.path} declares {size} bytes, far more than the model has")
        before = model.get_weights()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # one for each layer of another network's file
                model.load_weights(path)
        except Exception as error:  # Keras and h5py each have their own
            model.set_weights(before)
            raise ValueError(
                f"{self.path} does not fit {model.name}, which is unchanged: {str(error)[:300]}"
            ) from error


_READERS: dict[formats.Format, Callable[[OpenFile, int], _Contents]] = {
    "checkpoint": OpenFile._checkpoint,
    "archive": OpenFile._archive,
    "keras": OpenFile._keras,
    "hdf5": OpenFile._keras,
    "safetensors": OpenFile._safetensors,
    "caffe": OpenFile._caffe,
}
_UNPACKED = ("archive", "keras")


def _limit(model: keras.Model | None = None) -> int:
    """Returns how many bytes an archive may unpack to, for a model or for any of the family."""
    values = _LARGEST
    if model is not None:
        values = sum(math.prod(variable.shape) for variable in model.weights)
    return _COPIES * 4 * values + _BESIDE


def _check_pools(model: keras.Model, source: assignment.Source) -> None:
    """Raises ValueError for the file of a variant that differs in pools, which have no weights."""
    names = {layer.name for layer in model.layers}
    pools = [n for n in source.layers if "_branch" in n and n.endswith(("_max_pool", "_avg_pool"))]
    foreign = sorted(set(pools) - names)
    if foreign:
        raise ValueError(
            f"{source.path} is of another network or variant than {model.name}, which does not "
            f"have {', '.join(foreign)}"
        )
