"""Prepares the page's files from a trained network: model, class names, pictures, in `build/`.

python examples/web/prepare.py --model=build/demo/model.keras
cd examples/web && npm install && python -m http.server --bind 127.0.0.1 8000
"""

import argparse
import json
import pathlib

import keras

from keras_inception import data, export

SAMPLES = 6


def patches(data_dir=None):
    """Returns a test patch for each of the first classes of photo_patches: file name -> JPEG."""
    dataset = data.open("photo_patches", "test", data_dir)
    names = dataset.class_names[:SAMPLES]
    found = {}
    for encoded, label in dataset.encoded().as_numpy_iterator():
        if label < len(names):
            found.setdefault(f"{names[label]}.jpg", encoded)
    return found


def of_folder(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())[:SAMPLES]}


def prepare(model, class_names, folder, pictures):
    """Writes model.tflite (8-bit weights), model.labels.txt, the pictures and their list."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.tflite"
    print(export.tflite(model, path, "dynamic", class_names=class_names, overwrite=True))
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    (folder / "pictures.json").write_text(json.dumps(sorted(pictures)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument(
        "--class_names", type=pathlib.Path, help="default: labels.txt beside the model"
    )
    parser.add_argument("--pictures", type=pathlib.Path, help="a folder; default: test patches")
    arguments = parser.parse_args()
    labels = arguments.class_names or arguments.model.parent / "labels.txt"
    names = labels.read_text(encoding="utf-8").splitlines()
    pictures = of_folder(arguments.pictures) if arguments.pictures else patches()
    model = keras.models.load_model(arguments.model, compile=False)
    prepare(model, names, pathlib.Path(__file__).parent / "build", pictures)


if __name__ == "__main__":
    main()
