"""Tests of evaluation/frechet.py: means, covariances and the distance, against numpy and SciPy."""

import builtins
import logging
import re

import numpy as np
import pytest
from scipy import linalg

from keras_inception.evaluation import frechet
from keras_inception.evaluation.frechet import Moments, Statistics, frechet_distance


def rows(seed, count=200, features=6, shift=0.0):
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((features, features))
    return rng.standard_normal((count, features)) @ mixing + shift


def of(array, batch=7, **known):
    moments = Moments()
    for start in range(0, len(array), batch):
        moments.add(array[start : start + batch])
    return moments.statistics(**known)


@pytest.mark.parametrize("batch", [1, 7, 200])
def test_mean_and_covariance_are_numpys(batch):
    found = of(rows(0), batch)
    assert found.pictures == 200
    np.testing.assert_allclose(found.mu, rows(0).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.sigma, np.cov(rows(0), rowvar=False), rtol=1e-10)


def test_a_large_mean_costs_no_digits():
    """Sums of squares would lose all of them: 1e16 has 16 digits, the variance is about 1."""
    shifted = of(rows(0, shift=1e8))
    np.testing.assert_allclose(shifted.sigma, np.cov(rows(0), rowvar=False), rtol=1e-6)


def test_float32_features_are_summed_in_float64():
    array = rows(0, shift=100).astype(np.float32)
    found = of(array)
    assert found.sigma.dtype == np.float64
    np.testing.assert_allclose(found.sigma, np.cov(array.astype(float), rowvar=False), rtol=1e-10)


def test_memory_does_not_grow_with_the_pictures():
    moments = Moments()
    for seed in range(3):
        moments.add(rows(seed))
        held = [v for v in vars(moments).values() if isinstance(v, np.ndarray)]
        assert sum(array.size for array in held) == 6 + 36


def direct(a, b):
    """The published formula, on whole arrays."""
    mean = a.mean(axis=0) - b.mean(axis=0)
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(first @ second).real
    return mean @ mean + np.trace(first + second - 2 * root)


def test_distance_is_the_published_formula():
    a, b = rows(0), rows(1, 150, shift=0.5)
    assert frechet_distance(of(a), of(b)) == pytest.approx(direct(a, b), rel=1e-10)
    assert frechet_distance(of(b), of(a)) == pytest.approx(direct(a, b), rel=1e-8)


def test_gaussians_with_a_closed_form():
    """Of diagonal covariances the distance is that of means and of standard deviations."""
    rng = np.random.default_rng(0)
    (mu_a, mu_b), (s_a, s_b) = rng.standard_normal((2, 9)), rng.uniform(0.1, 2, (2, 9))
    a, b = Statistics(mu_a, np.diag(s_a**2)), Statistics(mu_b, np.diag(s_b**2))
    expected = ((mu_a - mu_b) ** 2).sum() + ((s_a - s_b) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)


def test_equal_sets_are_at_distance_0():
    found = of(rows(0))
    assert frechet_distance(found, found) == pytest.approx(0, abs=1e-8 * np.trace(found.sigma))


def test_fewer_pictures_than_features_are_warned_of(caplog):
    """The product is singular: the distance is what the pictures' few directions give."""
    a, b = rows(0, 4, 30), rows(1, 5, 30)
    first, second = of(a, source="the first"), of(b)
    # With rows x / sqrt(n - 1) the trace of the root is the sum of the singular values of A B^T.
    left, right = ((x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (a, b))
    trace = linalg.svdvals(left @ right.T).sum()
    apart = a.mean(axis=0) - b.mean(axis=0)
    expected = apart @ apart + np.trace(first.sigma) + np.trace(second.sigma) - 2 * trace
    with caplog.at_level(logging.WARNING):
        assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-4)
    assert "the first: 4 pictures do not determine a covariance of 30 features" in caplog.text
    assert "a set of pictures: 5 pictures do not" in caplog.text


