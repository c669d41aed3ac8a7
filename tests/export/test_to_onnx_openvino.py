"""ONNX and OpenVINO: files that give what Keras gives."""

import keras
import numpy as np
import pytest

from keras_inception import export, layers, runtimes
from keras_inception.evaluation import predictor

NAMES = ["cat", "dog", "cow"]


@pytest.fixture(scope="module")
def model():
    """All kinds of layers that the networks have."""
    keras.utils.set_random_seed(2)
    images = keras.Input((32, 32, 3))
    x = layers.conv_bn_relu(images, 16, 3, 2, "valid", name="first")
    x = layers.LocalResponseNormalization()(x)
    x = layers.DilatedPooling2D("avg", 3, dilation_rate=2)(x)
    x = layers.separable_conv_bn(x, 24, "separable")
    x = layers.residual(x, "block", [layers.conv(8, 1)], [layers.avg_pool(3)], scale=0.2)
    return keras.Model(images, layers.classifier_head(x, 3, 0.2), name="mixed")


@pytest.mark.runtimes
@pytest.mark.parametrize(("form", "suffix"), [("onnx", ".onnx"), ("openvino", ".xml")])
class TestRuntimes:
    def test_same(self, model, tmp_path, form, suffix):
        pytest.importorskip({"onnx": "onnxruntime"}.get(form, form))
        path = tmp_path / f"m{suffix}"
        found = getattr(export, form)(model, path, NAMES)
        assert found.largest_difference < 1e-5
        expected = {".onnx": {"m.onnx"}, ".xml": {"m.xml", "m.bin"}}[suffix] | {"m.labels.txt"}
        assert {p.name for p in tmp_path.iterdir()} == expected
        assert found.bytes == sum(p.stat().st_size for p in tmp_path.iterdir()) - 12
        views = np.random.default_rng(0).uniform(-1, 1, (5, 32, 32, 3)).astype("float32")
        run = runtimes.RUNTIMES[suffix](path, num_threads=1)
        assert (run.input_shape, run.output_shape) == ((None, 32, 32, 3), (None, 3))
        np.testing.assert_allclose(run(views), model(views), atol=1e-5)
        form = predictor(path)
        assert form.class_names == tuple(NAMES)
        np.testing.assert_allclose(form(views), model(views), atol=1e-5)

    def test_refused(self, model, tmp_path, form, suffix):
        write = getattr(export, form)
        (tmp_path / f"m{suffix}").write_text("mine")
        with pytest.raises(FileExistsError, match="exists; overwrite=True"):
            write(model, tmp_path / f"m{suffix}")
        assert (tmp_path / f"m{suffix}").read_text() == "mine"
        for beside in ["n.labels.txt", *(["n.bin"] if form == "openvino" else [])]:
            (tmp_path / beside).write_text("mine")
            with pytest.raises(FileExistsError, match=f"{beside} exists"):
                write(model, tmp_path / f"n{suffix}", NAMES)
            assert (tmp_path / beside).read_text() == "mine"
            (tmp_path / beside).unlink()
        with pytest.raises(ValueError, match=f"ends in .{suffix[1:]}"):
            write(model, tmp_path / "m.bin")
        with pytest.raises(ValueError, match=f"m{suffix} is not a"):
            predictor(tmp_path / f"m{suffix}")


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_the_old_name_of_class_names(model, tmp_path, monkeypatch, form):
    monkeypatch.setattr(runtimes, "require", lambda *_: None)
    write = getattr(export, form)
    with (
        pytest.warns(FutureWarning, match=rf"{form}\(labels=...\) is now class_names"),
        pytest.raises(ValueError, match="2 names; the model has 3 classes"),
    ):
        write(model, tmp_path / f"m.{'xml' if form == 'openvino' else form}", labels=["a", "b"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_a_missing_package_is_named(model, tmp_path, monkeypatch, form):
    monkeypatch.setitem(__import__("sys").modules, {"onnx": "tf2onnx"}.get(form, form), None)
    with pytest.raises(ImportError, match=r"needs .*: pip install keras_inception\[runtimes\]"):
        getattr(export, form)(model, tmp_path / "m.onnx")
