"""Pictures of every kind, whole and spoilt, on their way through decoder and pipeline."""

import contextlib
import io
import logging
import pathlib

import hypothesis
import numpy as np
import pytest
import skimage
import tensorflow as tf
from hypothesis import strategies
from PIL import Image

from keras_inception import data
from keras_inception.data import broken
from keras_inception.data.augmentation import training_view
from keras_inception.data.preprocessing import decode_image

PHOTOGRAPHS = pathlib.Path(skimage.__file__).parent / "data"


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def photograph(mode="RGB", size=(64, 48)):
    return Image.open(PHOTOGRAPHS / "astronaut.png").convert("RGB").resize(size).convert(mode)


def grey16():
    values = np.asarray(photograph("L"), np.uint16) * 257
    return tf.io.encode_png(values[..., np.newaxis]).numpy()


KINDS = {
    "jpeg": encoded(photograph(), "JPEG", quality=90),
    "progressive": encoded(photograph(), "JPEG", progressive=True),
    "grey jpeg": encoded(photograph("L"), "JPEG"),
    "cmyk jpeg": encoded(photograph("CMYK"), "JPEG", quality=95),
    "png": encoded(photograph(), "PNG"),
    "grey png": encoded(photograph("L"), "PNG"),
    "palette png": encoded(photograph("P"), "PNG"),
    "png with alpha": encoded(photograph("RGBA"), "PNG"),
    "16-bit png": grey16(),
    "gif": encoded(photograph(), "GIF"),
    "animated gif": encoded(
        photograph(), "GIF", save_all=True, append_images=[photograph().rotate(90)]
    ),
    "bmp": encoded(photograph(), "BMP"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_as_pillow_reads_it(kind):
    decoded = decode_image(KINDS[kind]).numpy().astype(int)
    # Pillow clips 16 bits to 8 instead of scaling them; the picture below them is known.
    expected = photograph("L") if kind == "16-bit png" else Image.open(io.BytesIO(KINDS[kind]))
    expected = np.asarray(expected.convert("RGB"), int)
    assert decoded.shape == expected.shape
    # Only CMYK is mixed with another rounding.
    assert np.abs(decoded - expected).max() <= (2 if kind == "cmyk jpeg" else 0)


@pytest.fixture
def folder(tmp_path):
    """A folder of two classes, each with pictures of several kinds; two that are broken."""
    for number, (kind, content) in enumerate(KINDS.items()):
        path = tmp_path / "train" / ("even", "odd")[number % 2] / f"{kind.replace(' ', '_')}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "train" / "odd" / "text.jpg").write_bytes(b"no picture")
    (tmp_path / "train" / "even" / "cut.jpg").write_bytes(KINDS["jpeg"][:700])
    return tmp_path


def test_broken_ones_are_skipped_named_and_counted_once(folder, caplog):
    batches = data.open(f"folder:{folder}").training_batches(16, 4)
    with caplog.at_level(logging.WARNING, "keras_inception.data.broken"):
        labels = np.concatenate([labels for _, labels in batches.take(30).as_numpy_iterator()])
    assert len(labels) == 120
    assert 40 < np.bincount(labels)[0] < 80  # whoever stands in for a broken one is of any class
    messages = sorted(record.getMessage() for record in caplog.records)
    assert [message.split(" ")[0] for message in messages] == ["even/cut.jpg", "odd/text.jpg"]
    assert sorted(message[-8:] for message in messages) == ["1 so far", "2 so far"]


def test_batches_of_one(folder):
    """A batch may be broken as a whole."""
    batches = data.open(f"folder:{folder}").training_batches(16, 1)
    images, labels = zip(*batches.take(42).as_numpy_iterator(), strict=True)
    assert np.isfinite(images).all()
    assert set(np.concatenate(labels)) == {0, 1}


def test_a_batch_without_broken_ones_does_not_depend_on_them(folder):
    def batches():
        made = data.open(f"folder:{folder}").training_batches(16, 1, seed=3, color="none")
        return [(image.sum(), label[0]) for image, label in made.take(28).as_numpy_iterator()]

    before = batches()
    for path in folder.rglob("*.jpg"):
        path.write_bytes(KINDS["jpeg"])
    after = batches()
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 4  # two in each epoch


def test_broken_ones_are_an_error_that_names_them(folder):
    batches = data.open(f"folder:{folder}").training_batches(16, 4, on_error="error")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(cut|text)\.jpg cannot be read"):
        list(batches.take(10))


def test_unreadable_examples(folder):
    found = data.open(f"folder:{folder}").unreadable()
    assert [name for _, name, _ in found] == ["even/cut.jpg", "odd/text.jpg"]
    names = data.open(f"folder:{folder}").file_names()
    assert all(names[number] == name for number, name, _ in found)
    assert all(why for _, _, why in found)


def test_files_that_are_gone(tmp_path, caplog):
    """Links to nothing are as pictures that are broken; so is what is deleted later."""
    for number in range(5):
        path = tmp_path / "train" / "a" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(KINDS["jpeg"])
    (tmp_path / "train" / "a" / "9.jpg").symlink_to("nowhere.jpg")
    name = f"folder:{tmp_path}"
    batches = data.open(name).training_batches(16, 4, color="none")
    evaluation = data.open(name).evaluation_batches(16, 4)
    (tmp_path / "train" / "a" / "3.jpg").unlink()
    with caplog.at_level(logging.WARNING, "keras_inception.data.broken"):
        assert len(list(batches.take(6))) == 6
    assert {record.getMessage().split()[0] for record in caplog.records} == {"a/3.jpg", "a/9.jpg"}
    with pytest.raises(tf.errors.NotFoundError):
        list(evaluation)
    found = data.open(name).unreadable()
    assert [(number, file) for number, file, _ in found] == [(4, "a/9.jpg")]
    assert "9.jpg" in found[0][2]


def test_nothing_but_broken_ones(tmp_path):
    (tmp_path / "train" / "a").mkdir(parents=True)
    for number in range(3):
        (tmp_path / "train" / "a" / f"{number}.jpg").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="None of the first 3 pictures can be read. a/0.jpg: "):
        data.open(f"folder:{tmp_path}").training_batches(16, 4)


def test_on_error_is_checked(folder):
    with pytest.raises(ValueError, match="Unknown on_error 'stop'; choose from skip, error"):
        data.open(f"folder:{folder}").training_batches(16, 4, on_error="stop")


@hypothesis.settings(max_examples=600, derandomize=True, database=None, deadline=None)
@hypothesis.given(
    kind=strategies.sampled_from(sorted(KINDS)),
    cut=strategies.floats(0, 1),
    changes=strategies.lists(
        strategies.tuples(strategies.floats(0, 1, exclude_max=True), strategies.integers(0, 255)),
        max_size=6,
    ),
)
def test_spoilt_pictures_decode_or_are_told_of(kind, cut, changes):
    """Whole pictures as evaluation reads them, and the crops of training."""
    content = bytearray(KINDS[kind])
    for place, byte in changes:
        content[int(place * min(len(content), 600))] = byte
    content = bytes(content[: max(1, int(len(content) * max(cut, 0.02)))])
    why = broken.fault(content)
    if not why:
        assert decode_image(content).shape[-1] == 3
    with contextlib.suppress(tf.errors.InvalidArgumentError):
        view = small_view(content, (cut, len(changes)))
        assert view.shape == (8, 8, 3)
        assert np.abs(view).max() <= 1


@tf.function(input_signature=[tf.TensorSpec((), tf.string), tf.TensorSpec((2,), tf.float32)])
def small_view(content, numbers):
    return training_view(content, 8, tf.cast(100 * numbers, tf.int32), "full")


def test_spoilt_pictures_in_a_pipeline(tmp_path):
    """What comes has the labels of what can be read, and nothing else."""
    rng = np.random.default_rng(0)
    for number in range(120):
        content = bytearray(KINDS[sorted(KINDS)[number % len(KINDS)]])
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(256)
        path = tmp_path / "train" / f"class{number % 3}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content[: rng.integers(len(content) // 2, len(content) + 1)])
    name = f"folder:{tmp_path}"
    unreadable = {number for number, _, _ in data.open(name).unreadable()}
    assert 20 < len(unreadable) < 120
    names = data.open(name).file_names()
    whole = [int(n[5]) for i, n in enumerate(names) if i not in unreadable]
    batches = data.open(name).without(unreadable).evaluation_batches(16, 8)
    labels = np.concatenate([labels for _, labels in batches.as_numpy_iterator()])
    assert labels.tolist() == whole
