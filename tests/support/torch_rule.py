"""The others' networks in PyTorch, and the made-up weights with which they are compared with ours.

The weights follow from names and shapes alone, so that `tests/data/torch` keeps these, and what
the networks gave for them, but no weights.
"""

import functools
import hashlib
import json
import math
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parents[1] / "data" / "torch"
f32 = np.float32

# Name: (ours, side of the images, module, function, its options). An auxiliary head needs 299
# pixels. timm pads Xception's max pools on both sides, which is the same on odd grids (71 pixels);
# torchvision rounds GoogLeNet's up, which is the same on even ones (multiples of 32).
NETWORKS = {
    "timm_inception_v3": ("InceptionV3", 139, "timm.models", "inception_v3", {}),
    "torchvision_inception_v3": (
        "InceptionV3",
        299,
        "torchvision.models",
        "inception_v3",
        {"init_weights": False},
    ),
    "timm_inception_v4": ("InceptionV4", 107, "timm.models", "inception_v4", {}),
    "timm_inception_resnet_v2": (
        "InceptionResNetV2",
        107,
        "timm.models",
        "inception_resnet_v2",
        {},
    ),
    "timm_legacy_xception": ("Xception", 71, "timm.models", "legacy_xception", {}),
    "torchvision_googlenet": (
        "InceptionV1",
        96,
        "torchvision.models",
        "googlenet",
        {"init_weights": False, "aux_logits": True},
    ),
}


def recorded(name, folder=FOLDER):
    """What `record.py` wrote of a network: shapes by name, outputs by name, (2, 1000) each."""
    facts = _facts(folder / f"{name}.json")
    shapes = {name: tuple(shape) for name, shape in facts["shapes"].items()}
    return shapes, {name: np.array(values) for name, values in facts["outputs"].items()}


@functools.cache
def _facts(path):
    return json.loads(path.read_text())


def value(name, shape, names, salt=""):
    """The value of one variable; `names` are those of all, which tell what a module is.

    Another `salt` gives other values. Gammas are negative now and then; the variance is around 1.
    """
    module, _, variable = name.rpartition(".")
    if variable == "num_batches_tracked":
        return np.int64(7)
    digest = hashlib.sha256(f"{salt}{name}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    if variable == "running_var":
        return f32(0.5) + rng.random(shape, dtype=f32)
    z = rng.standard_normal(shape, dtype=f32)
    if variable != "weight":
        return f32(0.1) * z
    if f"{module}.running_mean" in names:
        return f32(1) + f32(0.3) * z
    return z * f32(math.sqrt(2 / math.prod(shape[1:])))


def values(shapes, salt=""):
    """All variables of a network, name to array."""
    return {name: np.asarray(value(name, shape, shapes, salt)) for name, shape in shapes.items()}


def images(side):
    """Two pictures, (2, side, side, 3) in [-1, 1]."""
    return np.random.default_rng(side).uniform(-1, 1, (2, side, side, 3)).astype(f32)


def gap(ours, reference):
    """Largest difference, relative to the largest reference magnitude."""
    return float(np.abs(np.asarray(ours, np.float64) - reference).max() / np.abs(reference).max())


def gaps(name, path, outputs):
    """`gap` of each output of our network, with the weights of a file, from the given ones."""
    import keras_inception

    constructor, side, *_ = NETWORKS[name]
    constructor = getattr(keras_inception, constructor)
    model = constructor(weights=path, input_shape=(side, side, 3), classifier_activation=None)
    if "auxiliary" in outputs:
        model = keras_inception.with_auxiliary_heads(model, weights=path)
    ours = model(images(side))
    ours = ours if isinstance(ours, dict) else {"predictions": ours}
    if ours.keys() != outputs.keys():
        raise AssertionError(f"{name} gives {list(ours)}, not {list(outputs)}")
    return {output: gap(ours[output], reference) for output, reference in outputs.items()}
