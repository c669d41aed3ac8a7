"""A script of a user, in types: mypy passes it, which shows what an editor knows of the package.

It is read, never run. `wrong_calls.py` has what must not pass.
"""

import pathlib

import keras
import numpy as np

import keras_inception
from keras_inception import layers
from keras_inception.types import PathLike


def classifiers(folder: pathlib.Path) -> list[keras.Model]:
    """Builds networks with the arguments of `keras.applications`, and with those of their own."""
    shape = (160, 160, 3)
    return [
        keras_inception.GoogLeNet(weights=None),
        keras_inception.InceptionV1(True, "imagenet", classes=10, input_shape=shape),
        keras_inception.BNInception(include_top=False, pooling="avg", name="trunk"),
        keras_inception.InceptionV2(variant="paper", factorized_7x7=False),
        keras_inception.InceptionV3(weights=folder / "v3.h5", receptive_field=79),
        keras_inception.InceptionV4(
            input_tensor=keras.Input((None, None, 3)), classifier_activation=keras.ops.sigmoid
        ),
        keras_inception.InceptionResNetV1(variant="facenet", residual_scale=(0.1, 0.2, 0.3)),
        keras_inception.InceptionResNetV2(width_multiplier=0.5, output_stride=16),
        keras_inception.Xception(dropout_rate=0.1, classifier_activation=None),
    ]


def smallest_with_weights() -> str:
    """Reads the table of networks."""
    rows = [row for row in keras_inception.list_models() if "imagenet" in row.weights]
    best = min(rows, key=lambda row: row.minimum_size)
    return best.id if best.variant is None else f"{best.id} ({best.variant})"


def fine_tuned(id: str, path: PathLike) -> keras.Model:
    """Loads weights, freezes layers, adds heads and looks inside."""
    model = keras_inception.create_model(id, weights=None, classes=5)
    keras_inception.weights.load(model, path)
    keras_inception.freeze(model, until="mixed_6a", batch_norm="train")
    grids = {name: grid.shape for name, grid in keras_inception.end_points(model).items()}
    print(keras_inception.feature_extractor(model, list(grids)).output_names)
    return keras_inception.with_auxiliary_heads(model)


def best_names(images: np.ndarray) -> list[str]:
    """Names the most probable class of each picture."""
    network = keras_inception.inception_v4
    probabilities = network.InceptionV4().predict(network.preprocess_input(images))
    decoded = network.decode_predictions(probabilities, top=1)
    return [f"{name}: {score:.2f}" for [(_, name, score)] in decoded]


def own_network(images: keras.KerasTensor) -> keras.KerasTensor:
    """Stacks blocks of the figures."""
    with layers.width_multiplier(0.5):
        x = layers.conv_bn_relu(images, 64, 7, 2, name="conv1")
        x = layers.reduced_module(x, 64, (96, 128), (16, 32), 32, name="mixed_1", size=3)
        x = layers.concat_branches(x, "mixed_2", [layers.conv(64, (1, 7))], [layers.max_pool(3)])
    return layers.classifier_head(x, classes=10, dropout_rate=0.2)


def later_packages() -> list[str]:
    """Names packages that are imported when they are first used."""
    packages = [
        keras_inception.analysis,
        keras_inception.data,
        keras_inception.evaluation,
        keras_inception.export,
        keras_inception.training,
    ]
    return [package.__name__ for package in packages]
