"""A tiny trained-like model with its labels, pictures, and photo_patches, for the commands."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception import data
from keras_inception.cli import main


@pytest.fixture(scope="session")
def data_dir(photo_patches_dir):
    """Where photo_patches is built."""
    return str(photo_patches_dir)


@pytest.fixture(scope="session")
def names(data_dir):
    return data.open("photo_patches", "test", data_dir).class_names


@pytest.fixture(scope="session")
def tiny():
    """A classifier of the 14 classes by the colours of a picture's parts; it is not trained."""
    keras.utils.set_random_seed(0)
    images = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(16, 3, activation="relu")(images)
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(4)(x))
    x = keras.layers.Dense(14, activation="softmax")(x)
    return keras.Model(images, x, name="tiny")


@pytest.fixture(scope="session")
def model_file(tiny, names, tmp_path_factory):
    """`tiny.keras`, with labels.txt beside it."""
    folder = tmp_path_factory.mktemp("model")
    tiny.save(folder / "tiny.keras")
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in names))
    return folder / "tiny.keras"


@pytest.fixture(scope="session")
def picture(tmp_path_factory):
    """A JPEG file."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), "uint8")
    file = tmp_path_factory.mktemp("pictures") / "a b.jpg"
    file.write_bytes(tf.io.encode_jpeg(pixels).numpy())
    return file


@pytest.fixture
def run(capsys):
    """Runs the program in this process: words in; exit status, stdout and stderr out."""

    def run(*words):
        status = main.main([str(word) for word in words])
        output = capsys.readouterr()
        return status, output.out, output.err

    return run
