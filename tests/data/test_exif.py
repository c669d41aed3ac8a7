"""keras_inception.data.exif: pictures come out as viewers show them."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from keras_inception.data import exif
from keras_inception.data.augmentation import training_view
from keras_inception.data.preprocessing import decode_image

ORIENTATIONS = range(1, 9)
TAG = 0x0112


def picture():
    """A picture without any symmetry, smooth as JPEG likes it, 40 x 56."""
    rows, columns = np.mgrid[:40, :56]
    return np.stack([5 * rows, 4 * columns, 2 * rows + 2 * columns], axis=-1).astype(np.uint8)


def jpeg(value=None, endian="<", prefix=b"", **options):
    """A JPEG with an orientation; `prefix` are segments that stand before it."""
    file = io.BytesIO()
    if value is not None:
        data = Image.Exif()
        data.endian = endian
        data[0x010F] = "a camera"  # an entry before it
        data[TAG] = value
        options["exif"] = data
    Image.fromarray(picture()).save(file, "JPEG", quality=95, **options)
    content = file.getvalue()
    return content[:2] + prefix + content[2:]


def segment(marker, payload):
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("value", ORIENTATIONS)
def test_as_pillow_turns_it(value, endian):
    content = jpeg(value, endian)
    assert exif.orientation(content) == value
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(decode_image(content), turned)


@pytest.mark.parametrize(
    "prefix",
    [
        segment(0xE0, b"JFIF\0" + bytes(9)),
        segment(0xFE, b"a comment"),
        segment(0xE2, b"ICC_PROFILE\0" + bytes(60_000)) * 3,
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
    ],
)
def test_behind_other_segments(prefix):
    assert exif.orientation(jpeg(6, prefix=prefix)) == 6


def changed(content, old, new):
    assert old in content
    return content.replace(old, new, 1)


def test_what_means_nothing_is_upright():
    good = jpeg(6)
    entry = bytes([0x12, 0x01, 3, 0])
    nonsense = [
        jpeg(),
        jpeg(9),
        jpeg(0),
        changed(good, entry, bytes([0x12, 0x01, 4, 0])),  # a long, not a short
        changed(good, b"Exif\0\0", b"Exif\0\1"),
        changed(good, b"II*\0\x08\0\0\0", b"II*\0\xff\xff\xff\xff"),
        changed(good, b"II*\0\x08\0\0\0", b"II*\0\xff\xff\xff\x7f"),
        tf.io.encode_png(picture()).numpy(),
        b"",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe1",
        b"\xff\xd8\xff\xe1\0\0Exif\0\0MM",
        b"\xff\xd8" + b"\xff\xe0\0\0" * 100,
    ]
    for content in nonsense:
        assert exif.orientation(content) == exif.UPRIGHT


def test_every_truncation_has_an_orientation():
    content = jpeg(6)
    found = {int(exif.orientation(content[:length])) for length in range(140)}
    assert found <= {1, 6}


@pytest.mark.parametrize("value", ORIENTATIONS)
def test_the_training_view_is_that_of_the_upright_picture(value):
    """The same draw of the same picture, whichever way the camera stored it."""
    content = jpeg(value)
    stored = tf.io.encode_png(decode_image(content))
    views = [training_view(c, 32, tf.constant([1, 5]), "none") for c in (content, stored)]
    # The crop of an upright JPEG lacks the neighbours that smooth the colour of its border.
    difference = np.abs(views[0] - views[1])
    assert difference.mean() < 0.01
    assert difference.max() < 0.1
