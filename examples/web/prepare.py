"""Makes what the page needs of a trained network: model, labels and some pictures, in `build/`.

python examples/web/prepare.py --model=build/demo/model.keras
cd examples/web && npm install && python -m http.server --bind 127.0.0.1 8000
"""

import argparse
import json
import pathlib

import keras
import tensorflow as tf

from keras_inception import export
from keras_inception.data.photo_patches import PHOTOGRAPHS, read_photograph

SAMPLES = 6


def prepare(model, labels, folder):
    """Writes model.tflite (8-bit weights), model.labels.txt, pictures and their list."""
    folder.mkdir(parents=True, exist_ok=True)
    print(export.tflite(model, folder / "model.tflite", "dynamic", labels=labels, overwrite=True))
    names = [f"{name}.jpg" for name in list(PHOTOGRAPHS)[:SAMPLES]]
    for name in names:
        picture = tf.io.encode_jpeg(read_photograph(name.removesuffix(".jpg")), quality=90)
        (folder / name).write_bytes(picture.numpy())
    (folder / "pictures.json").write_text(json.dumps(names))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--labels", type=pathlib.Path, help="default: labels.txt beside the model")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    arguments = parser.parse_args()
    labels = arguments.labels or arguments.model.parent / "labels.txt"
    names = labels.read_text(encoding="utf-8").splitlines()
    model = keras.models.load_model(arguments.model, compile=False)
    prepare(model, names, arguments.folder / "build")


if __name__ == "__main__":
    main()
