"""keras_inception.data.augmentation: the published ranges, and equal seeds give equal views."""

import colorsys

import numpy as np
import pytest
import tensorflow as tf

from keras_inception.data import augmentation
from keras_inception.data.augmentation import distort_color, random_box, training_view
from keras_inception.data.preprocessing import decode_image

DRAWS = 10_000


def seeds(count=DRAWS):
    return tf.data.Dataset.range(count).map(lambda i: tf.stack([tf.constant(7, tf.int64), i]))


def draw(function, count=DRAWS):
    """`function` of `count` seeds, as one array."""
    return np.stack(list(seeds(count).map(function).as_numpy_iterator()))


def picture(height=120, width=160):
    """A smooth coloured picture."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    image = np.stack([y, x, 0.5 + 0.5 * np.sin(9 * (x + y))], axis=-1)
    return tf.constant((255 * image).astype(np.uint8))


@pytest.mark.parametrize("min_area", [0.08, 0.5])
def test_crops_keep_the_published_ranges(min_area):
    height, width = 300, 400
    boxes = draw(lambda seed: random_box(height, width, seed, min_area))
    top, left, rows, columns = boxes.T
    assert (boxes >= 0).all()
    assert (top + rows <= height).all()
    assert (left + columns <= width).all()
    area, aspect = rows * columns / (height * width), columns / rows
    assert area.min() >= min_area - 0.01
    assert area.min() < min_area + 0.05
    assert area.max() > 0.9
    assert aspect.min() == pytest.approx(3 / 4, abs=0.02)
    assert aspect.max() == pytest.approx(4 / 3, abs=0.02)
    # Spread over the picture: the crops' centres are on average in the middle.
    assert (top + rows / 2).mean() == pytest.approx(height / 2, rel=0.03)
    assert (left + columns / 2).mean() == pytest.approx(width / 2, rel=0.03)


def test_a_crop_that_cannot_be_made_is_the_whole_picture():
    assert random_box(10, 1000, (1, 2), 0.9).numpy().tolist() == [0, 0, 10, 1000]


def test_brightness_keeps_the_published_range(monkeypatch):
    monkeypatch.setitem(augmentation.COLOR_ORDERS, "fast", (("brightness",),))
    grey = tf.fill((1, 1, 3), 100.0)
    shifts = draw(lambda seed: distort_color(grey, seed, "fast"))[:, 0, 0, 0] - 100
    assert_uniform(shifts, -32, 32)


def test_contrast_keeps_the_published_range(monkeypatch):
    monkeypatch.setitem(augmentation.COLOR_ORDERS, "fast", (("contrast",),))
    image = tf.reshape(tf.repeat([100.0, 150.0], 3), (1, 2, 3))
    distorted = draw(lambda seed: distort_color(image, seed, "fast"))
    factors = (distorted[:, 0, 1, 0] - distorted[:, 0, 0, 0]) / 50
    assert_uniform(factors, 0.5, 1.5)


def test_saturation_and_hue_keep_the_published_ranges(monkeypatch):
    image = tf.constant([[[127.5, 76.5, 102.0]]])
    hue, saturation, _ = colorsys.rgb_to_hsv(0.5, 0.3, 0.4)
    monkeypatch.setitem(augmentation.COLOR_ORDERS, "fast", (("saturation", "hue"),))
    distorted = draw(lambda seed: distort_color(image, seed, "fast"))[:, 0, 0]
    hsv = np.array([colorsys.rgb_to_hsv(*(pixel / 255)) for pixel in distorted])
    assert_uniform(hsv[:, 1] / saturation, 0.5, 1.5)
    assert_uniform((hsv[:, 0] - hue + 0.5) % 1 - 0.5, -0.2, 0.2)


def assert_uniform(values, low, high):
    """All in [low, high], reaching both ends, mean and deviation as of a uniform distribution."""
    width = high - low
    assert low - 1e-4 * width <= values.min() < low + 0.01 * width
    assert high - 0.01 * width < values.max() <= high + 1e-4 * width
    assert values.mean() == pytest.approx((low + high) / 2, abs=0.0125 * width)  # 4.3 deviations
    assert values.std() == pytest.approx(width / 12**0.5, rel=0.05)


@pytest.mark.parametrize(("color", "orders"), [("none", 1), ("fast", 2), ("full", 4)])
def test_every_order_of_distortions_is_drawn_equally_often(monkeypatch, color, orders):
    assert len(augmentation.COLOR_ORDERS[color]) == orders
    marks = {f"mark{i}": lambda x, seed, i=i: x * 0 + i / 8 for i in range(orders)}
    monkeypatch.setattr(augmentation, "_DISTORTIONS", marks)
    monkeypatch.setitem(augmentation.COLOR_ORDERS, color, tuple((mark,) for mark in marks))
    drawn = draw(lambda seed: distort_color(tf.zeros((1, 1, 3)), seed, color))[:, 0, 0, 0] * 8
    counts = np.bincount(drawn.astype(int), minlength=orders)
    assert len(counts) == orders
    assert counts == pytest.approx(DRAWS / orders, rel=0.15)


@pytest.mark.parametrize("color", augmentation.COLOR_ORDERS)
def test_views_are_set_by_their_seed(color):
    encoded = tf.io.encode_jpeg(picture())
    view = training_view(encoded, 40, (3, 4), color)
    assert view.shape == (40, 40, 3)
    assert view.dtype == tf.float32
    assert np.abs(view).max() <= 1.0
    assert view.numpy().max() - view.numpy().min() > 0.1
    np.testing.assert_array_equal(training_view(encoded, 40, (3, 4), color), view)
    for other in [(3, 5), (4, 4)]:
        assert np.abs(training_view(encoded, 40, other, color) - view).max() > 0.1


def test_views_are_mirrored_half_of_the_time():
    ramp = np.repeat(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], 64, axis=0)
    encoded = tf.io.encode_jpeg(np.repeat(ramp, 3, axis=2))
    views = draw(lambda seed: training_view(encoded, 8, seed, "none"), 1000)
    mirrored = views[:, 4, 0, 0] > views[:, 4, -1, 0]
    assert mirrored.mean() == pytest.approx(0.5, abs=0.07)


def test_a_jpeg_decoded_by_its_crop_gives_the_view_of_the_whole_decoded():
    encoded = tf.io.encode_jpeg(picture())
    png_bytes = tf.io.encode_png(decode_image(encoded))
    for i in range(20):
        of_crop = training_view(encoded, 40, (0, i), "none")
        difference = np.abs(of_crop - training_view(png_bytes, 40, (0, i), "none"))
        # Equal but for the colour of the last column of the crop.
        assert difference.max() < 0.1
        assert np.median(difference) < 1e-6
        assert difference.mean() < 1e-3


def test_without_colour_and_crop_the_view_is_the_picture_or_its_mirror():
    image = picture(64, 64)
    views = [training_view(tf.io.encode_png(image), 64, (0, i), "none", 1.0) for i in range(8)]
    expected = image.numpy() / 127.5 - 1
    for view in views:
        errors = [np.abs(view - expected).max(), np.abs(view - expected[:, ::-1]).max()]
        assert min(errors) < 1e-5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"color": "sepia"}, "choose from none, fast, full"),
        ({"min_area": 0.0}, r"\(0, 1\]"),
        ({"min_area": 1.5}, r"\(0, 1\]"),
        ({"size": 0}, "at least 1"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    arguments = {"size": 8, **arguments}
    with pytest.raises(ValueError, match=message):
        training_view(tf.io.encode_jpeg(picture()), seed=(0, 0), **arguments)
