"""The released networks against independent implementations, in numbers.

Each network is built once, at full size and for any picture, from a file of the made-up weights in
the published format (`weights=PATH`), and is compared with the float64 outputs: classifier,
auxiliary classifier, embedding, and every layer that corresponds.
"""

import re

import h5py
import keras
import numpy as np
import pytest
import reference_rule as reference

import keras_inception
from keras_inception.weights import from_tf_slim

TOLERANCE = 2e-5  # of the largest reference magnitude
SOURCES = {"inception_resnet_v1": "facenet, outputs", "xception": "keras.applications, published"}

NETWORKS = {  # reference: (id, arguments, auxiliary?)
    "inception_v1": ("inception_v1", {"classes": 1001}, False),
    "inception_v2": ("inception_v2", {"classes": 1001}, False),
    "inception_v3": ("inception_v3", {"classes": 1001}, True),
    "inception_v4": ("inception_v4", {"classes": 1001}, True),
    "inception_resnet_v1": ("inception_resnet_v1", {"variant": "facenet"}, False),
    "inception_resnet_v2": ("inception_resnet_v2", {"classes": 1001}, True),
    "xception": ("xception", {}, False),
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request, tmp_path_factory):
    """(reference name, model with the reference's weights)."""
    name = request.param
    id, arguments, auxiliary = NETWORKS[name]
    values = reference.variables(name)
    expected = reference.facts(name)["weights_check"]["sha256_sorted_names_le_f32"]
    assert reference.sha256_of(values) == expected
    folder = tmp_path_factory.mktemp(name)
    if name == "xception":
        path = write_keras_file(folder / "xception.h5", values)
    else:
        path = reference.write_checkpoint(folder / f"{name}.ckpt", values)
    model = keras_inception.create_model(
        id,
        weights=None if auxiliary else path,
        input_shape=(None, None, 3),
        classifier_activation=None,
        **arguments,
    )
    if auxiliary:
        model = keras_inception.with_auxiliary_heads(model, weights=path)
    return name, model


SHORTCUTS = {"": "block2", "_1": "block3", "_2": "block4", "_3": "block13"}


def xception_layer(name):
    """Our name of a layer of `keras.applications.Xception`, whose shortcuts are numbered."""
    match = re.fullmatch(r"(conv2d|batch_normalization)(_\d)?", name)
    if match:
        block = SHORTCUTS[match[2] or ""]
        return f"{block}_shortcut" + ("_bn" if match[1] != "conv2d" else "")
    match = re.fullmatch(r"add(?:_(\d+))?", name)
    return f"block{int(match[1] or 0) + 2}_add" if match else name


def write_keras_file(path, values):
    """The layout of `keras.applications`' published file: Keras 2, HDF5."""
    layers = {}
    for name in values:
        layers.setdefault(name.split("/")[0], []).append(name)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer, names in layers.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{name}:0".encode() for name in names]
            for name in names:
                group[f"{name}:0"] = values[name]
    return path


def our_layer(model, source):
    """The layer of ours that computes what the reference calls `source`."""
    if source.startswith(("residual/", "end_point/")):
        return source.split("/")[1].lower()
    if "/" not in source:
        return xception_layer(source)
    scopes = source.split("/")[1:]
    if scopes[0] == source.split("/")[0]:  # pools: the network's name twice
        scopes = scopes[1:]
    scopes = scopes[1:] if scopes[0].startswith("Repeat") else scopes
    if scopes[0] == "AuxLogits" and scopes[1] in ("AvgPool_1a_5x5", "Conv2d_1a_3x3"):
        return "auxiliary_avg_pool"  # v2's is called a convolution and has no weights
    if scopes == ["Bottleneck"]:
        return "bottleneck"
    if "Pool" in scopes[-1]:
        if scopes[0] == "Logits":
            return "avg_pool"
        if scopes[0] == "AuxLogits":
            return "auxiliary_avg_pool"
        if len(scopes) == 1:
            return scopes[0].lower()
        branch = f"{scopes[0].lower()}_branch{scopes[1][-1]}_"
        return next(
            layer.name
            for layer in model.layers
            if layer.name.startswith(branch) and layer.name.endswith("_pool")
        )
    names = [v["name"] for v in reference.facts(source_network(source))["variables"]]
    tail = "depthwise_weights" if f"{source}/depthwise_weights" in names else "weights"
    rules = from_tf_slim.plan(model, names).rules
    target = next(rule.target for rule in rules if rule.sources == (f"{source}/{tail}",))
    return re.sub("_conv$", "", target.path.split("/")[0])


