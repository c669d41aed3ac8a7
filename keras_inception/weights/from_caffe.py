"""The weights of Caffe's `bvlc_googlenet.caffemodel` for GoogLeNet.

A caffemodel is one protobuf message, a net of layers, each with its weights as blobs (BVLC/caffe,
`src/caffe/proto/caffe.proto`). It also has layers for training, without blobs, and both side heads.
Images are blue, green, red there: the first convolution is turned to red, green, blue.

The name map has names only for layers outside of the modules. The name of a module's layer,
`inception_3a/3x3_reduce`, tells which box of 1409.4842 Fig. 2b it is.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

import keras
import numpy as np

from keras_inception.weights.assignment import Plan, Rule, Source
from keras_inception.weights.places import Place, model_places
from keras_inception.weights.wire import fields

# Our choice: twice bvlc_googlenet, side heads included, and a file of 21,841 classes without them.
# In memory protobuf takes as much again, but many times as much for a file of empty messages: so
# messages are counted before it reads them.
_MAX_BYTES = 2**27
_MAX_FIELDS = 100_000  # of a net and its layers; bvlc_googlenet has fewer than 5,000
_MAX_AXES = 32  # Caffe's kMaxBlobAxes, include/caffe/blob.hpp
_MAX_SHAPE = 11 * _MAX_AXES  # bytes, each axis with a key of its own

_MESSAGES = {  # the part of caffe.proto that has weights; field: (number, type), * if repeated
    "BlobShape": {"dim": (1, "int64*")},
    "Blob": {
        "num": (1, "int32"),  # these four: the shape in old files
        "channels": (2, "int32"),
        "height": (3, "int32"),
        "width": (4, "int32"),
        "data": (5, "float*"),
        "shape": (7, "bytes"),  # a BlobShape
        "double_data": (8, "double*"),
    },
    # Names are strings in caffe.proto; bytes are stored alike, and need not be UTF-8.
    "OldLayer": {"name": (4, "bytes"), "blobs": (6, "Blob*")},  # V1LayerParameter
    "Layer": {"name": (1, "bytes"), "blobs": (7, "Blob*")},
    "Net": {"layers": (2, "OldLayer*"), "layer": (100, "Layer*")},
}
_NET_FIELDS = rb"[\x0a\x12\x1a\x20\x28\x32\x38\x42]|\xa2(\x06|$)|$"  # how a field of Net begins

_CLASSIFIER, _FIRST = "predictions", "conv2d_1a_7x7"
_AUXILIARY = ("auxiliary_1", "auxiliary_2")
_OUTSIDE = {  # Caffe's layer to (block, branch, position)
    "conv1/7x7_s2": (_FIRST, None, 0),
    "conv2/3x3_reduce": ("conv2d_2b_1x1", None, 0),
    "conv2/3x3": ("conv2d_2c_3x3", None, 0),
    "loss3/classifier": (_CLASSIFIER, None, 0),
    **{
        f"loss{number}/{layer}": (head, None, position)
        for number, head in enumerate(_AUXILIARY, 1)
        for position, layer in enumerate(("conv", "fc", "classifier"))
    },
}
_BOXES = {  # 1409.4842 Fig. 2b, Caffe's words: (branch, position)
    "1x1": (0, 0),
    "3x3_reduce": (1, 0),
    "3x3": (1, 1),
    "5x5_reduce": (2, 0),
    "5x5": (2, 1),
    "pool_proj": (3, 0),
}


def is_caffemodel(head: bytes) -> bool:
    """Returns whether a file may be a caffemodel, by likely bytes: protobuf has no magic number.

    A caffemodel begins with a layer, or with the net's name (field 1: a length, and as much text
    without control characters) and another field of a net. TensorFlow's graphs begin with the same
    byte, but their field 1 is a message.

    Args:
        head: the first bytes of the file, better 64 than 8.
    """
    if head[:1] == b"\x0a" and len(head) > 1:
        name, head = head[2 : 2 + head[1]], head[2 + head[1] :]
        return min(name, default=ord(" ")) >= ord(" ") and bool(re.match(_NET_FIELDS, head))
    return bool(re.match(rb"(\x12|\xa2\x06)[\x80-\xff]{0,4}[\x01-\x7f][\x0a\x12\x1a\x22]", head))


def open_caffemodel(file: BinaryIO, path: str) -> Source:
    """Makes a `Source` of a caffemodel, with the old form of layers or the new.

    The variables are `LAYER/weights` and `LAYER/bias`, in the file's order, in Caffe's layout:
    (out, in, height, width) for a convolution, (out, in) for an inner product. In the old form all
    have four axes, the leading ones 1 if need be.

    Args:
        file: the caffemodel, open; it is read at once.
        path: what messages call it.

    Raises:
        ValueError: it cannot be read or is over 128 MiB; a blob's shape is damaged or does not go
            with its numbers; a layer has more than two blobs; two layers have the same name; or
            there are no weights at all.
    """
    net = _parse(file, path)
    blobs: dict[str, Any] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in itertools.chain(net.layers, net.layer):
        if not layer.blobs:
            continue
        name = layer.name.decode("utf-8", "backslashreplace")
        if f"{name}/weights" in blobs:
            raise ValueError(f"{path}: two layers with weights are called {name!r}")
        if len(layer.blobs) > 2:
            raise ValueError(
                f"{path}: layer {name!r} has {len(layer.blobs)} blobs, more than weights and a bias"
            )
        for kind, blob in zip(("weights", "bias"), layer.blobs):
            try:
                shapes[f"{name}/{kind}"] = _shape(blob)
            except ValueError as error:
                raise ValueError(f"{path}: {name}/{kind}: {error}") from error
            blobs[f"{name}/{kind}"] = blob
    if not blobs:
        raise ValueError(f"{path} is not a caffemodel: it holds no layer with weights")

    def read(name: str) -> np.ndarray:
        numbers = _numbers(blobs[name])
        return np.fromiter(numbers, np.float32, len(numbers)).reshape(shapes[name])

    return Source(path, shapes, read)


def _parse(file: BinaryIO, path: str) -> Any:
    from google.protobuf.message import DecodeError

    size = file.seek(0, os.SEEK_END)
    if size > _MAX_BYTES:
        raise ValueError(f"{path} has {size} bytes; a caffemodel may have {_MAX_BYTES}")
    file.seek(0)
    content = file.read(size)
    try:
        _count_fields(content)
        return _message_class("Net").FromString(content)
    except (DecodeError, ValueError) as error:
        raise ValueError(f"{path} is not a readable caffemodel: {error}") from error


def _count_fields(content: bytes) -> None:
    """Raises ValueError if a net and its layers have too many fields, or one that does not end."""
    layers = [number for number, _ in _MESSAGES["Net"].values()]
    left = _MAX_FIELDS
    for number, start, end in fields(content, 0, len(content)):
        left -= 1
        if number in layers and end is not None:
            left -= sum(1 for _ in itertools.islice(fields(content, start, end), left + 1))
        if left < 0:
            raise ValueError(f"it has more than {_MAX_FIELDS:,} fields")


@functools.cache
def _message_class(name: str) -> Any:
    """Returns the class of one of `_MESSAGES`, whose pool an installed Caffe does not share."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    proto = descriptor_pb2.FieldDescriptorProto
    package = "keras_inception.caffe"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package)
    for message, contents in _MESSAGES.items():
        added = file.message_type.add(name=message)
        for field_name, (number, kind) in contents.items():
            field = added.field.add(name=field_name, number=number)
            field.label = proto.LABEL_REPEATED if kind.endswith("*") else proto.LABEL_OPTIONAL
            kind = kind.removesuffix("*")
            if kind in _MESSAGES:
                field.type, field.type_name = proto.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                field.type = proto.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))


