"""keras_inception.data.crops against crops made one by one."""

import numpy as np
import pytest
import tensorflow as tf

from keras_inception.data.crops import MIRRORED, boxes, make_crops
from keras_inception.data.preprocessing import evaluation_view, resize_bilinear, scale_pixels

COUNTS = tuple(MIRRORED)


def picture(height, width):
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    return values.astype(np.uint8)


def test_the_box_of_one_crop_is_the_centre():
    assert boxes(1, 300, 451).numpy().tolist() == [[18, 28, 264, 395]]


def test_the_boxes_of_ten_crops_are_corners_and_centre_twice():
    five = [[0, 0, 224, 448], [0, 64, 224, 448], [32, 0, 224, 448], [32, 64, 224, 448]]
    five.append([16, 32, 224, 448])
    assert boxes(10, 256, 512).numpy().tolist() == 2 * five
    assert MIRRORED[10] == (False,) * 5 + (True,) * 5


@pytest.mark.parametrize("shape", [(1, 1), (7, 301), (375, 500)])
@pytest.mark.parametrize("count", COUNTS)
def test_boxes_lie_in_the_picture(count, shape):
    all_boxes = boxes(count, *shape).numpy()
    assert all_boxes.shape == (count, 4) == (len(MIRRORED[count]), 4)
    top_left, extent = all_boxes[:, :2], all_boxes[:, 2:]
    assert (top_left >= 0).all()
    assert (extent >= 1).all()
    assert (top_left + extent <= shape).all()


@pytest.mark.parametrize("count", COUNTS)
def test_crops_equal_a_loop_over_the_boxes(count):
    image = picture(61, 94)
    crops = make_crops(tf.constant(image), 32, count)
    assert crops.shape == (count, 32, 32, 3)
    assert crops.dtype == tf.float32
    places = boxes(count, 61, 94).numpy()
    for crop, (top, left, height, width), mirrored in zip(
        crops.numpy(), places, MIRRORED[count], strict=True
    ):
        expected = scale_pixels(resize_bilinear(image[top:][:height, left:][:, :width], 32)).numpy()
        expected = expected[:, ::-1] if mirrored else expected
        np.testing.assert_allclose(crop, expected, atol=1e-6)


def test_the_central_crops_are_the_evaluation_view():
    image = tf.constant(picture(75, 50))
    view = evaluation_view(image, 40)
    np.testing.assert_array_equal(make_crops(image, 40, 1)[0], view)
    np.testing.assert_array_equal(make_crops(image, 40, 10)[4], view)


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
    with pytest.raises(ValueError, match="choose from 1, 10"):
        boxes(count, 10, 10)
    with pytest.raises(ValueError, match="choose from 1, 10"):
        make_crops(picture(10, 10), 8, count)
