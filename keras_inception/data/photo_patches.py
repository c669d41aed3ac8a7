"""The embedded data set: patches of photographs that scikit-image's wheel ships.

It is a classification task with real pictures that needs no download. Each of 14 photographs is a
class. An example is a square patch of 80 x 80 pixels, stored as JPEG, and its label is the
photograph that it was cut from. There are 2,800 patches for training, 560 for validation and 560
for testing, the same number from every photograph.

**Splits.** A photograph is cut into a grid of about 49 nearly square cells. Among any seven
neighbouring cells in a row or column, five are for training, one for validation and one for
testing. A patch lies inside one cell, so training sees no pixel of a test patch, yet all splits see
every part of the photograph. The patches of a cell are alike, so luck in the cells does not average
out: the demo's three networks (seeds 0 to 2) miss the same 11 test patches of `moon` and none of
its validation patches. This is why validation accuracy is 3 to 5 points above test accuracy.

**Scales.** A patch is 0.9, 0.8 or 0.7 times as wide as the shorter side of its cell, from 27
(`page`) to 127 pixels (`retina`), and is resized to 80 with an antialiasing bilinear filter.
Positions within the cell follow a low-discrepancy sequence, not random numbers, so two builds give
the same examples in the same order, byte for byte. (The record files around them may differ:
protocol buffers do not fix the order in which an example's features are written.)

**Left out** are these pictures of the wheel:

- `chessboard_GRAY`, `chessboard_RGB`, `color`, `horse`, `logo`, `phantom`: drawn, not photographed.
- `cell`, `clock_motion`: one small object on plain grey. Nearly all of their patches would be grey,
  and look like those of `moon`.
- `astronaut`, `motorcycle_left`, `motorcycle_right`: scenes of unlike things, in which a test cell
  often shows something that no training cell shows. With them in the data set, a third of their
  test patches were misclassified.
- `microaneurysms`: 102 x 102 pixels, a detail of an eye's fundus, which `retina` shows too.
- `multipage`, `multipage_rgb`, `no_time_for_that_tiny`, `lfw_subset`: 25 pixels wide or less.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf
import tensorflow_datasets as tfds

from keras_inception.data.preprocessing import decode_image

PHOTOGRAPHS = {  # class name: file in scikit-image's `data` folder
    "brick": "brick.png",
    "camera": "camera.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "coins": "coins.png",
    "grass": "grass.png",
    "gravel": "gravel.png",
    "hubble_deep_field": "hubble_deep_field.jpg",
    "immunohistochemistry": "ihc.png",
    "moon": "moon.png",
    "page": "page.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
    "text": "text.png",
}
# Fraction cut off each side. The fundus is a disc on black, and this leaves the square inside it.
# Patches of the black corners would be the same in all splits.
MARGINS = {"retina": 0.15}
PATCH_SIZE = 80  # pixels
PATCHES = {"train": 200, "validation": 40, "test": 40}  # number from each photograph

# Approximate number per photograph: enough for training cells to show each kind of thing in it.
_CELLS = 49
_SCALES = (0.9, 0.8, 0.7)  # of the cell's shorter side; leaves room, so that patches differ
_DIAGONALS = {"train": (1, 2, 4, 5, 6), "validation": (3,), "test": (0,)}  # (3 row + column) mod 7
# Additive recurrence in two dimensions. Powers of 1 / p with p**3 = p + 1 (the plastic number)
# spread points more evenly than random numbers (M. Roberts, "The unreasonable effectiveness of
# quasirandom sequences", 2018).
_STEPS = (0.7548776662466927, 0.5698402909980532)


class Box(NamedTuple):
    """A rectangle of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