def _numbers(blob: Any) -> Any:
    return blob.double_data or blob.data  # of both, Caffe takes the doubles


def _shape(blob: Any) -> tuple[int, ...]:
    """Returns a blob's shape, checked against its numbers."""
    from google.protobuf.message import DecodeError

    old = ("num", "channels", "height", "width")
    if any(blob.HasField(axis) for axis in old):
        shape = tuple(getattr(blob, axis) for axis in old)
    elif len(blob.shape) > _MAX_SHAPE:
        raise ValueError(f"a shape of {len(blob.shape)} bytes, more than {_MAX_AXES} axes need")
    else:
        try:
            shape = tuple(_message_class("BlobShape").FromString(blob.shape).dim)
        except DecodeError as error:
            raise ValueError("the shape is damaged") from error
        if len(shape) > _MAX_AXES:
            raise ValueError(f"{len(shape)} axes, more than {_MAX_AXES}")
    if min(shape, default=1) < 1 or math.prod(shape) != len(_numbers(blob)):
        raise ValueError(f"the shape is {shape}, and there are {len(_numbers(blob))} numbers")
    return shape


def plan(model: keras.Model, names: Iterable[str]) -> Plan:
    """Maps Caffe's variables to those of a GoogLeNet.

    Args:
        model: a network of this package, with or without its classifier and its auxiliary heads.
        names: names of a caffemodel's variables.
    """
    ours = model_places(model)
    rules, skipped = [], {}
    for name in names:
        place = _place(name)
        if place in ours:
            classifier = name.startswith("loss") and "/classifier/" in name
            combine = _layout(place, ours)
            rules.append(Rule(ours[place], (name,), combine, is_classifier=classifier))
        elif place and place[0] in (_CLASSIFIER, *_AUXILIARY):
            skipped[name] = "a head that the model does not have"
    return Plan(rules, skipped)


