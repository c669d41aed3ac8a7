"""A file of weights, opened once: it tells names, shapes and conventions, and fills a model."""

import contextlib
import importlib
import os
import shutil
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
import weight_files
from spoilt_files import FORMATS

import keras_inception
from keras_inception import renamed, weights
from keras_inception.weights import archives, conventions, download, opening

pytestmark = pytest.mark.usefixtures("temporary")

ARGUMENTS = weight_files.ARGUMENTS
BY_LIBRARIES = ("checkpoint", "first checkpoint", ".safetensors")  # they take nothing but paths
CAFFE_SCALING = ((123.0, 117.0, 104.0), (1.0, 1.0, 1.0))
KINDS = {
    "checkpoint": "checkpoint",
    "first checkpoint": "checkpoint",
    "tar.gz": "archive",
    "zip": "archive",
    ".h5": "hdf5",
    ".weights.h5": "hdf5",
    ".keras": "keras",
    ".safetensors": "safetensors",
    ".caffemodel": "caffe",
}

_listeners = []


def _listen(event, arguments):
    if event == "open" and _listeners:
        _listeners[-1].append(arguments[0])


sys.addaudithook(_listen)  # which nobody can take away again


@pytest.fixture
def opens(monkeypatch):
    """Lists of the paths that Python opens, and of those that libraries open themselves."""
    by_python, by_libraries = [], []

    def watch(owner, name, position):
        function = getattr(owner, name)

        def watched(*args, **kwargs):
            by_libraries.append(args[position])
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, name, watched)

    watch(importlib.import_module("h5py").File, "__init__", 1)
    watch(importlib.import_module("safetensors"), "safe_open", 0)
    watch(tf.train, "load_checkpoint", 0)
    _listeners.append(by_python)
    yield by_python, by_libraries
    _listeners.pop()


def times(path, opened):
    return sum(isinstance(name, (str, os.PathLike)) and str(name) == str(path) for name in opened)


def build(format, **arguments):
    id = "googlenet" if format == ".caffemodel" else "inception_v1"
    return keras_inception.create_model(id, **{**ARGUMENTS, **arguments})


@pytest.mark.parametrize("format", FORMATS)
def test_a_constructor_opens_a_path_once(format, files, opens, monkeypatch):
    unpacked, unpack = [], archives.unpacked
    monkeypatch.setattr(archives, "unpacked", lambda *a: unpacked.append(a) or unpack(*a))
    by_python, by_libraries = opens
    path = files[format]
    model = build(format, weights=path)
    assert len(model.load_report.used) >= len(model.weights)
    assert times(f"{path}.index" if format == "checkpoint" else path, by_python) == 1
    assert times(path, by_libraries) == (format in BY_LIBRARIES)
    assert len(unpacked) == (format in ("tar.gz", "zip", ".keras"))


@pytest.mark.parametrize("suffix", weight_files.SUFFIXES)
def test_any_file_of_a_checkpoint_is_opened_once(suffix, files, opens):
    path = f"{files['checkpoint']}{suffix}"
    build("checkpoint", weights=path)
    assert times(path, opens[0]) == 1
    assert times(files["checkpoint"], opens[1]) == 1


@pytest.mark.parametrize("format", FORMATS)
def test_names_shapes_and_arrays(format, files, models):
    with weights.open_file(files[format]) as file:
        assert file.format == KINDS[format]
        assert file.path == str(files[format])
        assert repr(file) == f"OpenFile({file.path!r}, format={file.format!r})"
        name, shape = next(iter(file.shapes.items()))
        assert file.read(name).shape == tuple(shape)
        assert not set(file.skipped) & set(file.shapes)
        plan = file.plan(models[format])
        used = {name for rule in plan.rules for name in rule.sources}
        assert used | set(plan.skipped) == set(file.shapes)
        assert {rule.target.path for rule in plan.rules} == {v.path for v in models[format].weights}


@pytest.mark.parametrize("format", FORMATS)
def test_assigning_from_an_open_file(format, files):
    with weights.open_file(files[format]) as file:
        how = file.conventions_for("googlenet" if format == ".caffemodel" else "inception_v1")
        caffe = weights.Conventions(symmetric_padding=True, scaling=CAFFE_SCALING)
        assert how == (caffe if format == ".caffemodel" else conventions.TENSORFLOW)
        model = build(format, weights=files[format])
        before = model.get_weights()
        for variable in model.weights:
            variable.assign(np.zeros(variable.shape))
        report = file.assign(model)
    assert model.load_report is report
    for value, variable in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(value, variable)


def test_the_report_is_kept(files, tmp_path):
    assert build(".h5", weights=None).load_report is None
    model = build(".h5", weights=files[".h5"])
    assert len(model.load_report.used) == len(model.weights)
    report = weights.load(model, files[".safetensors"])
    assert model.load_report is report
    inner = keras_inception.InceptionV2(weights=None, **ARGUMENTS)
    weights.save(keras_inception.with_auxiliary_heads(inner), tmp_path / "heads.h5")
    heads = keras_inception.with_auxiliary_heads(inner, weights=tmp_path / "heads.h5")
    assert len(heads.load_report.used) == len(heads.weights)


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_layers_within_layers(suffix, tmp_path, opens, monkeypatch):
    """Keras reads them, from a file that is unpacked once; nobody else can name what is in it."""
    inner = keras_inception.InceptionV1(weights=None, include_top=False, **ARGUMENTS)
    model = keras.Sequential([keras.Input((64, 64, 3)), inner])
    path = tmp_path / f"nested{suffix}"
    weights.save(model, path)
    unpacked, unpack = [], archives.unpacked
    monkeypatch.setattr(archives, "unpacked", lambda *a: unpacked.append(a) or unpack(*a))
    opens[0].clear()
    with weights.open_file(path) as file:
        for ask in (lambda: file.shapes, lambda: file.plan(model)):
            with pytest.raises(ValueError, match=f"nested{suffix} has layers within layers: "):
                ask()
        if suffix != ".keras":
            assert file.conventions_for("inception_v1") is None
        assert file.assign(model) is None
    assert model.load_report is None
    assert times(path, opens[0]) == 1
    assert times(path, opens[1]) == (suffix != ".keras")  # by Keras
    assert len(unpacked) == (suffix == ".keras")


