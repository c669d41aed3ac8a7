"""keras_inception.data.crops against crops made one by one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_inception
from keras_inception.data.crops import LONGEST, MIRRORED, boxes, make_crops
from keras_inception.data.photo_patches import read_photograph
from keras_inception.data.preprocessing import evaluation_view, resize_bilinear, scale_pixels

COUNTS = tuple(MIRRORED)


def picture(height, width):
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    return values.astype(np.uint8)


def test_the_box_of_one_crop_is_the_centre():
    assert boxes(1, 300, 451, 224).numpy().tolist() == [[300, 451, 18, 28, 264, 395]]


FIVE_OF_256 = [(0, 0), (0, 32), (32, 0), (32, 32), (16, 16)]  # top, left: 224 in a square of 256


def test_the_boxes_of_ten_crops_are_corners_and_centre_of_the_central_square_twice():
    lying = [[256, 384, top, 64 + left, 224, 224] for top, left in FIVE_OF_256]
    assert boxes(10, 200, 300, 224).numpy().tolist() == 2 * lying
    standing = [[384, 256, 64 + top, left, 224, 224] for top, left in FIVE_OF_256]
    assert boxes(10, 300, 200, 224).numpy().tolist() == 2 * standing
    assert MIRRORED[10] == (False,) * 5 + (True,) * 5


def test_twelve_crops_are_the_ten_and_the_whole_square():
    ten, twelve = (boxes(count, 375, 500, 299).numpy().tolist() for count in (10, 12))
    assert twelve[:5] == ten[:5]
    assert twelve[5] == [342, 456, 0, 57, 342, 342]
    assert twelve[6:] == twelve[:6]
    assert MIRRORED[12] == (False,) * 6 + (True,) * 6


def test_the_boxes_of_144_crops_are_those_of_the_paper():
    found = boxes(144, 480, 640, 224).numpy()
    assert found[:72].tolist() == found[72:].tolist()
    assert MIRRORED[144] == (False,) * 72 + (True,) * 72
    expected = []
    for side, longer in ((256, 341), (288, 384), (320, 427), (352, 469)):
        for start in (0, (longer - side) // 2, longer - side):
            far = side - 224
            inner = [(0, 0), (0, far), (far, 0), (far, far), (far // 2, far // 2)]
            expected += [[side, longer, y, start + x, 224, 224] for y, x in inner]
            expected.append([side, longer, 0, start, side, side])
    assert found[:72].tolist() == expected
    upright = boxes(144, 640, 480, 224).numpy()
    np.testing.assert_array_equal(upright[:, [1, 0]], found[:, [0, 1]])
    wholes = [row[2:4] for row in upright[:72].tolist() if row[4] > 224][:3]
    assert wholes == [[0, 0], [42, 0], [85, 0]]


@pytest.mark.parametrize("shape", [(1, 1), (7, 301), (375, 500)])
@pytest.mark.parametrize("size", [1, 75, 299])
@pytest.mark.parametrize("count", COUNTS)
def test_boxes_lie_in_the_picture(count, size, shape):
    all_boxes = boxes(count, *shape, size).numpy()
    assert all_boxes.shape == (count, 6) == (len(MIRRORED[count]), 6)
    scaled, top_left, extent = np.split(all_boxes, 3, axis=1)
    assert (top_left >= 0).all()
    assert (extent >= 1).all()
    assert (top_left + extent <= scaled).all()


def test_a_sliver_does_not_grow_to_gigabytes():
    assert boxes(144, 2, 20_000, 224).numpy()[:, 1].max() == LONGEST * 352
    assert np.isfinite(make_crops(picture(2, 20_000), 24, 144)).all()


def one_by_one(image, size, count):
    """What `boxes` promises, a crop at a time."""
    for box, mirrored in zip(
        boxes(count, *image.shape[:2], size).numpy(), MIRRORED[count], strict=True
    ):
        rows, columns, top, left, height, width = box
        scaled = tf.compat.v1.image.resize_bilinear(image[np.newaxis], (rows, columns))[0]
        crop = scaled[top : top + height, left : left + width]
        crop = scale_pixels(resize_bilinear(crop, size)).numpy()
        yield crop[:, ::-1] if mirrored else crop


@pytest.mark.parametrize("shape", [(61, 94), (94, 61)])
@pytest.mark.parametrize("count", COUNTS)
def test_crops_equal_a_loop_over_the_boxes(count, shape):
    image = picture(*shape)
    crops = make_crops(tf.constant(image), 32, count)
    assert crops.shape == (count, 32, 32, 3)
    assert crops.dtype == tf.float32
    np.testing.assert_allclose(crops, list(one_by_one(image, 32, count)), atol=2e-6)


def test_probabilities_of_144_crops_equal_a_plain_loop():
    image = read_photograph("chelsea")[:120, :150].numpy()
    keras.utils.set_random_seed(0)
    model = keras_inception.InceptionV1(
        weights=None, width_multiplier=0.05, classes=7, input_shape=(64, 64, 3)
    )
    run = tf.function(model, input_signature=[tf.TensorSpec((None, 64, 64, 3))])
    in_one = run(make_crops(image, 64, 144)).numpy()
    apart = np.concatenate([run(crop[np.newaxis]) for crop in one_by_one(image, 64, 144)])
    assert in_one.std(axis=0).max() > 1e-4  # the crops differ, and the network sees it
    np.testing.assert_allclose(in_one, apart, atol=1e-5)
    np.testing.assert_allclose(in_one.mean(axis=0), apart.mean(axis=0), atol=1e-5)


def test_one_crop_is_the_evaluation_view():
    image = tf.constant(picture(75, 50))
    np.testing.assert_array_equal(make_crops(image, 40, 1)[0], evaluation_view(image, 40))


@pytest.mark.parametrize("count", COUNTS)
def test_crops_in_a_dataset_equal_eager_ones(count):
    image = picture(75, 50)
    dataset = tf.data.Dataset.from_generator(
        lambda: [image], output_signature=tf.TensorSpec((None, None, 3), tf.uint8)
    ).map(lambda x: make_crops(x, 24, count))
    assert dataset.element_spec.shape == (count, 24, 24, 3)
    np.testing.assert_allclose(next(iter(dataset)), make_crops(image, 24, count), atol=1e-6)


@pytest.mark.parametrize("count", [0, 2, 11])
def test_other_counts_are_refused(count):
    with pytest.raises(ValueError, match="choose from 1, 10, 12, 144"):
        boxes(count, 10, 10, 8)
    with pytest.raises(ValueError, match="choose from 1, 10, 12, 144"):
        make_crops(picture(10, 10), 8, count)


@pytest.mark.parametrize("count", COUNTS)
def test_a_size_below_one_is_refused(count):
    with pytest.raises(ValueError, match="at least 1 pixel"):
        make_crops(picture(10, 10), 0, count)
