"""Checkpoints of the reference's weights, packed as published, into networks of other heads.

(1001 classes and the auxiliary heads: `tests/models/test_reference.py`.)
"""

import tarfile

import numpy as np
import pytest
import quickly
import reference_rule as reference

import keras_inception

TOLERANCE = 2e-5  # of the largest reference magnitude
NETWORKS = {
    "inception_v1": {},
    "inception_v2": {},
    "inception_v3": {},
    "inception_v4": {},
    "inception_resnet_v2": {},
    "inception_resnet_v1": {"variant": "facenet"},
}


def packed(folder, name):
    """The tar.gz of a checkpoint, compressed as little as possible."""
    prefix = reference.write_checkpoint(folder / f"{name}.ckpt", reference.variables(name))
    archive = folder / f"{name}_2016_08_28.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=0) as tar:
        for suffix in (".index", ".data-00000-of-00001"):
            tar.add(prefix + suffix, f"{name}.ckpt{suffix}")
    return archive


@pytest.mark.parametrize(
    "name", quickly.rows(list(NETWORKS), ["inception_v3", "inception_resnet_v1"])
)
def test_other_heads(name, tmp_path, record_gap):
    source = "facenet" if name == "inception_resnet_v1" else "TF-Slim"
    archive, pictures = packed(tmp_path, name), reference.images(name)
    side = pictures.shape[1]
    expected = reference.outputs(name)
    arguments = {"weights": archive, "input_shape": (side, side, 3), **NETWORKS[name]}

    def build(**others):
        return keras_inception.create_model(name, **arguments, **others)

    if name != "inception_resnet_v1":
        model = build(classifier_activation=None)
        logits = model(pictures)
        gap = reference.gap(logits, expected["logits_f64"][:, 1:])  # without the background
        record_gap(f"{source}, 1000 classes", name, gap)
        assert gap <= TOLERANCE
    trunk = build(include_top=False, pooling="avg")
    found = trunk(pictures)
    if "pooled_f64" in expected:
        gap = reference.gap(found, expected["pooled_f64"])
        record_gap(f"{source}, no classifier", name, gap)
        assert gap <= TOLERANCE
    if name != "inception_v3":
        return
    other = build(classes=7)
    assert other.output_shape == (None, 7)
    values = {variable.path: variable for variable in other.weights}
    for variable in trunk.weights:
        np.testing.assert_array_equal(values[variable.path], variable)
