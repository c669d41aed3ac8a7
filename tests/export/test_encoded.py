"""Tests of export/encoded.py and of `serve_bytes` on pictures that are spoilt or far too large."""

import io
import os
import pathlib
import subprocess
import sys
import time

import bad_pictures
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_inception import export
from keras_inception.data import preprocessing
from keras_inception.export import encoded

SUPPORT = pathlib.Path(bad_pictures.__file__).parent
WHOLE = bad_pictures.whole()
ENCODED = [tf.TensorSpec((), tf.string)]
pixel_count = tf.function(encoded.pixel_count, input_signature=ENCODED)
decode = tf.function(encoded.decode, input_signature=ENCODED)


@pytest.mark.parametrize("kind", WHOLE)
def test_size_and_pixels(kind):
    width, height = Image.open(io.BytesIO(WHOLE[kind])).size
    assert pixel_count(WHOLE[kind]) == width * height
    np.testing.assert_array_equal(decode(WHOLE[kind]), preprocessing.decode_image(WHOLE[kind]))


def test_gifs_with_extensions_local_colours_and_interlacing():
    comment = bad_pictures.encoded("GIF", comment=b"c" * 700, transparency=3)
    assert pixel_count(comment) == 48 * 36
    frames = [bad_pictures.photograph(size=(50, 50)), bad_pictures.photograph(size=(50, 50))]
    local = bad_pictures.encoded("GIF", frames[0], save_all=True, append_images=frames[1:])
    assert pixel_count(local) == 2500
    np.testing.assert_array_equal(decode(local), preprocessing.decode_image(local))


def test_of_many_frames_one_is_decoded():
    content = bad_pictures.many_frames(side=100, frames=300)
    count, end = encoded._first_frame(tf.constant(content))
    assert count == 10_000
    assert int(end) < len(content) / 200
    assert decode(content).shape == (100, 100, 3)


def test_a_gif_of_countless_small_blocks_takes_seconds_at_most():
    gif = WHOLE["gif"]
    start = 13 + 3 * 2 ** (gif[10] % 8 + 1)
    extensions = gif[:start] + (b"!\xfe" + b"\1c" * 50_000 + b"\0") * 40 + gif[start:]
    blocks = gif[:start] + gif[start : start + 11] + b"\1c" * 2_000_000 + b"\0;"
    begin = time.perf_counter()
    assert pixel_count(extensions) == 0  # as if there were no frame
    assert pixel_count(blocks) == 48 * 36
    assert time.perf_counter() - begin < 20


@pytest.mark.parametrize("content", [b"", b"G", b"GIF89a", b"BM", b"RIFF0000WEBP", b"text" * 9])
def test_the_size_of_what_has_none(content):
    assert pixel_count(content) < 10


def test_sizes_beyond_all_bounds_do_not_wrap_around():
    png = bytearray(WHOLE["png"])
    png[16:24] = b"\xff" * 8
    assert pixel_count(bytes(png)) == (2**31 - 1) ** 2
    bmp = bytearray(WHOLE["bmp"])
    bmp[18:26] = b"\xff" * 4 + b"\0\0\0\x80"
    assert pixel_count(bytes(bmp)) == (2**31 - 1) * 2**31


