"""The Frechet distance between two sets of feature vectors, taken as Gaussians (1706.08500).

    d^2 = |mu_1 - mu_2|^2 + tr(sigma_1 + sigma_2 - 2 (sigma_1 sigma_2)^(1/2))

The arithmetic is that of the authors' code and of its port to PyTorch (github.com/mseitzer/
pytorch-fid): mean and unbiased covariance in float64, the root by SciPy. Both subtract nothing for
the bias of few pictures, and neither does this.
"""

import dataclasses
import inspect
import logging
import pathlib
import warnings

import numpy as np

from keras_inception.files import replacing

_LOGGER = logging.getLogger(__name__)
_EPSILON = 1e-6  # added to both diagonals where the root is not finite, as the published code does
_IMAGINARY = 1e-3  # on the root's diagonal; more is an error, as in the published code
_ASYMMETRY = 1e-6  # of a covariance in a file, relative to its largest element; our choice


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Mean and covariance of the features of a set of pictures.

    Attributes:
        mu: float64 (features,).
        sigma: float64 (features, features), unbiased.
        pictures: how many there were; `None` if a file does not say.
        network: size of the pictures and a hash of the weights that the features are of; empty if
            a file does not say.
        source: which pictures, or which file, for messages.
    """

    mu: np.ndarray
    sigma: np.ndarray
    pictures: int | None = None
    network: str = ""
    source: str = ""

    def save(self, path):
        """Writes an `.npz` with `mu` and `sigma`, which pytorch-fid reads, and what else is known.

        That is `pictures` (-1: unknown) and `network`.

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
    def load(cls, path):
        """Reads an `.npz` of this package, of pytorch-fid or of the authors' code.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is damaged, or `mu` and `sigma` are not mean and covariance.
        """
        path = _checked_name(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path} is no file")
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in _NAMES if name in file}
        except Exception as error:  # numpy, zipfile and zlib each have their own
            raise ValueError(f"{path} is no readable .npz of statistics: {error}") from error
        try:
            return cls(**_checked(arrays), source=str(path))
        except ValueError as error:
            raise ValueError(f"{path} has no statistics that can be used: {error}") from error


_NAMES = ("mu", "sigma", "pictures", "network")


def _checked_name(path):
    path = pathlib.Path(path).expanduser()
    if path.suffix != ".npz":
        raise ValueError(f"{path}: a file of statistics is an .npz")
    return path


def _checked(arrays):
    """The fields of `Statistics` from what a file holds."""
    for name in ("mu", "sigma"):
        if name not in arrays:
            raise ValueError(f"there is no {name}")
        if arrays[name].dtype.kind not in "fiu":
            raise ValueError(f"{name} is of type {arrays[name].dtype}, no numbers")
    mu, sigma = (arrays[name].astype(np.float64) for name in ("mu", "sigma"))
    if mu.ndim != 1 or not mu.size or sigma.shape != (mu.size, mu.size):
        raise ValueError(
            f"mu has the shape {mu.shape} and sigma {sigma.shape}; (features,) and "
            "(features, features) are wanted"
        )
    if not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise ValueError("mu or sigma has values that are not finite")
    asymmetry = np.abs(sigma - sigma.T).max()
    if asymmetry > _ASYMMETRY * np.abs(sigma).max() or sigma.diagonal().min() < 0:
        raise ValueError("sigma is no covariance: not symmetric, or negative on its diagonal")
    pictures, network = arrays.get("pictures", np.int64(-1)), arrays.get("network", np.str_())
    if (pictures.shape, network.shape) != ((), ()):
        raise ValueError("pictures or network is an array")
    if pictures.dtype.kind not in "iu" or network.dtype.kind != "U":
        raise ValueError("pictures is no whole number, or network no text")
    known = int(pictures) if pictures > 0 else None
    return {"mu": mu, "sigma": sigma, "pictures": known, "network": str(network)}


class Moments:
    """Mean and covariance of rows that come in batches, in one pass.

    Memory does not grow with the rows. A batch's own mean and squared deviations are joined to
    those so far (T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise algorithm for
    computing sample variances", 1979): sums of squares would cancel where the mean is large.
    """

    def __init__(self):
        self.count = 0
        self._mean = self._squares = None

    def add(self, rows):
        """Adds `rows`, (batch, features) of any float.

        Raises:
            ValueError: they are not finite, or of another length than those before.
        """
        rows = np.asarray(rows, np.float64)
        if rows.ndim != 2 or not rows.size:
            raise ValueError(f"features of shape {rows.shape}; (batch, features) is wanted")
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            place = self.count + int(finite.argmin())
            raise ValueError(f"the features of picture {place} (from 0) are not finite")
        if self._mean is None:
            self._mean = np.zeros(rows.shape[1])
            self._squares = np.zeros((rows.shape[1],) * 2)
        if rows.shape[1] != len(self._mean):
            raise ValueError(f"{rows.shape[1]} features, where there were {len(self._mean)}")
        mean = rows.mean(axis=0)
        deviations = rows - mean
        total = self.count + len(rows)
        apart = mean - self._mean
        self._squares += deviations.T @ deviations
        self._squares += np.outer(apart, apart * (self.count * len(rows) / total))
        self._mean = self._mean + apart * (len(rows) / total)
        self.count = total

    def statistics(self, **known):
        """A `Statistics` with the further fields of it that are `known`.

        Raises:
            ValueError: there were fewer than two rows.
        """
        if self.count < 2:
            raise ValueError(
                f"a covariance is of two pictures or more, and {known.get('source') or 'the set'} "
                f"has {self.count}"
            )
        sigma = self._squares / (self.count - 1)
        return Statistics(self._mean, sigma, self.count, **known)


def frechet_distance(first, second):
    """The squared distance d^2 between two `Statistics`; rounding may leave it just below zero.

    Raises:
        ImportError: SciPy is not installed.
        ValueError: the features are of different numbers or networks, or the root of the product
            of the covariances is not real.
    """
    if first.mu.shape != second.mu.shape:
        raise ValueError(
            f"{_named(first)} has {first.mu.size} features, {_named(second)} {second.mu.size}"
        )
    if first.network and second.network and first.network != second.network:
        raise ValueError(
            f"the features are of different networks: {_named(first)} of {first.network}, "
            f"{_named(second)} of {second.network}"
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
    """tr((first second)^(1/2)), as the published code computes it."""
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
            f"{imaginary:.3g} on its diagonal is imaginary, {_IMAGINARY:g} is allowed"
        )
    return float(np.trace(root).real)


def _root(matrix):
    """SciPy's matrix root, silent whichever version it is."""
    try:
        from scipy import linalg
    except ImportError as error:
        raise ImportError(
            "the Frechet distance needs SciPy: pip install keras_inception[fid]"
        ) from error

    # Until 1.15 `disp=True`, the default, prints to stdout; from 1.16 on naming it is deprecated.
    disp = inspect.signature(linalg.sqrtm).parameters.get("disp")
    with warnings.catch_warnings():
        # Of a singular matrix: what is off the diagonal, which the trace does not need, is then
        # inaccurate. What is not finite is noticed here.
        warnings.simplefilter("ignore")
        if disp is not None and disp.default is True:
            return linalg.sqrtm(matrix, disp=False)[0]
        return linalg.sqrtm(matrix)
