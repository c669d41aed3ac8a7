"""The Frechet distance between two sets of feature vectors, taken as Gaussians (1706.08500).

    d^2 = |mu_1 - mu_2|^2 + tr(sigma_1 + sigma_2 - 2 (sigma_1 sigma_2)^(1/2))

It is computed as in the authors' code and its port to PyTorch (github.com/mseitzer/pytorch-fid):
mean and unbiased covariance in float64, the root by SciPy. Like both, it does not correct the bias
that comes from few pictures.
"""

from __future__ import annotations

import dataclasses
import inspect
import logging
import pathlib
import warnings

import numpy as np
from numpy.typing import ArrayLike

from keras_inception.files import replacing
from keras_inception.types import PathLike

_LOGGER = logging.getLogger(__name__)
_EPSILON = 1e-6  # added to both diagonals if the root is not finite, as in the published code
_IMAGINARY = 1e-3  # largest allowed on the root's diagonal, as in the published code
_ASYMMETRY = 1e-6  # of a covariance in a file, relative to its largest element; our choice
_NAMES = ("mu", "sigma", "pictures", "network")  # arrays in a file


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Mean and covariance of the features of a set of pictures.

    Attributes:
        mu: mean, float64 (features,).
        sigma: unbiased covariance, float64 (features, features).
        pictures: number of pictures; `None` if a file does not say.
        network: the pictures' size and a hash of the network's weights; empty if a file does not
            say.
        source: name of the pictures or of the file, for messages.
    """

    mu: np.ndarray
    sigma: np.ndarray
    pictures: int | None = None
    network: str = ""
    source: str = ""

    def save(self, path: PathLike) -> None:
        """Writes an `.npz` file, which pytorch-fid reads too.

        It has the arrays `mu` and `sigma`, `pictures` (-1 if unknown) and `network`.

        Raises:
            ValueError: the name of the file does not end in `.npz`.
        """
        path = _checked_name(path)
        pictures = -1 if self.pictures is None else self.pictures
        with replacing(path) as file:
            np.savez_compressed(
                file, mu=self.mu, sigma=self.sigma, pictures=pictures, network=self.network
            )

    @classmethod
    def load(cls, path: PathLike) -> Statistics:
        """Reads an `.npz` file of this package, of pytorch-fid or of the authors' code.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is damaged, or `mu` and `sigma` are not a mean and a covariance.
        """
        path = _checked_name(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not a file")
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in _NAMES if name in file}
        except Exception as error:  # numpy, zipfile and zlib raise errors of their own
            raise ValueError(f"{path} is not a readable .npz of statistics: {error}") from error
        try:
            return cls(**_checked(arrays), source=str(path))
        except ValueError as error:
            raise ValueError(f"{path} has no usable statistics: {error}") from error


def _checked_name(path: PathLike) -> pathlib.Path:
    path = pathlib.Path(path).expanduser()
    if path.suffix != ".npz":
        raise ValueError(f"{path}: a file of statistics must be an .npz")
    return path


def _checked(arrays):
    """Returns the fields of `Statistics`, given the arrays of a file."""
    for name in ("mu", "sigma"):
        if name not in arrays:
            raise ValueError(f"there is no {name}")
        if arrays[name].dtype.kind not in "fiu":
            raise ValueError(f"{name} is of type {arrays[name].dtype}; it must have numbers")
    mu, sigma = (arrays[name].astype(np.float64) for name in ("mu", "sigma"))
    if mu.ndim != 1 or not mu.size or sigma.shape != (mu.size, mu.size):
        raise ValueError(
            f"mu has the shape {mu.shape} and sigma {sigma.shape}; expected (features,) and "
            "(features, features)"
        )
    if not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise ValueError("mu or sigma has values that are not finite")
    asymmetry = np.abs(sigma - sigma.T).max()
    if asymmetry > _ASYMMETRY * np.abs(sigma).max() or sigma.diagonal().min() < 0:
        raise ValueError("sigma is not a covariance: not symmetric, or negative on its diagonal")
    pictures, network = arrays.get("pictures", np.int64(-1)), arrays.get("network", np.str_())
    if (pictures.shape, network.shape) != ((), ()):
        raise ValueError("pictures or network is an array; each must be a single value")
    if pictures.dtype.kind not in "iu" or network.dtype.kind != "U":
        raise ValueError("pictures must be a whole number, and network a text")
    known = int(pictures) if pictures > 0 else None
    return {"mu": mu, "sigma": sigma, "pictures": known, "network": str(network)}


class Moments:
    """Mean and covariance of rows that come in batches, computed in one pass.

    Memory does not grow with the number of rows. The mean and squared deviations of each batch are
    merged into the earlier ones (T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise
    algorithm for computing sample variances", 1979). Plain sums of squares would lose digits if the
    mean is large.

    Attributes:
        count: number of rows so far.
    """

    def __init__(self) -> None:
        self.count: int = 0
        self._mean: np.ndarray | None = None
        self._squares: np.ndarray | None = None

    def add(self, rows: ArrayLike) -> None:
        """Adds a batch of rows, float (batch, features).

        Raises:
            ValueError: they are not finite, or have another length than earlier rows.
        """
        rows = np.asarray(rows, np.float64)
        if rows.ndim != 2 or not rows.size:
            raise ValueError(f"features have the shape {rows.shape}; expected (batch, features)")
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            place = self.count + int(finite.argmin())
            raise ValueError(f"the features of picture {place} (from 0) are not finite")
        if self._mean is None or self._squares is None:
            self._mean = np.zeros(rows.shape[1])
            self._squares = np.zeros((rows.shape[1],) * 2)
        if rows.shape[1] != len(self._mean):
            raise ValueError(f"rows have {rows.shape[1]} features, expected {len(self._mean)}")
        mean = rows.mean(axis=0)
        deviations = rows - mean
        total = self.count + len(rows)
        apart = mean - self._mean
        self._squares += deviations.T @ deviations
        self._squares += np.outer(apart, apart * (self.count * len(rows) / total))
        self._mean = self._mean + apart * (len(rows) / total)
        self.count = total

    def statistics(self, network: str = "", source: str = "") -> Statistics:
        """Returns the `Statistics` of all rows; the arguments are fields of it.

        Raises:
            ValueError: there were fewer than two rows.
        """
        if self._mean is None or self._squares is None or self.count < 2:
            raise ValueError(
                f"a covariance needs two pictures or more, and {source or 'the set'} has "
                f"{self.count}"
            )
        sigma = self._squares / (self.count - 1)
        return Statistics(self._mean, sigma, self.count, network, source)


def frechet_distance(first: Statistics, second: Statistics) -> float:
    """Returns the squared distance d^2 between two `Statistics`.

    Rounding may leave it just below zero.

    Raises:
        ImportError: SciPy is not installed.
        ValueError: the two have different numbers of features or are of different networks, or the
            root of the product of the covariances is not real.
    """
    if first.mu.shape != second.mu.shape:
        raise ValueError(
            f"{_named(first)} has {first.mu.size} features, {_named(second)} {second.mu.size}"
        )
    if first.network and second.network and first.network != second.network:
        raise ValueError(
            f"the features come from different networks: {_named(first)} from {first.network}, "
            f"{_named(second)} from {second.network}"
        )
    for statistics in (first, second):
        if statistics.pictures is not None and statistics.pictures <= statistics.mu.size:
            _LOGGER.warning(
                "%s: %d pictures do not determine a covariance of %d features; the distance is "
                "biased upwards",
                _named(statistics),
                statistics.pictures,
                statistics.mu.size,
            )
    apart = first.mu - second.mu
    trace = np.trace(first.sigma) + np.trace(second.sigma)
    return float(apart @ apart + trace - 2 * _trace_of_root(first.sigma, second.sigma))


def _named(statistics):
    return statistics.source or "a set of pictures"


def _trace_of_root(first, second):
    """Computes tr((first second)^(1/2)) as the published code does."""
    root = _root(first @ second)
    if not np.isfinite(root).all():
        _LOGGER.warning(
            "the product of the covariances is singular: %g is added to both diagonals", _EPSILON
        )
        offset = _EPSILON * np.eye(len(first))
        root = _root((first + offset) @ (second + offset))
    imaginary = np.abs(np.diagonal(root).imag).max()
    if not imaginary <= _IMAGINARY:
        raise ValueError(
            "the root of the product of the covariances is not real: "
            f"its diagonal has an imaginary part of {imaginary:.3g}, and {_IMAGINARY:g} is allowed"
        )
    return float(np.trace(root).real)


def _root(matrix):
    """Computes the matrix square root with SciPy, and silences its messages."""
    try:
        from scipy import linalg
    except ImportError as error:
        raise ImportError(
            "the Frechet distance needs SciPy: pip install keras_inception[fid]"
        ) from error

    # Until 1.15 the default `disp=True` prints to stdout; since 1.16 the argument is deprecated.
    disp = inspect.signature(linalg.sqrtm).parameters.get("disp")
    with warnings.catch_warnings():
        # SciPy warns of a singular matrix. Then values off the diagonal are inaccurate, which the
        # trace does not need. The caller notices values that are not finite.
        warnings.simplefilter("ignore")
        if disp is not None and disp.default is True:
            return linalg.sqrtm(matrix, disp=False)[0]
        return linalg.sqrtm(matrix)