@pytest.mark.parametrize("content", [bad_pictures.JPEG_XL, b"", b"text", WHOLE["png"][:8]])
def test_what_is_none_of_the_formats_is_not_decoded(content):
    """Whatever TensorFlow's decoder makes of it: its size is not known beforehand."""
    assert pixel_count(content) == encoded.UNKNOWN
    assert encoded.refusal(encoded.UNKNOWN, 100) == b"is not a JPEG, PNG, GIF, BMP or WebP"
    assert encoded.refusal(101, 100) == b"is larger than 0.0001 megapixels"
    assert encoded.refusal(100, 100) == b""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`strict` and `lenient`, and one that decodes no more than 3,000 pixels."""
    keras.utils.set_random_seed(1)
    images = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(4)(images))
    x = keras.layers.Dense(3, activation="softmax")(x)
    model, folder = keras.Model(images, x), tmp_path_factory.mktemp("served")
    export.saved_model(model, folder / "strict")
    export.saved_model(model, folder / "lenient", lenient=True, top_k=2)
    export.saved_model(model, folder / "small", megapixels=0.003)
    return folder


@pytest.fixture(scope="module")
def served(folder):
    loaded = {path.name: tf.saved_model.load(str(path)) for path in folder.iterdir()}
    calls = {name: model.signatures["serve_bytes"] for name, model in loaded.items()}
    return {"models": loaded, **calls}


def ask(serve, *contents):
    return {k: v.numpy() for k, v in serve(image_bytes=tf.constant(contents)).items()}


def test_both_kinds_answer_alike(served):
    strict, lenient = (
        ask(served["strict"], *WHOLE.values()),
        ask(served["lenient"], *WHOLE.values()),
    )
    np.testing.assert_array_equal(strict["probabilities"], lenient["probabilities"])
    assert set(lenient["status"]) == {b""}
    assert "status" not in strict


def test_bombs(served):
    bombs = bad_pictures.bombs()
    reasons = dict.fromkeys(bombs, "is larger than 64 megapixels")
    reasons["png of other first chunk"] = "is not a JPEG, PNG, GIF, BMP or WebP"
    for name, content in bombs.items():
        message = f"picture 1 of the request {reasons[name]}"
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            ask(served["strict"], WHOLE["png"], content)
    answers = ask(served["lenient"], *bombs.values(), WHOLE["gif"])
    assert [status.decode() for status in answers["status"][:-1]] == [
        f"this picture {reason}" for reason in reasons.values()
    ]
    assert answers["status"][-1] == b""
    assert not answers["probabilities"][:-1].any()
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"larger than 0\.003 megapixels"):
        ask(served["small"], WHOLE["1x10000"])
    assert ask(served["small"], WHOLE["jpeg"])["scores"].shape == (1, 3)


def bad_ones():
    jpeg = WHOLE["jpeg"]
    yield from (b"", b"text", b"\0" * 1000)
    yield from (jpeg[: len(jpeg) * i // 10] for i in range(1, 10))
    yield b"\x89PNG\r\n\x1a\n" + jpeg
    yield from bad_pictures.mutated(400)


def test_spoilt_pictures_are_an_error_or_an_answer_and_the_next_is_right(served):
    good = ask(served["strict"], WHOLE["jpeg"])["probabilities"][0]
    contents = list(bad_ones())
    lenient = ask(served["lenient"], *contents)
    errors = 0
    for i, content in enumerate(contents):
        try:
            found = ask(served["strict"], content)["probabilities"][0]
        except tf.errors.InvalidArgumentError:
            errors += 1
            assert lenient["status"][i] != b""
            assert set(lenient["classes"][i]) == {b""}
        else:
            assert lenient["status"][i] == b""
            np.testing.assert_allclose(found, lenient["probabilities"][i], atol=1e-6)
            assert found.sum() == pytest.approx(1, abs=1e-5)
    print(f"{len(contents)} files: {errors} refused, {len(contents) - errors} answered")
    assert 150 < errors < len(contents)
    after = ask(served["strict"], WHOLE["jpeg"], WHOLE["jpeg"])["probabilities"]
    np.testing.assert_allclose(after, [good, good], atol=1e-6)


def test_no_pictures(served):
    empty = tf.constant([], tf.string)
    for name in ("strict", "lenient"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="the request has no pictures"):
            served[name](image_bytes=empty)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none(served, value):
    serve = served["models"]["strict"].signatures["serving_default"]
    images = np.full((2, 9, 9, 3), 7, "float32")
    images[1, 8, 8, 2] = value
    with pytest.raises(tf.errors.InvalidArgumentError, match="NaN or infinite"):
        serve(images=tf.constant(images))


def test_other_shapes(served):
    serve = served["models"]["strict"].signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="the request has no pictures"):
        serve(images=tf.zeros((0, 9, 9, 3)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="no pixels"):
        serve(images=tf.zeros((1, 0, 9, 3)))
    for shape in ((9, 9, 3), (1, 9, 9, 1), (1, 1, 9, 9, 3)):
        with pytest.raises((ValueError, TypeError, tf.errors.InvalidArgumentError)):
            serve(images=tf.zeros(shape))
    assert serve(images=tf.zeros((1, 1, 10_000, 3)))["scores"].shape == (1, 3)


MEMORY = """
import pathlib, re, sys
import tensorflow as tf
import bad_pictures
def peak():  # in KB; that of `resource` begins with the parent's
    return int(re.search("VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
loaded = tf.saved_model.load(sys.argv[1])
serve = loaded.signatures["serve_bytes"]
serve(image_bytes=tf.constant([bad_pictures.encoded("PNG")]))
contents = [*bad_pictures.bombs().values(), bad_pictures.many_frames()]
contents += [bad_pictures.png_bomb(7950)]  # just below the limit
takes_most = [bad_pictures.turned_cmyk(7950)]
for request in (takes_most, contents):
    # Making the pictures took memory too: the peak begins anew.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    answers = serve(image_bytes=tf.constant(request))
    print((peak() - before) / 1000)
assert [s == b"" for s in answers["status"].numpy()] == [False] * 6 + [True] * 2
"""


def test_memory_is_bounded(folder):
    command = [sys.executable, "-c", MEMORY, str(folder / "lenient")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(SUPPORT), str(SUPPORT.parents[1])]),
    }
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    megabytes = max(map(float, done.stdout.split()))
    print(f"{megabytes:.0f} MB above the model's")
    assert megabytes < 1000
