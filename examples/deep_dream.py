"""DeepDream of a picture, over one, two and four octaves, side by side.

    python examples/deep_dream.py MODEL PICTURE OUT.png [END_POINT[:WEIGHT]...]

MODEL is a .keras file, or the id of a network (`inception_v3`), which gets its ImageNet weights.
Each octave is a smaller size at which the network dreams first. One octave only makes the smallest
patterns, with four they grow to larger forms. Early end points give textures, late ones parts of
things. The default is the end point two thirds of the way up. Pictures may have any size.
"""

import sys

import keras
import numpy as np

import keras_inception
from keras_inception.analysis import visualize

OCTAVES = (1, 2, 4)


def load(model):
    if model in {info.id for info in keras_inception.list_models()}:
        return keras_inception.create_model(model, weights="imagenet", include_top=False)
    return keras.models.load_model(model, compile=False)


def weighted(model, words):
    """Reads words such as `mixed_4b` and `mixed_4b:0.5`; returns {end point: weight}."""
    names = list(keras_inception.end_points(model))
    parts = (word.partition(":") for word in words or [names[2 * len(names) // 3]])
    return {name: float(weight or 1) for name, _, weight in parts}


def main(model, picture, out, *words):
    model = load(model)
    end_points = weighted(model, words)
    image = keras.utils.img_to_array(keras.utils.load_img(picture))
    dreams = [visualize.deep_dream(model, image, end_points, octaves=n) for n in OCTAVES]
    visualize.write_picture(np.concatenate([image.astype("uint8"), *dreams], axis=1), out)
    print(f"{out}: the picture, then {', '.join(end_points)} over {OCTAVES} octaves")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
