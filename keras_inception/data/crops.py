"""Several views of one picture, for evaluation: their boxes, and one graph that makes them all.

- 1: the evaluation view, the central 87.5 % of each side, squashed (`preprocessing`).
- 10: the picture's shorter side is scaled to 256; the views are the four corners and the centre of
  its central square, 224 x 224 each (A. Krizhevsky et al., "ImageNet classification with deep
  convolutional neural networks", 2012, section 4.1).
- 12: the same views, and the whole central square, resized to 224 x 224. 1602.07261 (Table 3)
  refers to 1409.4842 for its 12 crops, and 1512.00567 (Table 4) does not describe them. 1409.4842
  has no protocol of 12 crops, but takes 6 x 2 = 12 views of a square. Ours are these views, of one
  square at the smallest scale.
- 144: shorter sides of 256, 288, 320 and 352; at each scale the left, central and right square (the
  top, central and bottom one for upright pictures); the same six views of each square (1409.4842,
  section 7).

Except for the single view, mirror images follow all views, in the same order. The lengths are for
networks of 224 x 224. For other networks they are scaled by size / 224, so that a crop shows the
same part of the picture. Pictures are resized by `preprocessing.resize_bilinear`, since the papers
do not say how they did it.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from keras_inception.data.preprocessing import (
    central_margin,
    evaluation_view,
    resize_bilinear,
    scale_pixels,
)

_PAPER_SIZE = 224  # pixels: input of the networks for which the papers give the scales
# A picture longer than this many times its shorter side is squashed to that length, so that a
# sliver does not grow to gigabytes. Our choice: photographs stay far below.
LONGEST = 8


@dataclasses.dataclass(frozen=True)
class _Protocol:
    scales: tuple[int, ...]  # the shorter side, for networks of 224 x 224
    squares: tuple[int, ...]  # places along the longer side: 0 start, 1 centre, 2 end
    whole: bool  # whether the whole square follows its corners and centre


_PROTOCOLS = {
    10: _Protocol((256,), (1,), whole=False),
    12: _Protocol((256,), (1,), whole=True),
    144: _Protocol((256, 288, 320, 352), (0, 1, 2), whole=True),
}
MIRRORED = {  # number of crops: whether each crop is mirrored, in order
    1: (False,),
    **{count: (False,) * (count // 2) + (True,) * (count // 2) for count in _PROTOCOLS},
}


def boxes(count: int, height: int, width: int, size: int) -> tf.Tensor:
    """Returns where the crops of a picture lie, in order.

    A crop is made in these steps: resize the picture to `rows` x `columns`, cut out the box, resize
    the result to `size` x `size` if it has another size, and mirror it if `MIRRORED[count]` says
    so.

    Args:
        count: number of crops: 1, 10, 12 or 144.
        height, width: of the picture, in pixels; integers or scalar tensors.
        size: side of the network's input, in pixels.

    Returns:
        int32 (count, 6): rows, columns, top, left, height, width of each box, in pixels.

    Raises:
        ValueError: there is no protocol of `count` crops, or `size` is below 1.
    """
    check_count(count)
    if count == 1:
        top, left = central_margin(height), central_margin(width)
        return tf.stack([(height, width, top, left, height - 2 * top, width - 2 * left)])
    half = [
        (rows, columns, top, left, side, side)
        for (rows, columns), places in _places(count, height, width, size)
        for top, left, side in places
    ]
    return tf.stack(2 * half)


def make_crops(image: tf.Tensor, size: int, count: int) -> tf.Tensor:
    """Cuts `count` crops out of a picture, in the order of `boxes`.

    The picture is resized once per scale, and mirrored crops are cut from the mirrored picture.

    Args:
        image: uint8 (height, width, 3).
        size: side of the crops, in pixels.
        count: 1, 10, 12 or 144.

    Returns:
        float32 (count, size, size, 3) in [-1, 1].

    Raises:
        ValueError: there is no protocol of `count` crops, or `size` is below 1.
    """
    check_count(count)
    image = tf.ensure_shape(image, (None, None, 3))
    if count == 1:
        return evaluation_view(image, size)[tf.newaxis]
    views, mirrored = [], []
    for shape, places in _places(count, tf.shape(image)[0], tf.shape(image)[1], size):
        picture = scale_pixels(_resized(image, shape))
        reflection = tf.reverse(picture, axis=[1])
        for top, left, side in places:
            view = picture[top : top + side, left : left + side]
            if side == size:
                views.append(view)
                left = shape[1] - left - side
                mirrored.append(reflection[top : top + side, left : left + side])
            else:
                views.append(resize_bilinear(view, size))
                mirrored.append(tf.reverse(views[-1], axis=[1]))
    return tf.ensure_shape(tf.stack(views + mirrored), (count, size, size, 3))


def check_count(count: int) -> None:
    """Raises ValueError if there is no protocol of `count` crops."""
    if count not in MIRRORED:
        raise ValueError(f"Cannot make {count} crops; choose from {', '.join(map(str, MIRRORED))}.")


def _places(count, height, width, size):
    """Yields for each scale the picture's (rows, columns), and each view's (top, left, side)."""
    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, not {size}.")
    protocol = _PROTOCOLS[count]
    for scale in protocol.scales:
        side = round(size * scale / _PAPER_SIZE)
        rows, columns = _scaled_shape(height, width, side)
        places = []
        for third in protocol.squares:
            top, left = (rows - side) * third // 2, (columns - side) * third // 2
            far = side - size
            inner = [(0, 0), (0, far), (far, 0), (far, far), (far // 2, far // 2)]
            places += [(top + y, left + x, size) for y, x in inner]
            if protocol.whole:
                places.append((top, left, side))
        yield (rows, columns), places


def _scaled_shape(height, width, side):
    """Returns the rounded (rows, columns) of a picture with `side` pixels on its shorter side."""
    shorter = tf.minimum(height, width)

    def scaled(length):
        length = tf.minimum(length, LONGEST * shorter)
        return (2 * length * side + shorter) // (2 * shorter)

    return scaled(height), scaled(width)


def _resized(image, shape):
    """Resizes as `preprocessing.resize_bilinear` does, but to any (rows, columns)."""
    resized = tf.raw_ops.ResizeBilinear(
        images=image[tf.newaxis],
        size=tf.stack(shape),
        align_corners=False,
        half_pixel_centers=False,
    )
    return resized[0]
