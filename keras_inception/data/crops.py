"""Several views of one picture, for evaluation: their boxes and one batched graph that makes them.

- 1: the evaluation view, the central 87.5 % of each side.
- 10: boxes of 87.5 % of each side at the four corners and in the centre (224 of 256 pixels, as in
  A. Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", 2012),
  then the same five mirrored.

Boxes are in pixels of the picture itself; each is squashed to the network's square as
`preprocessing.evaluation_view` does, which is the only one of 1 crop and the fifth of 10. Views are
mirrored after that.
"""

from __future__ import annotations

import tensorflow as tf

from keras_inception.data.preprocessing import central_margin, resize_bilinear, scale_pixels

MIRRORED = {  # count of crops: whether each crop is mirrored, in order
    1: (False,),
    10: 5 * (False,) + 5 * (True,),
}


def boxes(count: int, height: int, width: int) -> tf.Tensor:
    """The boxes of `count` crops of a picture of `height` x `width` pixels, in order.

    Returns:
        int32 (count, 4): top, left, height, width in pixels. `MIRRORED[count]` tells which of the
        crops are mirrored.
    """
    check_count(count)
    top, left = central_margin(height), central_margin(width)
    rows, columns = height - 2 * top, width - 2 * left
    centre = (top, left, rows, columns)
    if count == 1:
        return tf.stack([centre])
    corners = [(y, x, rows, columns) for y in (0, 2 * top) for x in (0, 2 * left)]
    return tf.stack(2 * [*corners, centre])


def make_crops(image: tf.Tensor, size: int, count: int) -> tf.Tensor:
    """`count` crops of a picture, uint8 (height, width, 3), in the order of `boxes`.

    Returns:
        float32 (count, size, size, 3) in [-1, 1].
    """
    check_count(count)
    image = tf.ensure_shape(image, (None, None, 3))
    places = tf.unstack(boxes(count, tf.shape(image)[0], tf.shape(image)[1]))
    views = []
    for place, mirrored in zip(places, MIRRORED[count], strict=True):
        top, left, height, width = tf.unstack(place)
        view = resize_bilinear(image[top : top + height, left : left + width], size)
        views.append(tf.reverse(view, axis=[1]) if mirrored else view)
    return scale_pixels(tf.stack(views))


def check_count(count: int) -> None:
    """Raises ValueError where there is no way to make `count` crops."""
    if count not in MIRRORED:
        raise ValueError(f"Cannot make {count} crops; choose from {', '.join(map(str, MIRRORED))}.")