def cells(height: int, width: int, split: str) -> list[Box]:
    """Returns the cells of a photograph that belong to a split, row by row.

    The cells of the three splits together tile the photograph.

    Args:
        height, width: of the photograph, in pixels.
        split: `train`, `validation` or `test`.

    Raises:
        ValueError: there is no such split.
    """
    if split not in PATCHES:
        raise ValueError(f"Unknown split {split!r}; photo_patches has {', '.join(PATCHES)}.")
    side = math.sqrt(height * width / _CELLS)
    rows, columns = max(1, round(height / side)), max(1, round(width / side))
    edges_y = [height * row // rows for row in range(rows + 1)]
    edges_x = [width * column // columns for column in range(columns + 1)]
    return [
        Box(top, left, bottom - top, right - left)
        for row, (top, bottom) in enumerate(pairwise(edges_y))
        for column, (left, right) in enumerate(pairwise(edges_x))
        if (3 * row + column) % 7 in _DIAGONALS[split]
    ]


def patch_boxes(height: int, width: int, split: str) -> list[Box]:
    """Returns the square patches that a split takes, each inside one of its `cells`.

    The arguments and errors are those of `cells`.
    """
    homes = cells(height, width, split)
    boxes = []
    for i in range(PATCHES[split]):
        turn, home = divmod(i, len(homes))
        cell = homes[home]
        side = round(min(cell.height, cell.width) * _SCALES[turn % len(_SCALES)])
        down, right = ((turn + home / len(homes)) * step % 1 for step in _STEPS)
        top = cell.top + int(down * (cell.height - side + 1))
        left = cell.left + int(right * (cell.width - side + 1))
        boxes.append(Box(top, left, side, side))
    return boxes


def read_photograph(name: str) -> tf.Tensor:
    """Reads the photograph of class `name`, without its margin.

    Returns:
        uint8 (height, width, 3); a grey photograph has three equal channels.

    Raises:
        ValueError: there is no such photograph.
        ImportError: scikit-image is not installed.
    """
    if name not in PHOTOGRAPHS:
        raise ValueError(f"Unknown photograph {name!r}; choose from {', '.join(PHOTOGRAPHS)}.")
    try:
        import skimage
    except ImportError as error:
        raise ImportError(
            "photo_patches is cut out of the photographs in scikit-image, which is not installed: "
            "pip install keras_inception[demo]"
        ) from error
    # Not `skimage.data.NAME()`, which downloads files that are missing or have changed.
    path = Path(skimage.__file__).parent / "data" / PHOTOGRAPHS[name]
    photograph = decode_image(path.read_bytes())
    height, width = photograph.shape[:2]
    top, left = (int(side * MARGINS.get(name, 0)) for side in (height, width))
    return photograph[top : height - top, left : width - left]


@tf.function(
    input_signature=[tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((4,), tf.int32)]
)
def _cut(photograph: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
    """Cuts the patch in `box` out of a photograph: uint8 (80, 80, 3)."""
    top, left, height, width = tf.unstack(box)
    patch = photograph[top : top + height, left : left + width]
    patch = tf.image.resize(patch, (PATCH_SIZE, PATCH_SIZE), antialias=True)
    return tf.cast(tf.round(tf.clip_by_value(patch, 0.0, 255.0)), tf.uint8)


class PhotoPatches(tfds.core.GeneratorBasedBuilder):
    """The builder of `photo_patches`; the module's docstring describes the data set."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "14 photographs, 3,920 patches."}

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Image(shape=(PATCH_SIZE, PATCH_SIZE, 3), encoding_format="jpeg")
        label = tfds.features.ClassLabel(names=list(PHOTOGRAPHS))
        return self.dataset_info_from_configs(
            description="Square patches of 14 photographs, labelled by photograph.",
            features=tfds.features.FeaturesDict({"image": image, "label": label}),
            supervised_keys=("image", "label"),
            homepage="https://scikit-image.org",
        )

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing is downloaded
        return {split: self._generate_examples(split) for split in PATCHES}

    def _generate_examples(self, split):
        for name in PHOTOGRAPHS:
            photograph = read_photograph(name)
            height, width, _ = photograph.shape
            for i, box in enumerate(patch_boxes(height, width, split)):
                patch = _cut(photograph, box)
                yield f"{name}_{i:03}", {"image": patch.numpy(), "label": name}
