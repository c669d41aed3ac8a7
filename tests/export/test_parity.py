"""Tests of export/parity.py: a broken export is found, an honest difference is measured."""

import keras
import numpy as np
import pytest

from keras_inception import export
from keras_inception.export import parity, signatures
from keras_inception.export.parity import Tolerance


def network(scale=1.0):
    images = keras.Input((10, 10, 3))
    x = keras.layers.AveragePooling2D(5)(images)
    x = keras.layers.Flatten()(x)
    dense = keras.layers.Dense(3, activation="softmax")
    model = keras.Model(images, dense(x), name="small")
    kernel = np.linspace(-1, 1, 36).reshape(12, 3) * scale
    dense.set_weights([kernel, np.array([0.3, 0.0, -0.1])])
    return model


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("parity") / "small"
    export.saved_model(network(), path)
    return path


def test_the_same_network(path):
    found = export.compare(network(), path)
    assert found.pictures == 4
    assert found.largest_difference < 1e-6
    assert found.agreement == 1
    assert found.bytes == sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    assert "the same class for 100.0% of 4 pictures" in str(found)


def test_another_network_on_given_pictures(path):
    other = network(scale=-9.0)
    pictures = parity.made_up_pictures(10, count=6)
    found = export.compare(other, path, pictures)
    assert found.pictures == 6
    assert found.largest_difference > 0.05
    with pytest.raises(RuntimeError, match="small differs from the Keras model by"):
        parity.require(found, Tolerance(0.05))
    parity.require(found, Tolerance(found.largest_difference))


def test_exchanged_classes_and_lost_kernels_change_the_pattern(tmp_path):
    sound, exchanged, lost = network(3.0), network(3.0), network(3.0)
    exchanged.layers[-1].set_weights([w[..., ::-1] for w in sound.get_weights()])
    lost.layers[-1].set_weights([np.zeros((12, 3)), sound.get_weights()[1]])
    export.saved_model(sound, tmp_path / "m")
    for other in (exchanged, lost):
        found = export.compare(other, tmp_path / "m")
        with pytest.raises(RuntimeError, match="its scores' spread, more than 15%: it is not"):
            parity.require(found, Tolerance(1.0, pattern=0.15))
    assert export.compare(sound, tmp_path / "m").pattern_difference < 1e-5


@pytest.mark.parametrize(("value", "message"), [(np.nan, "NaN"), (0.0, "its weights are lost")])
def test_broken_weights(tmp_path, value, message):
    sound, broken = network(), network()
    broken.layers[-1].set_weights([np.full((12, 3), value), np.zeros(3)])
    run, variables = signatures.as_function(broken, 10, frozen=True)
    options = {"top_k": 2, "limit": 10**6, "lenient": False}
    functions = signatures.serving_signatures(run, 10, ["a", "b", "c"], **options)
    signatures.write_signatures(tmp_path / "m", functions, variables)
    with pytest.raises(RuntimeError, match=message):
        export.compare(sound, tmp_path / "m")


def test_made_up_pictures_differ_and_are_the_same_each_time():
    first, again = parity.made_up_pictures(20), parity.made_up_pictures(20)
    assert len({p.shape for p in first}) == 4
    for a, b in zip(first, again, strict=True):
        assert a.dtype == np.uint8
        assert a.std() > 20
        np.testing.assert_array_equal(a, b)
