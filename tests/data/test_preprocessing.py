"""keras_inception.data.preprocessing against TF-Slim's published arithmetic, on real pictures."""

import io
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import skimage
import tensorflow as tf
from PIL import Image

from keras_inception import export
from keras_inception.data.preprocessing import (
    central_margin,
    decode_image,
    evaluation_view,
    resize_bilinear,
    scale_pixels,
)

REFERENCE = json.loads((Path(__file__).parent / "reference" / "preprocessing.json").read_text())
PICTURES = REFERENCE["pictures"]
PHOTOGRAPHS = Path(skimage.__file__).parent / "data"


def read(picture):
    """The photograph, in 3 channels, or 1 where it is grey."""
    image = decode_image((PHOTOGRAPHS / picture).read_bytes())
    return image if PICTURES[f"{picture}@299"]["shape"][2:] == [3] else image[..., :1]


def assert_is_reference(view, expected):
    values = view.numpy().ravel()
    np.testing.assert_allclose(values[expected["index"]], expected["value"], rtol=0, atol=1e-5)
    assert values.mean(dtype=np.float64) == pytest.approx(expected["mean"], abs=1e-5)
    assert values.std(dtype=np.float64) == pytest.approx(expected["std"], abs=1e-5)


@pytest.mark.parametrize("key", PICTURES)
def test_evaluation_view_is_the_reference_eagerly(key):
    picture, size = key.split("@")
    image = read(picture)
    view = evaluation_view(image, int(size))
    assert view.shape == (int(size), int(size), 3)
    assert view.dtype == tf.float32
    assert_is_reference(view, PICTURES[key])


@pytest.mark.parametrize("key", PICTURES)
def test_evaluation_view_is_the_reference_in_a_dataset(key):
    picture, size = key.split("@")
    image = read(picture)
    dataset = tf.data.Dataset.from_generator(
        lambda: [image], output_signature=tf.TensorSpec((None, None, image.shape[-1]), tf.uint8)
    ).map(lambda picture: evaluation_view(picture, int(size)))
    assert dataset.element_spec.shape == (int(size), int(size), 3)
    assert_is_reference(next(iter(dataset)), PICTURES[key])


def test_evaluation_view_is_the_reference_in_a_saved_model(tmp_path):
    """The network returns its input, so the answers are the view that was made inside."""
    images = keras.Input((299, 299, 3))
    export.saved_model(keras.Model(images, keras.layers.Flatten()(images)), tmp_path / "served")
    loaded = tf.saved_model.load(str(tmp_path / "served"))
    for picture in {key.split("@")[0] for key in PICTURES}:
        content = tf.constant([(PHOTOGRAPHS / picture).read_bytes()])
        pixels = tf.cast(decode_image(content[0])[tf.newaxis], tf.float32)
        for view in (
            loaded.signatures["serve_bytes"](image_bytes=content)["probabilities"],
            loaded.signatures["serving_default"](images=pixels)["probabilities"],
        ):
            assert_is_reference(view, PICTURES[f"{picture}@299"])


@pytest.mark.parametrize("key", PICTURES)
def test_central_margin_is_the_reference(key):
    shape, cropped = PICTURES[key]["shape"], PICTURES[key]["cropped"]
    for length, kept in zip(shape[:2], cropped[:2], strict=True):
        assert length - 2 * int(central_margin(length)) == kept


def test_the_reference_tells_this_resize_from_the_one_of_today():
    expected = PICTURES["chelsea.png@299"]
    image = read("chelsea.png")[18:-18, 28:-28]
    today = scale_pixels(tf.image.resize(image, (299, 299)))
    difference = today.numpy().ravel()[expected["index"]] - expected["value"]
    assert np.abs(difference).max() > 1e-2


def test_large_pictures_are_resized_as_small_ones():
    """Beyond some size they are not converted to float32 as a whole."""
    image = tf.random.stateless_uniform((1400, 1400, 3), (1, 2), 0, 256, tf.int32)
    image = tf.cast(image, tf.uint8)
    expected = evaluation_view(tf.cast(image, tf.float32), 75)
    np.testing.assert_allclose(evaluation_view(image, 75), expected, atol=1e-6)


@pytest.mark.parametrize("colors", [2, 200, 256])
def test_bmp_with_a_palette(colors):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), "uint8")
    image = Image.fromarray(pixels).quantize(colors)
    file = io.BytesIO()
    image.save(file, "BMP")
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(decode_image(file.getvalue()), expected)


def test_float_pixels_give_the_view_of_integer_pixels():
    image = read("chelsea.png")
    np.testing.assert_allclose(
        evaluation_view(tf.cast(image, tf.float32), 75), evaluation_view(image, 75), atol=1e-6
    )


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (9, 1, 1)])
def test_tiny_pictures_have_a_view(shape):
    view = evaluation_view(tf.fill(shape, tf.constant(255, tf.uint8)), 5)
    np.testing.assert_allclose(view, np.ones((5, 5, 3)))


def test_central_fraction_of_one_keeps_the_whole_picture():
    image = tf.random.stateless_uniform((8, 8, 3), (1, 2), 0, 256, tf.int32)
    image = tf.cast(image, tf.uint8)
    np.testing.assert_allclose(evaluation_view(image, 8, 1.0), scale_pixels(image), atol=1e-6)


def test_scale_pixels_reaches_both_ends():
    scaled = scale_pixels(tf.constant([0, 255], tf.uint8))
    assert scaled.dtype == tf.float32
    assert scaled.numpy().tolist() == [-1.0, 1.0]


def test_resizing_between_pixel_centres():
    """Two pixels to four: the outer ones lie beyond the centres, where nothing is extrapolated."""
    row = np.array([0, 100], np.uint8).reshape(1, 2, 1).repeat(2, axis=0)
    resized = resize_bilinear(row, 4, half_pixel_centers=True)
    np.testing.assert_allclose(resized[:, :, 0], [[0, 25, 75, 100]] * 4)
    np.testing.assert_allclose(resize_bilinear(row, 4)[:, :, 0], [[0, 50, 100, 100]] * 4)


@pytest.mark.parametrize("encode", [tf.io.encode_png, tf.io.encode_jpeg], ids=["png", "jpeg"])
@pytest.mark.parametrize("channels", [1, 3])
def test_decode_image_gives_three_channels(encode, channels):
    image = np.arange(0, 256, 16, dtype=np.uint8).reshape((4, 4, 1)).repeat(channels, axis=-1)
    decoded = decode_image(encode(image))
    assert decoded.shape == (4, 4, 3)
    assert decoded.dtype == tf.uint8
    assert np.abs(decoded.numpy().astype(int) - image).max() <= 8


def test_decode_image_refuses_what_is_no_picture():
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(b"not a picture")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evaluation_view(np.zeros((4, 4), np.uint8), 8), "height, width"),
        (lambda: evaluation_view(np.zeros((1, 4, 4, 3), np.uint8), 8), "height, width"),
        (lambda: evaluation_view(np.zeros((4, 4, 4), np.uint8), 8), "height, width"),
        (lambda: evaluation_view(np.zeros((4, 4, 3), np.uint8), 0), "at least 1"),
        (lambda: evaluation_view(np.zeros((4, 4, 3), np.uint8), 8, 1.5), r"\(0, 1\]"),
        (lambda: resize_bilinear(np.zeros((4, 4, 3), np.uint8), -1), "at least 1"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