def test_a_public_file_has_the_conventions_of_its_row(files, monkeypatch, opens):
    monkeypatch.setattr(download, "fetch", lambda row: str(files[".safetensors"]))
    row = weights.find("inception_v3", "released", "timm_gluon")
    with weights.open_file(row) as file:
        assert file.row is row
        assert file.conventions_for("inception_v3", "released") == row.conventions
        assert row.conventions.pool_counts_padding
        assert row.conventions.scaling[0] == (123.675, 116.28, 103.53)
    model = build(".h5", weights=None)
    report = weights.load(model, "imagenet")
    assert len(report.used) == len(model.weights)
    opens[0].clear()
    with pytest.raises(ValueError, match="has average pools|expects average pools"):
        weights.load(model, row)
    assert times(files[".safetensors"], opens[0]) == 1


def test_conventions_depend_on_the_architecture(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "torch.safetensors"
    save_file({"fc.weight": np.ones((5, 8), "f4")}, path)
    with weights.open_file(path) as file:
        assert file.conventions_for("inception_v3", "released").pool_counts_padding
        assert not file.conventions_for("inception_v3", "fid").pool_counts_padding
        assert file.conventions_for("inception_v1").symmetric_padding
        assert file.conventions_for(None) == conventions.TENSORFLOW


@pytest.mark.parametrize("format", ["tar.gz", "zip", ".keras"])
def test_an_archive_unpacks_to_no_more_than_the_model_needs(format, files, models, monkeypatch):
    """Though it is opened before there is a model that could say how much that is."""
    with weights.open_file(files[format]) as file:
        file.conventions_for("inception_v1")
        monkeypatch.setattr(opening, "_BESIDE", 0)
        monkeypatch.setattr(opening, "_COPIES", 0.1)
        with pytest.raises(
            ValueError, match=f"{files[format].name} is not .* unpacks to more than"
        ):
            file.assign(models[format])
        monkeypatch.setattr(opening, "_LARGEST", 1)
        with pytest.raises(ValueError, match="unpacks to more than"):
            _ = file.shapes
        monkeypatch.setattr(opening, "_COPIES", 8)
        assert len(file.assign(models[format]).used) == len(models[format].weights)
        assert len(file.shapes) == len(models[format].weights)


def test_the_largest_network_is_known():
    largest = keras_inception.InceptionResNetV2(weights=None)
    assert largest.count_params() < opening._LARGEST < 1.1 * largest.count_params()


def test_what_is_not_a_file():
    for source, message in (("nowhere", "'nowhere' is not a file"), (5, "5 is of type int")):
        with pytest.raises(ValueError, match=message), weights.open_file(source):
            pass


def test_a_file_is_closed_and_what_was_unpacked_is_gone(files, tmp_path):
    path = tmp_path / "a.keras"
    shutil.copyfile(files[".keras"], path)
    with contextlib.suppress(KeyError), weights.open_file(path) as file:
        assert file.shapes
        raise KeyError
    name = next(iter(file.shapes))
    with pytest.raises(ValueError, match=f"a.keras: {name} cannot be read"):
        file.read(name)


def test_an_empty_zip_is_refused_when_it_is_opened(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.keras", "w"):
        pass
    with pytest.raises(ValueError, match="is a zip file without weights"):
        weights.open_file(tmp_path / "a.keras").__enter__()


@pytest.fixture
def nothing_said(monkeypatch):
    monkeypatch.setattr(renamed, "_said", set())


@pytest.mark.usefixtures("nothing_said")
def test_old_names_say_the_new_ones(files):
    with pytest.warns(FutureWarning, match=r"is now weights.open_file\(path\).conventions_for"):
        found = weights.arithmetic(files[".caffemodel"], "googlenet", None)
    assert found == weights.Conventions(True, False, CAFFE_SCALING)
    assert weights.arithmetic(None, "googlenet", None) == conventions.TENSORFLOW
    tag = weights.arithmetic("timm_gluon", "inception_v3", "released")
    row = weights.find("inception_v3", "released", "timm_gluon")
    assert tag == row.conventions
    with pytest.warns(FutureWarning, match="WeightFile.arithmetic is now WeightFile.conventions"):
        assert row.arithmetic == row.conventions
    with pytest.warns(FutureWarning, match="Arithmetic is now .*conventions.Conventions"):
        from keras_inception.weights.arithmetic import Arithmetic
    assert Arithmetic is weights.Conventions
    for name in ("absence", "check_format", "exists"):
        with pytest.warns(FutureWarning, match=rf"weights.{name} is now keras_inception.weights."):
            assert callable(getattr(weights, name))
