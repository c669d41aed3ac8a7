"""The example of every public block is run, and its shape compared."""

import doctest
import inspect

import keras
import pytest

from keras_inception import layers

FINDER = doctest.DocTestFinder(recurse=False)


@pytest.mark.parametrize("name", layers.__all__)
def test_docstring_example(name):
    found = getattr(layers, name)
    scope = {"keras": keras, **{n: getattr(layers, n) for n in layers.__all__}}
    tests = FINDER.find(found, name, globs=scope)
    assert sum(len(test.examples) for test in tests) > 0, f"{name} has no example"
    for test in tests:
        result = doctest.DocTestRunner().run(test)
        assert result.failed == 0


def test_all_is_all_that_is_public():
    public = {n for n, value in vars(layers).items() if not n.startswith("_") and callable(value)}
    assert public == set(layers.__all__)
    assert all(inspect.getdoc(getattr(layers, name)) for name in public)