def named_end_points(model, facts):
    """TF-Slim's own end points that are grids of ours too: whole modules, which `layers` lacks."""
    names = {layer.name for layer in model.layers}
    found = {n: e for n, e in facts["end_points"].items() if n.startswith(("Mixed_", "Conv2d_"))}
    found = {n: e for n, e in found.items() if n.lower() in names}
    return {f"end_point/{name}": entry for name, entry in found.items()}


def source_network(source):
    prefixes = {
        "InceptionResnetV1": "inception_resnet_v1",
        "InceptionResnetV2": "inception_resnet_v2",
    }
    head = source.split("/")[0]
    return prefixes.get(head, head.replace("InceptionV", "inception_v"))


HEADS = {
    "logits_f64": "predictions",
    "aux_logits_f64": "auxiliary",
    "embeddings_f64": "embeddings",
    "bottleneck_f64": "bottleneck",
    "pooled_f64": "avg_pool",
}


def run(model, pictures, names):
    """Outputs of the layers `names`."""
    wanted = {name: model.get_layer(name).output for name in names}
    found = keras.Model(model.inputs, wanted)(pictures)
    return {name: np.asarray(value) for name, value in found.items()}


def head_gaps(found, expected):
    heads = {key: layer for key, layer in HEADS.items() if key in expected}
    return {key: reference.gap(found[layer], expected[key]) for key, layer in heads.items()}


def test_outputs_and_layers(network, record_gap):
    name, model = network
    facts, expected = reference.facts(name), reference.outputs(name)
    entries = {**facts["layers"], **named_end_points(model, facts)}
    ours = {source: our_layer(model, source) for source in entries}
    heads = {layer for key, layer in HEADS.items() if key in expected}
    found = run(model, reference.images(name), heads.union(ours.values()))
    gaps = head_gaps(found, expected)
    assert max(gaps.values()) <= TOLERANCE, gaps
    record_gap(SOURCES.get(name, "TF-Slim, outputs"), name, max(gaps.values()))
    worst = 0.0
    for source, entry in entries.items():
        value = found[ours[source]]
        size = np.abs(value).max()  # the reference's, to a tolerance that the rest is held to
        assert np.isfinite(size), source
        assert value.size == np.prod(entry["shape"]), (source, ours[source])
        differences = np.abs(value.reshape(-1)[entry["index"]] - entry["value"])
        worst = max(worst, differences.max() / size)
        assert worst <= TOLERANCE, (source, ours[source], worst)
        assert abs(value.mean(dtype=np.float64) - entry["mean"]) <= TOLERANCE * size, source
        assert abs(value.std(dtype=np.float64) - entry["std"]) <= TOLERANCE * size, source
    print(f"\n{name}: {gaps}, worst of {len(ours)} layers {worst:.1e}")


def test_other_size(network, record_gap):
    name, model = network
    other = next(path.stem for path in reference.FOLDER.glob(f"{name}_at*.json"))
    expected = reference.outputs(other)
    heads = {layer for key, layer in HEADS.items() if key in expected}
    gaps = head_gaps(run(model, reference.images(other), heads), expected)
    assert max(gaps.values()) <= TOLERANCE, gaps
    record_gap(SOURCES.get(name, "TF-Slim, outputs"), name, max(gaps.values()))
    print(f"\n{other}: {gaps}")


def test_counts(network):
    name, model = network
    expected = reference.facts(name)["parameters"]["all"]
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert (trainable, model.count_params()) == (expected["trainable"], expected["total"])
