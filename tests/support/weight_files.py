"""Good files of weights in every format, of one narrow network each, for tests that spoil them."""

import re
import tarfile
import zipfile

import caffe_net
import numpy as np
import reference_rule
import tensorflow as tf

import keras_inception
from keras_inception import weights

WIDTH, CLASSES = 0.05, 5
ARGUMENTS = {"width_multiplier": WIDTH, "classes": CLASSES, "input_shape": (64, 64, 3)}
SUFFIXES = (".index", ".data-00000-of-00001")


def network(id="inception_v1"):
    """The network that the files are of, GoogLeNet for Caffe's."""
    return keras_inception.create_model(id, weights=None, **ARGUMENTS)


def slim_values(model):
    """TF-Slim's names to values; inner names only have to sort as they run."""
    values = {}
    for variable in model.weights:
        layer, kind = variable.path.split("/")
        tail = {"kernel": "weights", "bias": "biases"}.get(kind, f"BatchNorm/{kind}")
        layer = re.sub("_(conv|bn)$", "", layer)
        match = re.fullmatch(r"(.+)_branch(\d)_(\w+)", layer)
        if layer == "predictions":
            scope = "Logits/Conv2d_0c_1x1"
        elif match:
            scope = f"{match[1].capitalize()}/Branch_{match[2]}/Conv2d_{match[3]}"
        else:
            scope = layer.capitalize()
        values[f"InceptionV1/{scope}/{tail}"] = variable.numpy()
    return values


def write_all(folder):
    """Writes a file of each format; returns format to path (a checkpoint's is its prefix)."""
    model = network()
    values = slim_values(model)
    files = {"checkpoint": folder / "slim.ckpt", "first checkpoint": folder / "slim_2016.ckpt"}
    reference_rule.write_checkpoint(files["checkpoint"], values)
    names = sorted(values)
    tf.raw_ops.Save(
        filename=str(files["first checkpoint"]),
        tensor_names=names,
        data=[tf.constant(values[name]) for name in names],
    )
    files["tar.gz"] = folder / "slim.tar.gz"
    with tarfile.open(files["tar.gz"], "w:gz") as archive:
        for suffix in SUFFIXES:
            archive.add(f"{files['checkpoint']}{suffix}", f"slim.ckpt{suffix}")
    files["zip"] = folder / "faces.zip"
    with zipfile.ZipFile(files["zip"], "w") as archive:
        for suffix in SUFFIXES:
            archive.write(f"{files['checkpoint']}{suffix}", f"faces/slim.ckpt{suffix}")
    for suffix in (".h5", ".weights.h5", ".keras", ".safetensors"):
        files[suffix] = folder / f"ours{suffix}"
        weights.save(model, files[suffix])
    files[".caffemodel"] = folder / "caffe.caffemodel"
    googlenet = keras_inception.with_auxiliary_heads(network("googlenet"))
    grid = int(np.prod(googlenet.get_layer("auxiliary_1_avg_pool").output.shape[1:3]))
    layers = caffe_net.random_weights(googlenet, WIDTH, grid=grid, classes=CLASSES)
    net = caffe_net.make_net(layers, caffe_net.FORMS[0])
    files[".caffemodel"].write_bytes(net.SerializeToString())
    return files