def test_a_root_that_is_not_finite_gets_an_offset(caplog, monkeypatch):
    sqrtm, tried = linalg.sqrtm, []

    def fails_at_first(matrix):
        tried.append(matrix)
        return np.full_like(matrix, np.nan) if len(tried) == 1 else sqrtm(matrix)

    monkeypatch.setattr(linalg, "sqrtm", fails_at_first)
    a, b = of(rows(0)), of(rows(1))
    distance = frechet_distance(a, b)
    assert distance == pytest.approx(direct(rows(0), rows(1)), rel=1e-4)
    offset = 1e-6 * np.eye(6)
    np.testing.assert_array_equal(tried[1], (a.sigma + offset) @ (b.sigma + offset))
    assert "singular: 1e-06 is added to both diagonals" in caplog.text


def test_a_scipy_that_prints_unless_asked_for_the_error(capsys, monkeypatch):
    """As before 1.16; those from 1.18 on have no such argument."""
    sqrtm = linalg.sqrtm

    def old(matrix, disp=True, blocksize=64):
        if disp:
            print("Matrix is singular and may not have a square root.")
        return sqrtm(matrix) if disp else (sqrtm(matrix), 0.0)

    expected = frechet_distance(of(rows(0)), of(rows(1)))
    monkeypatch.setattr(linalg, "sqrtm", old)
    assert frechet_distance(of(rows(0)), of(rows(1))) == expected
    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("error")
def test_the_installed_scipy_is_silent(capfd):
    singular = of(rows(0, 4, 30))
    frechet_distance(singular, singular)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(("imaginary", "fails"), [(9e-4, False), (2e-3, True), (np.nan, True)])
def test_an_imaginary_part(imaginary, fails, monkeypatch):
    monkeypatch.setattr(
        frechet, "_root", lambda matrix: np.eye(6) + np.diag([0, 1j * imaginary] * 3)
    )
    a = Statistics(np.zeros(6), np.eye(6))
    if fails:
        with pytest.raises(ValueError, match="is not real: .* 0.001 is allowed"):
            frechet_distance(a, a)
    else:
        assert frechet_distance(a, a) == pytest.approx(0)