def _place(name: str) -> Place | None:
    """Returns the place (see `places`) of one of Caffe's variables; `None` for an unknown one."""
    layer, _, kind = name.rpartition("/")
    kind = {"weights": "kernel", "bias": "bias"}.get(kind, "")
    if layer in _OUTSIDE:
        return (*_OUTSIDE[layer], False, kind)
    match = re.fullmatch(r"inception_(\d)([a-y])/(\w+)", layer)
    if match is None or match[3] not in _BOXES:
        return None
    block = f"mixed_{match[1]}{chr(ord(match[2]) + 1)}"  # Table 1's 3a is TF-Slim's mixed_3b
    return (block, *_BOXES[match[3]], False, kind)


def _layout(place: Place, ours: Mapping[Place, keras.Variable]) -> Callable:
    """Returns the function from Caffe's layout to ours.

    The function passes on what does not fit, for `assign` to refuse.
    """
    block, _, position, _, kind = place
    if kind == "bias":
        return _vector
    if block == _FIRST:
        return _first_kernel
    if block in _AUXILIARY and position == 1:
        channels = ours[block, None, 0, False, "kernel"].shape[-1]
        return functools.partial(_matrix_on_grid, channels=channels)
    return _kernel if len(ours[place].shape) == 4 else _matrix


def _vector(value: np.ndarray) -> np.ndarray:
    return value.reshape(-1) if max(value.shape[:-1], default=1) == 1 else value


def _kernel(value: np.ndarray) -> np.ndarray:
    """Turns (out, in, height, width) to (height, width, in, out)."""
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value


def _first_kernel(value: np.ndarray) -> np.ndarray:
    """Turns a kernel, and its input channels from blue, green, red to red, green, blue."""
    return _kernel(value)[..., ::-1, :] if value.ndim == 4 else value


def _matrix(value: np.ndarray) -> np.ndarray:
    """Turns (out, in) to (in, out)."""
    if value.ndim == 4 and value.shape[:2] == (1, 1):
        value = value[0, 0]
    return value.T if value.ndim == 2 else value


def _matrix_on_grid(value: np.ndarray, channels: int) -> np.ndarray:
    """Turns a matrix, and its rows from (channel, row, column) to (row, column, channel)."""
    value = _matrix(value)
    if value.ndim != 2 or len(value) % channels:
        return value
    return value.reshape(channels, -1, value.shape[1]).swapaxes(0, 1).reshape(value.shape)
