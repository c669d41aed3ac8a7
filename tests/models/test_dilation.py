"""`output_stride`: the same weights see the same things, on a finer grid."""

import keras
import numpy as np
import pytest
import quickly
from safetensors.numpy import load_file, save_file

import keras_inception

RNG = np.random.default_rng(0)
NETWORKS = ["inception_v1", "bn_inception", "inception_v3", "inception_resnet_v2", "xception"]


@pytest.mark.parametrize("id", quickly.rows(NETWORKS, ["inception_v1", "inception_v3", "xception"]))
def test_coarse_grid_is_inside_the_fine_one(id):
    """Every nth pixel of the dilated grid is the plain network's, borders included.

    At which pixel it begins depends on how the strides are padded: TensorFlow puts the odd pixel of
    "same" behind, so that each stride that is left out may shift the grid by one of its steps.
    """
    # Xception's shortcuts need odd grids: 52, 25, 13, 7, 4 pixels.
    shape = (105, 107, 3) if id == "xception" else (112, 123, 3)
    coarse, fine8, fine16 = (
        keras_inception.create_model(
            id,
            weights=None,
            include_top=False,
            input_shape=shape,
            width_multiplier=0.1,
            output_stride=stride,
        )
        for stride in (32, 8, 16)
    )
    x = RNG.uniform(-1, 1, (1, *shape)).astype("float32")
    expected = coarse(x).numpy()
    rows, columns = expected.shape[1:3]
    assert rows >= 2
    assert columns >= 2
    for fine, step in ((fine16, 2), (fine8, 4)):
        assert [w.path for w in fine.weights] == [w.path for w in coarse.weights]
        fine.set_weights(coarse.get_weights())
        found = fine(x).numpy()
        assert found.shape[1] >= (rows - 1) * step + 1
        candidates = [found[:, i::step, j::step] for i in range(step) for j in range(step)]
        gaps = [
            np.abs(c[:, :rows, :columns] - expected).max() / np.abs(expected).max()
            for c in candidates
            if c.shape[1] >= rows and c.shape[2] >= columns
        ]
        assert min(gaps) < 1e-5
        assert sum(gap < 1e-5 for gap in gaps) == 1


def test_pools_that_count_the_padding(tmp_path):
    """Dilated, they are padded by as much more as their windows are spread."""
    arguments = {"width_multiplier": 0.1, "include_top": False, "input_shape": (112, 123, 3)}
    path = tmp_path / "counted.safetensors"
    keras_inception.weights.save(keras_inception.InceptionV3(weights=None, **arguments), path)
    layers = '["mixed_5b_branch3_0_avg_pool_pad"]'
    save_file(load_file(path), path, metadata={"keras_inception.layers": layers})
    coarse, fine = (
        keras_inception.InceptionV3(weights=path, output_stride=stride, **arguments)
        for stride in (32, 8)
    )
    x = RNG.uniform(-1, 1, (1, 112, 123, 3)).astype("float32")
    expected, found = coarse(x).numpy(), fine(x).numpy()
    rows, columns = expected.shape[1:3]
    part = found[:, ::4, ::4][:, :rows, :columns]
    assert np.abs(part - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize(("stride", "sides"), [(8, (28, 28, 37)), (16, (14, 14, 19))])
def test_size_of_the_grid(stride, sides):
    networks = (("inception_v1", 224), ("bn_inception", 224), ("xception", 299))
    for (id, side), expected in zip(networks, sides):
        model = keras_inception.create_model(
            id,
            weights=None,
            include_top=False,
            input_shape=(side, side, 3),
            width_multiplier=0.1,
            output_stride=stride,
        )
        assert model.output_shape[1:3] == (expected, expected)


def test_saves_and_loads_with_dilated_pools(tmp_path):
    model = keras_inception.InceptionV4(
        weights=None, width_multiplier=0.1, output_stride=8, input_shape=(91, 91, 3), classes=5
    )
    assert any(isinstance(i, keras_inception.layers.DilatedPooling2D) for i in model.layers)
    model.save(tmp_path / "model.keras")
    x = RNG.uniform(-1, 1, (1, 91, 91, 3)).astype("float32")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(x), model(x))


def test_builds_on_a_callers_tensor():
    images = keras.Input((96, 96, 3))
    model = keras_inception.InceptionV1(
        weights=None,
        width_multiplier=0.1,
        output_stride=16,
        input_tensor=keras.layers.Rescaling(2.0, name="callers")(images),
        classes=5,
    )
    assert model.inputs[0] is images
    assert model.get_layer("callers").scale == 2.0
    assert model.output_shape == (None, 5)
