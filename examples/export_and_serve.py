"""Exports a network as a SavedModel, and classifies pictures with it as a server would.

    python examples/export_and_serve.py MODEL FOLDER PICTURE... [--url=http://localhost:8501]

MODEL is a .keras file, FOLDER the new version for the server (build/served/1). The pictures are
sent as encoded files: decoding, the evaluation view and the class names are in the graph. With
`--url` they go to a TensorFlow Serving that has FOLDER's parent as its model `inception` (the
compose file in examples/serving/ starts one).
"""

import argparse
import pathlib
import sys

import keras
import tensorflow as tf
from serving import rest_client  # examples/serving/

from keras_inception import evaluation, export


def locally(folder, encoded):
    """Calls the SavedModel's signature, which needs neither Keras nor this package."""
    signature = tf.saved_model.load(str(folder)).signatures["serve_bytes"]
    answer = signature(image_bytes=tf.constant(encoded))
    names, scores = answer["classes"].numpy().astype(str), answer["scores"].numpy()
    return [list(zip(*row)) for row in zip(names, scores)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("pictures", nargs="+", type=pathlib.Path)
    parser.add_argument("--url", help="address of a TensorFlow Serving")
    arguments = parser.parse_args()
    model = keras.models.load_model(arguments.model, compile=False)
    names = evaluation.predictor(arguments.model).class_names  # from the labels.txt beside it
    parity = export.saved_model(model, arguments.folder, class_names=names)
    print(f"{arguments.folder} agrees with Keras: {parity}")
    encoded = [path.read_bytes() for path in arguments.pictures]
    if arguments.url:
        found = rest_client.classify(encoded, arguments.url)
    else:
        found = locally(arguments.folder, encoded)
    rest_client.show(arguments.pictures, found)


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(str(error))
