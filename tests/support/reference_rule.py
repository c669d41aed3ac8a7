"""The made-up weights and images of `tests/data/reference`, from the rules of its README."""

import functools
import hashlib
import json
import math
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parents[1] / "data" / "reference"
f32 = np.float32


@functools.cache
def facts(name):
    """The lists, counts and layer values of a network, as a dict."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def outputs(name):
    """The outputs in full, name to array."""
    return dict(np.load(FOLDER / f"{name}.npz"))


def variable(salt, name, shape):
    """The value of one variable, by its published name and shape."""
    digest = hashlib.sha256(f"{salt}:{name}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    kind = name.split("/")[-1]
    if kind == "moving_variance":
        return f32(0.5) + rng.random(shape, dtype=f32)
    z = rng.standard_normal(shape, dtype=f32)
    if kind in ("depthwise_weights", "depthwise_kernel"):
        return z * f32(math.sqrt(1 / (shape[0] * shape[1])))
    if kind in ("pointwise_weights", "pointwise_kernel"):
        return z * f32(math.sqrt(1 / shape[2]))
    if kind in ("weights", "kernel"):
        return z * f32(math.sqrt(2 / math.prod(shape[:-1])))
    if kind == "gamma":
        return f32(1) + f32(0.1) * z
    return f32(0.1) * z


def variables(name):
    """All variables of a network, published name to array."""
    salt = facts(name)["salt"]
    return {v["name"]: variable(salt, v["name"], v["shape"]) for v in facts(name)["variables"]}


def write_checkpoint(path, values):
    """Writes variables as TF-Slim's checkpoints have them; returns the prefix as a string."""
    import tensorflow as tf

    names = sorted(values)
    tf.raw_ops.SaveV2(
        prefix=str(path),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(values[name]) for name in names],
    )
    return str(path)


def sha256_of(values):
    """The hash of `weights_check`: all variables, sorted by name, as little-endian float32."""
    digest = hashlib.sha256()
    for name in sorted(values):
        digest.update(np.ascontiguousarray(values[name], "<f4").tobytes())
    return digest.hexdigest()


def images(name):
    """The two pictures of a network, (2, side, side, 3) in [-1, 1]."""
    seed, side = facts(name)["input_seed"], facts(name)["image_size"]
    rng = np.random.default_rng(seed)
    fine = rng.uniform(-1, 1, (2, side, side, 3))
    k = math.ceil(side / 64)
    tiles = rng.uniform(-1, 1, (2, k, k, 3)).repeat(64, 1).repeat(64, 2)[:, :side, :side]
    return (0.1 * fine + 0.9 * tiles).astype(f32)


def gap(ours, reference):
    """Largest difference, relative to the largest reference magnitude."""
    ours = np.asarray(ours, np.float64).reshape(np.shape(reference))
    return float(np.abs(ours - reference).max() / np.abs(reference).max())
