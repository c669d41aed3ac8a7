"""Prints the inner grids of a network for one picture, as a detector or a segmenter would use them.

python examples/feature_maps.py picture.jpg
"""

import sys

import keras
import numpy as np

import keras_inception


def main(path):
    model = keras_inception.InceptionV3(
        weights=None,  # "imagenet" for features that mean something
        include_top=False,
        width_multiplier=0.25,
        output_stride=16,  # makes the last grid finer, with the same weights
    )
    extractor = keras_inception.feature_extractor(model, ["mixed_5d", "mixed_6e", "mixed_7c"])
    image = keras.utils.img_to_array(keras.utils.load_img(path))
    batch = keras_inception.inception_v3.preprocess_input(image[np.newaxis])
    for name, grid in extractor(batch).items():
        print(f"{name}: {grid.shape[1]} x {grid.shape[2]} x {grid.shape[3]}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