def test_covariances_that_have_no_real_root():
    """A file may hold anything symmetric."""
    a = Statistics(np.zeros(2), np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(ValueError, match="is not real: .* an imaginary part of 0.5"):
        frechet_distance(a, Statistics(np.zeros(2), np.eye(2)))


def test_without_scipy(monkeypatch):
    original = builtins.__import__

    def no_scipy(name, *arguments, **keywords):
        if name == "scipy":
            raise ImportError("No module named 'scipy'")
        return original(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", no_scipy)
    with pytest.raises(ImportError, match=re.escape("pip install keras_inception[fid]")):
        frechet_distance(of(rows(0)), of(rows(1)))


def test_what_does_not_go_together():
    with pytest.raises(ValueError, match="^one has 6 features, a set of pictures 5$"):
        frechet_distance(of(rows(0), source="one"), of(rows(0, features=5)))
    with pytest.raises(ValueError, match="from different networks: one from x, two from y"):
        frechet_distance(
            of(rows(0), network="x", source="one"), of(rows(1), network="y", source="two")
        )
    # Of others' files nobody knows.
    assert frechet_distance(of(rows(0), network="x"), of(rows(1))) > 0


def test_bad_rows():
    with pytest.raises(ValueError, match="two pictures or more, and pictures of mine has 1$"):
        of(rows(0, 1), source="pictures of mine")
    with pytest.raises(ValueError, match="two pictures or more, and the set has 0$"):
        Moments().statistics()
    array = rows(0)
    array[9, 2] = np.nan
    with pytest.raises(ValueError, match=r"the features of picture 9 \(from 0\) are not finite"):
        of(array)
    moments = Moments()
    moments.add(rows(0))
    with pytest.raises(ValueError, match="rows have 5 features, expected 6"):
        moments.add(rows(0, features=5))
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        moments.add(np.zeros(3))


def test_saved_statistics_give_the_same_distance(tmp_path):
    a, b = of(rows(0), network="75 pixels, sha256 0"), of(rows(1))
    file = tmp_path / "new" / "a.npz"
    a.save(file)
    again = Statistics.load(str(file))
    assert (again.pictures, again.network) == (200, "75 pixels, sha256 0")
    assert again.source == str(file)
    assert frechet_distance(again, b) == frechet_distance(a, b)
    assert [path.name for path in file.parent.iterdir()] == ["a.npz"]
    b = Statistics(b.mu, b.sigma)
    b.save(file)
    assert Statistics.load(file).pictures is None


def test_others_files_have_mu_and_sigma_alone(tmp_path):
    a = of(rows(0))
    np.savez(tmp_path / "theirs.npz", mu=a.mu, sigma=a.sigma, more=np.zeros(3))
    found = Statistics.load(tmp_path / "theirs.npz")
    assert (found.pictures, found.network) == (None, "")
    assert frechet_distance(found, of(rows(1))) == frechet_distance(a, of(rows(1)))


MU, SIGMA = np.zeros(3), np.eye(3)
BAD = {
    "no mu": ({"sigma": SIGMA}, "there is no mu"),
    "no sigma": ({"mu": MU}, "there is no sigma"),
    "shapes": ({"mu": MU, "sigma": np.eye(4)}, r"mu has the shape \(3,\) and sigma \(4, 4\)"),
    "empty": ({"mu": MU[:0], "sigma": SIGMA[:0, :0]}, r"mu has the shape \(0,\)"),
    "NaN": ({"mu": MU * np.nan, "sigma": SIGMA}, "not finite"),
    "infinite": ({"mu": MU, "sigma": np.full((3, 3), np.inf)}, "not finite"),
    "not symmetric": ({"mu": MU, "sigma": SIGMA + np.eye(3, k=1)}, "not a covariance"),
    "negative": ({"mu": MU, "sigma": -SIGMA}, "not a covariance"),
    "text": ({"mu": np.array(["a"] * 3), "sigma": SIGMA}, "mu is of type <U1"),
    "complex": ({"mu": MU + 1j, "sigma": SIGMA}, "mu is of type complex128"),
    "objects": ({"mu": np.array([{}] * 3), "sigma": SIGMA}, "Object arrays cannot be loaded"),
    "pictures": ({"mu": MU, "sigma": SIGMA, "pictures": np.arange(2)}, "is an array"),
    "a picture and a half": (
        {"mu": MU, "sigma": SIGMA, "pictures": 1.5},
        "pictures must be a whole number",
    ),
    "network": ({"mu": MU, "sigma": SIGMA, "network": 7}, "network a text"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_file_that_holds_something_else(fault, tmp_path):
    arrays, message = BAD[fault]
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=rf"(?s)^{re.escape(str(tmp_path))}.*{message}"):
        Statistics.load(tmp_path / "bad.npz")


@pytest.mark.parametrize("what", ["cut", "flipped", "text", "empty", "npy"])
def test_a_damaged_file(what, tmp_path):
    file = tmp_path / "bad.npz"
    of(rows(0)).save(file)
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 0xFF
    contents = {"cut": whole[: len(whole) // 2], "flipped": flipped, "text": b"none", "empty": b""}
    file.write_bytes(contents.get(what, b""))
    if what == "npy":
        with open(file, "wb") as opened:
            np.save(opened, np.zeros(3))
    with pytest.raises(ValueError, match="bad.npz is not a readable .npz of statistics"):
        Statistics.load(file)


def test_names_of_files(tmp_path):
    with pytest.raises(ValueError, match="a.npy: a file of statistics must be an .npz"):
        of(rows(0)).save(tmp_path / "a.npy")
    with pytest.raises(FileNotFoundError, match="nowhere.npz is not a file"):
        Statistics.load(tmp_path / "nowhere.npz")
    assert not list(tmp_path.iterdir())
