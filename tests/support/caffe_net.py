"""A caffemodel of GoogLeNet as Caffe itself writes it, for the tests of its reader."""

import functools

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from keras_inception.layers.convolution import scaled, width_multiplier

FORMS = ("layers", "layer")  # field of NetParameter: old form, new form
TABLE_1 = {  # 1409.4842: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
HEADS = {  # Caffe's prefix: what it stands on, our name
    "loss1": ("mixed_4b", "auxiliary_1"),
    "loss2": ("mixed_4e", "auxiliary_2"),
    "loss3": ("mixed_5c", "predictions"),
}


@functools.cache
def net_class():
    """NetParameter with more of caffe.proto's fields than the reader knows, as Caffe writes it."""
    messages = {
        "BlobShape": "dim 1 int64*",
        "BlobProto": "num 1 int32, channels 2 int32, height 3 int32, width 4 int32, data 5 float*, "
        "diff 6 float*, shape 7 BlobShape, double_data 8 double*",
        "V1LayerParameter": "bottom 2 string*, top 3 string*, name 4 string, type 5 int32, "
        "blobs 6 BlobProto*, blobs_lr 7 float*",
        "LayerParameter": "name 1 string, type 2 string, bottom 3 string*, top 4 string*, "
        "loss_weight 5 float*, blobs 7 BlobProto*, phase 10 int32",
        "NetParameter": "name 1 string, layers 2 V1LayerParameter*, input 3 string*, "
        "layer 100 LayerParameter*",
    }
    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe")
    for message, fields in messages.items():
        added = file.message_type.add(name=message)
        for name, number, kind in (field.split() for field in fields.split(", ")):
            field = added.field.add(name=name, number=int(number), label=3 if "*" in kind else 1)
            kind = kind.removesuffix("*")
            if kind in messages:
                field.type_name = f".caffe.{kind}"
            else:
                field.type = field.Type.Value(f"TYPE_{kind.upper()}")
            if name in ("dim", "data", "diff", "double_data"):
                field.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("caffe.NetParameter"))


def add_layer(net, form, name, blobs=()):
    """Adds a layer with its blobs: four axes in the old form, as many as there are in the new."""
    layer = getattr(net, form).add(name=name, bottom=["x"], top=[name])
    if form == "layers":
        layer.type = 4  # CONVOLUTION; no reader of weights looks at it
        layer.blobs_lr.extend([1.0, 2.0])
    else:
        layer.type = "Convolution"
    for values in blobs:
        blob = layer.blobs.add(data=values.ravel(), diff=[0.5])
        if form == "layer":
            blob.shape.dim.extend(values.shape)
        else:
            shape = (1,) * (4 - values.ndim) + values.shape
            blob.num, blob.channels, blob.height, blob.width = shape


def make_net(weights, form):
    """The message of a training snapshot: layers without weights stand between the others."""
    net = net_class()(name="GoogleNet")
    for name in ("data", "label_data_1_split"):
        add_layer(net, form, name)
    for name, blobs in weights.items():
        add_layer(net, form, name, blobs)
        add_layer(net, form, f"{name}/relu")
    return net


def random_weights(model, width, grid, classes):
    """Caffe's layer to its [weights, bias], in the order of bvlc_googlenet.

    Args:
        model: with side heads, whose widths are its own.
        width: its width multiplier.
        grid: rows times columns of what a side head's first matrix sees.
        classes: how many.
    """
    rng = np.random.default_rng(0)
    layers = {}

    def add(name, *shape):
        values = rng.normal(0, np.prod(shape[1:]) ** -0.5, shape)
        layers[name] = [v.astype("float32") for v in (values, rng.normal(0, 0.1, shape[0]))]
        return shape[0]

    with width_multiplier(width):
        depth = add("conv1/7x7_s2", scaled(64), 3, 7, 7)
        depth = add("conv2/3x3_reduce", scaled(64), depth, 1, 1)
        depth = add("conv2/3x3", scaled(192), depth, 3, 3)
        for row, widths in TABLE_1.items():
            b1, r3, b3, r5, b5, proj = map(scaled, widths)
            add(f"inception_{row}/1x1", b1, depth, 1, 1)
            for size, narrow, wide in ((3, r3, b3), (5, r5, b5)):
                add(f"inception_{row}/{size}x{size}_reduce", narrow, depth, 1, 1)
                add(f"inception_{row}/{size}x{size}", wide, narrow, size, size)
            add(f"inception_{row}/pool_proj", proj, depth, 1, 1)
            depth = b1 + b3 + b5 + proj
            if row in ("4a", "4d"):
                head = {"4a": "loss1", "4d": "loss2"}[row]
                ours = HEADS[head][1]
                filters = model.get_layer(f"{ours}_1x1_conv").filters
                add(f"{head}/conv", filters, depth, 1, 1)
                units = add(f"{head}/fc", model.get_layer(f"{ours}_dense").units, filters * grid)
                add(f"{head}/classifier", classes, units)
        add("loss3/classifier", classes, depth)
    return layers
