"""Sources of weights that work, and what errors say of those that do not."""

import os
import pathlib
import re

import numpy as np
import pytest
import weight_files

import keras_inception
from keras_inception import weights

ARGUMENTS = weight_files.ARGUMENTS


def loads(model, source):
    for variable in model.weights:
        variable.assign(np.zeros(variable.shape))
    weights.load(model, source)
    return np.any(model.get_layer("predictions").kernel.numpy())


@pytest.mark.parametrize("format", ["checkpoint", "tar.gz", ".h5", ".keras", ".safetensors"])
def test_names_of_all_kinds(format, files, models, tmp_path, monkeypatch):
    folder = tmp_path / "ü 重み folder"
    folder.mkdir()
    source = files[format]
    suffixes = weight_files.SUFFIXES if format == "checkpoint" else [""]
    for suffix in suffixes:
        os.symlink(f"{source}{suffix}", f"{folder / 'a b.ckpt'}{suffix}")
    path = folder / "a b.ckpt"
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    for given in (path, str(path), "a b.ckpt", "~/a b.ckpt", pathlib.Path("~/a b.ckpt")):
        assert loads(models[format], given), given
    model = keras_inception.InceptionV1(weights=pathlib.Path("~/a b.ckpt"), **ARGUMENTS)
    assert model.load_report.used


def test_a_home_folder_to_save_in(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    weights.save(weight_files.network(), "~/deep/a.safetensors")
    assert (tmp_path / "deep" / "a.safetensors").is_file()
    assert os.listdir() == ["deep"]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A folder with all that is there, and no file of weights."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("folder")
    os.mkfifo("pipe")
    os.symlink("gone", "broken")
    os.symlink("loop", "loop")
    os.symlink("/dev/zero", "link")
    pathlib.Path("alone.data-00000-of-00001").write_bytes(b"\1" * 1000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("folder", "'folder' is a folder, not a file of weights"),
        (pathlib.Path("folder"), "'folder' is a folder"),
        ("pipe", "'pipe' is not a plain file"),
        ("link", "'link' is not a plain file"),
        ("/dev/null", "'/dev/null' is not a plain file"),
        ("broken", "'broken' is a broken link"),
        ("loop", "'loop' is a broken link"),
        ("absent", "'absent' is not a file"),
        ("", "'' is not a file"),
        ("a\0b", "is not a file"),
        (5, "5 is of type int, not a path or a tag"),
        (b"absent", "is of type bytes, not a path or a tag"),
        ([], "is of type list, not a path or a tag"),
        ("alone.data-00000-of-00001", "needs an .index file beside it"),
    ],
)
def test_what_is_no_file_of_weights(source, message, places, models):
    with pytest.raises(ValueError, match=message):
        weights.load(models[".h5"], source)
    with pytest.raises(ValueError, match=message):
        keras_inception.InceptionV1(weights=source, **ARGUMENTS)


def test_none_is_no_source_of_weights(models):
    with pytest.raises(ValueError, match="None is of type NoneType, not a path or a tag"):
        weights.load(models[".h5"], None)


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs Linux's /proc")
def test_a_file_that_cannot_be_read(models):
    with pytest.raises(ValueError, match="/proc/self/mem cannot be read: "):
        weights.load(models[".h5"], "/proc/self/mem")


@pytest.mark.parametrize("make", [os.mkdir, lambda name: pathlib.Path(name).write_text("notes")])
def test_a_tag_goes_before_a_file_of_that_name(make, tmp_path, monkeypatch, models):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_INCEPTION_OFFLINE", "1")
    make("imagenet")
    offline = re.escape("inception_v1_2016_08_28.tar.gz: it is not in the cache")
    with pytest.raises(OSError, match=offline):
        weights.load(models[".h5"], "imagenet")
    with pytest.raises(OSError, match=offline):
        keras_inception.InceptionV1(weights="imagenet")
    with pytest.raises(ValueError, match="'./imagenet' is a folder|imagenet has an unknown format"):
        weights.load(models[".h5"], "./imagenet")
