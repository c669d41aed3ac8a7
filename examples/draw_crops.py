"""Draws all 144 crops of a photograph for networks of 224 x 224.

python examples/draw_crops.py crops.webp [photograph.jpg]
"""

import sys

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from keras_inception.data import crops, photo_patches, preprocessing

SIZE, COUNT = 224, 144
SCALES, SQUARES, VIEWS = 4, 3, 6
COLORS = ("#2563eb", "#c2410c", "#15803d")  # squares from left to right or top to bottom


def main(path, photograph=None):
    if photograph is None:
        image = photo_patches.read_photograph("chelsea")
    else:
        image = preprocessing.decode_image(tf.io.read_file(photograph))
    boxes = crops.boxes(COUNT, *image.shape[:2], SIZE).numpy()
    views = (crops.make_crops(image, SIZE, COUNT).numpy() + 1) / 2
    # The axes are mirrored, scale, square and view, in the order of `crops.boxes`.
    views = views.reshape(2, SCALES, SQUARES, VIEWS, SIZE, SIZE, 3)
    boxes = boxes.reshape(2, SCALES, SQUARES, VIEWS, 6)[0]

    views = np.pad(views, 4 * [(0, 0)] + 2 * [(6, 6)] + [(0, 0)], constant_values=1.0)

    figure = Figure(figsize=(13.4, 9.3), dpi=100, facecolor="white")
    for scale in range(SCALES):
        rows, columns = boxes[scale, 0, 0, :2]
        axes = figure.add_axes((0.04 + 0.24 * scale, 0.745, 0.225, 0.225))
        axes.imshow(image, extent=(0, columns, rows, 0))
        axes.set_title(f"scaled to {rows} x {columns}", fontsize=10)
        axes.axis("off")
        for square, color in zip(boxes[scale], COLORS):
            for view, (_, _, top, left, height, width) in enumerate(square):
                if view == VIEWS - 1 or color == COLORS[1]:  # else only the whole square
                    style = {"lw": 2.5} if view == VIEWS - 1 else {"lw": 1, "ls": "--"}
                    box = Rectangle((left, top), width, height, fill=False, color=color, **style)
                    axes.add_patch(box)
        for mirrored, kind in enumerate((f"scale {rows}", "mirrored")):
            bottom = 0.652 - 0.177 * scale - 0.083 * mirrored
            figure.text(0.012, bottom + 0.04, kind, rotation=90, va="center", fontsize=8)
            for i, color in enumerate(COLORS):
                axes = figure.add_axes((0.026 + 0.324 * i, bottom, 0.318, 0.0775))
                axes.imshow(np.concatenate(views[mirrored, scale, i], axis=1))
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set(color=color, lw=1.5)
    figure.savefig(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
