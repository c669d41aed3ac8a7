"""keras_inception.data.from_tf: a tf.data.Dataset of the user's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception import data

NAMES = ["ash", "beech", "cedar"]
PICTURES = np.random.default_rng(0).integers(0, 256, (7, 20, 24, 3), "uint8")
LABELS = np.arange(7) % 3


def slices(*columns):
    return tf.data.Dataset.from_tensor_slices(columns)


def as_png(image, label):
    return tf.io.encode_png(image), label


DECODED = slices(PICTURES, LABELS)
FORMS = {
    "decoded": DECODED,
    "encoded": DECODED.map(as_png),
    "batches": DECODED.batch(3),
    "batches of encoded": DECODED.map(as_png).batch(3),
    "features": DECODED.map(lambda image, label: {"image": image, "label": label, "id": label}),
    "of unknown length": DECODED.filter(lambda *_: True),
    "uint8 labels": slices(PICTURES, LABELS.astype("uint8")),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_pictures(form):
    dataset = data.from_tf(FORMS[form], NAMES, name="trees")
    assert repr(dataset) == "<Dataset trees, all: 7 pictures, 3 classes>"
    assert dataset.class_names == tuple(NAMES)
    assert dataset.file_names() is None
    assert dataset.unreadable() == []
    images, labels = zip(*dataset.encoded().as_numpy_iterator(), strict=True)
    assert list(labels) == LABELS.tolist()
    for image, expected in zip(images, PICTURES, strict=True):
        np.testing.assert_array_equal(tf.io.decode_png(image), expected)


def test_pictures_of_one_channel_are_grey():
    dataset = data.from_tf(slices(PICTURES[..., :1], LABELS), NAMES)
    ((crops, _),) = dataset.evaluation_batches(16, 7)
    np.testing.assert_array_equal(crops[..., 0], crops[..., 2])


def test_selections_leave_out_the_same_pictures_everywhere():
    dataset = data.from_tf(DECODED, NAMES).without([1]).take(4)
    assert dataset.numbers == [0, 2, 3, 4]
    assert [int(label) for _, label in dataset.encoded()] == [0, 2, 0, 1]
    ((_, labels),) = dataset.training_batches(8, 4, color="none").take(1)
    assert sorted(labels.numpy()) == [0, 0, 1, 2]
    contexts = [tf.distribute.InputContext(2, i, 2) for i in range(2)]
    shares = [dataset.training_batches(8, 4, color="none", input_context=c) for c in contexts]
    shares = [next(iter(batches))[1] for batches in shares]
    assert sorted(np.concatenate(shares)) == [0, 0, 1, 2]


def test_training_goes_on_with_the_batch_that_comes_next():
    dataset = data.from_tf(DECODED, NAMES)
    how = {"seed": 2, "color": "none"}
    whole = [images for images, _ in dataset.training_batches(8, 3, **how).take(6)]
    rest = [images for images, _ in dataset.training_batches(8, 3, **how, start=4).take(2)]
    np.testing.assert_array_equal(whole[4:], rest)
    assert not np.array_equal(whole[0], whole[1])


def test_the_fingerprint_is_of_the_pictures():
    first, again = (data.from_tf(FORMS[form], NAMES) for form in ("decoded", "batches"))
    other = data.from_tf(slices(PICTURES, LABELS[::-1].copy()), NAMES)
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()


def test_images_alone_have_no_classes():
    dataset = data.from_tf(slices(PICTURES).map(lambda image: image))
    assert (len(dataset), dataset.class_names) == (7, ())
    (batch,) = dataset.whole_picture_batches(16, 7)
    assert batch.shape == (7, 16, 16, 3)


def test_class_names_of_keras_are_taken(tmp_path):
    for name, picture in zip(("b/1.png", "a/2.png", "b/3.png"), PICTURES):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(tf.io.encode_png(picture).numpy())
    listed = keras.utils.image_dataset_from_directory(tmp_path, image_size=(20, 24), shuffle=False)
    with pytest.raises(ValueError, match=r"tf.cast\(tf.round\(image\), tf.uint8\) makes uint8"):
        data.from_tf(listed)
    as_bytes = listed.map(lambda image, label: (tf.cast(tf.round(image), tf.uint8), label))
    as_bytes.class_names = listed.class_names
    dataset = data.from_tf(as_bytes)
    assert dataset.class_names == ("a", "b")
    assert [int(label) for _, label in dataset.encoded()] == [0, 1, 1]


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (DECODED.shuffle(7), "another order, at each pass: .*shuffle=False"),
        (DECODED.repeat(), "has no end"),
        (DECODED.take(0), "has no pictures"),
        (DECODED.map(lambda image, label: image), "has labels None"),
        (DECODED.map(lambda image, label: (image, tf.one_hot(label, 3))), "has labels TensorSpec"),
        (DECODED.map(lambda image, label: (image, label, label)), "has elements"),
        (DECODED.map(lambda image, label: {"picture": image, "label": label}), "has elements"),
        (DECODED.map(lambda image, label: (image[0], label)), "has images TensorSpec"),
        (DECODED.map(lambda image, label: (image, label + 1)), "label 3 is not from 0 to 2"),
        (PICTURES, "is of type ndarray, not a tf.data.Dataset"),
    ],
)
def test_others_are_one_clear_error(dataset, message):
    with pytest.raises(ValueError, match=message) as caught:
        data.from_tf(dataset, NAMES)
    assert len(str(caught.value)) < 1500
