"""keras_inception.data.photo_patches: what is in which split, and that no pixel is in two."""

import socket
import sys
from itertools import chain

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_inception.data.photo_patches import (
    PATCH_SIZE,
    PATCHES,
    PHOTOGRAPHS,
    PhotoPatches,
    cells,
    patch_boxes,
    read_photograph,
)

# Height and width of the photographs, and shapes that are hard to cut.
SHAPES = [(512, 512), (300, 451), (400, 600), (303, 384), (872, 1000), (500, 741), (191, 384)]
SHAPES += [(989, 989), (427, 640), (172, 448), (80, 80), (900, 7), (7, 900), (101, 997)]


def covered(shape, boxes):
    """How many of the boxes cover each pixel."""
    counts = np.zeros(shape, int)
    for top, left, height, width in boxes:
        assert top >= 0
        assert left >= 0
        assert top + height <= shape[0]
        assert left + width <= shape[1]
        counts[top : top + height, left : left + width] += 1
    return counts


def forbid_network(monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError("photo_patches wants the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(tfds.download.DownloadManager, "download", refuse)


def build(data_dir):
    """The builder and all its examples, split -> [(JPEG bytes, label)], in their order."""
    builder = PhotoPatches(data_dir=data_dir)
    builder.download_and_prepare()
    raw = {"image": tfds.decode.SkipDecoding()}
    return builder, {
        split: [
            (example["image"], int(example["label"]))
            for example in builder.as_dataset(split, decoders=raw).as_numpy_iterator()
        ]
        for split in builder.info.splits
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        forbid_network(monkeypatch)
        return build(tmp_path_factory.mktemp("photo_patches"))


def test_the_shapes_tested_are_those_of_the_photographs():
    assert {tuple(read_photograph(name).shape[:2]) for name in PHOTOGRAPHS} <= set(SHAPES)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_pixel_is_in_two_splits(shape):
    seen = {split: covered(shape, patch_boxes(*shape, split)) > 0 for split in PATCHES}
    assert not (seen["train"] & seen["validation"]).any()
    assert not (seen["train"] & seen["test"]).any()
    assert not (seen["validation"] & seen["test"]).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_cells_tile_the_photograph(shape):
    parts = {split: cells(*shape, split) for split in PATCHES}
    assert (covered(shape, chain(*parts.values())) == 1).all()
    count = sum(map(len, parts.values()))
    assert len(parts["train"]) / count == pytest.approx(5 / 7, abs=0.1)
    assert len(parts["test"]) / count == pytest.approx(1 / 7, abs=0.07)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("split", PATCHES)
def test_each_patch_is_a_square_in_one_cell_of_its_split(shape, split):
    boxes = patch_boxes(*shape, split)
    homes = cells(*shape, split)
    assert len(boxes) == PATCHES[split]
    for box in boxes:
        assert box.height == box.width >= 1
        assert any(
            cell.top <= box.top
            and cell.left <= box.left
            and box.top + box.height <= cell.top + cell.height
            and box.left + box.width <= cell.left + cell.width
            for cell in homes
        )


@pytest.mark.parametrize("shape", SHAPES[:10])
@pytest.mark.parametrize("split", PATCHES)
def test_patches_differ_and_use_all_cells_and_several_scales(shape, split):
    boxes = patch_boxes(*shape, split)
    homes = cells(*shape, split)
    assert len(set(boxes)) == len(boxes)
    assert len({box.width for box in boxes}) >= 3
    counts = covered(shape, boxes)
    for top, left, height, width in homes:
        assert (counts[top : top + height, left : left + width] > 0).mean() > 0.8


def test_test_cells_are_spread_over_the_photograph():
    for split in ("validation", "test"):
        homes = cells(700, 700, split)
        for edges in ([cell.top for cell in homes], [cell.left for cell in homes]):
            assert set(edges) == {0, 100, 200, 300, 400, 500, 600}
            assert len(edges) == 7


def test_the_build_has_the_promised_examples(built):
    builder, examples = built
    assert {split: len(part) for split, part in examples.items()} == {
        "train": 2800,
        "validation": 560,
        "test": 560,
    }
    assert builder.info.features["label"].names == list(PHOTOGRAPHS)
    assert len(PHOTOGRAPHS) == 14
    for split, part in examples.items():
        counts = np.bincount([label for _, label in part])
        assert counts.tolist() == [PATCHES[split]] * len(PHOTOGRAPHS)


def test_examples_are_small_jpegs(built):
    _, examples = built
    for encoded, _ in examples["test"]:
        assert encoded.startswith(b"\xff\xd8\xff")
        assert tf.io.extract_jpeg_shape(encoded).numpy().tolist() == [PATCH_SIZE] * 2 + [3]


def test_each_label_names_the_photograph_of_its_patch(built):
    """Each class's patches are those cut here out of the photograph that names it."""
    builder, examples = built
    for index, name in enumerate(builder.info.features["label"].names):
        photograph = read_photograph(name).numpy()
        boxes = patch_boxes(*photograph.shape[:2], "validation")
        means = [
            photograph[top : top + height, left : left + width].mean((0, 1))
            for top, left, height, width in boxes
        ]
        found = [
            tf.io.decode_jpeg(image).numpy().mean((0, 1))
            for image, label in examples["validation"]
            if label == index
        ]
        np.testing.assert_allclose(np.sort(found, axis=0), np.sort(means, axis=0), atol=3)


def test_splits_share_no_picture(built):
    _, examples = built
    pictures = {split: {image for image, _ in part} for split, part in examples.items()}
    assert not pictures["train"] & pictures["test"]
    assert not pictures["train"] & pictures["validation"]
    assert not pictures["validation"] & pictures["test"]


def test_a_second_build_gives_the_same_bytes(built, photo_patches_dir):
    """The other build is the one that all tests share."""
    _, examples = built
    _, again = build(photo_patches_dir)
    assert again == examples


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="train, validation, test"):
        cells(512, 512, "training")
    with pytest.raises(ValueError, match="brick, camera"):
        read_photograph("lena")


def test_without_scikit_image_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(ImportError, match=r"pip install keras_inception\[demo\]"):
        read_photograph("brick")
