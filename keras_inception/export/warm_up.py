"""Requests that TensorFlow Serving runs before it says that a version of a model is ready.

They are a file of the SavedModel, `assets.extra/tf_serving_warmup_requests`, with one
`PredictionLog` a record. This module puts the messages together itself, because
`tensorflow-serving-api`, which defines them, is a package for clients. The numbers of their fields
are those of TensorFlow Serving's `prediction_log.proto`, `predict.proto` and `model.proto`.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

PLACE = ("assets.extra", "tf_serving_warmup_requests")
_PREDICT_LOG = 6  # field of PredictionLog
_REQUEST = 1  # field of PredictLog
_MODEL_SPEC, _INPUTS = 1, 2  # fields of PredictRequest
_NAME, _SIGNATURE = 1, 3  # fields of ModelSpec
_KEY, _VALUE = 1, 2  # fields of an entry of a map
_LENGTH_DELIMITED = 2  # protobuf's wire type of strings and messages


def write(
    folder: pathlib.Path, name: str, requests: Iterable[tuple[str, Mapping[str, Any]]]
) -> None:
    """Writes the file into a SavedModel.

    Args:
        folder: the SavedModel.
        name: what the model is called.
        requests: pairs of a signature's name and `{input: array}`.
    """
    path = folder.joinpath(*PLACE)
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            request = _request(name, signature, inputs)
            writer.write(_field(_PREDICT_LOG, _field(_REQUEST, request)))


def _request(name, signature, inputs):
    """Returns the bytes of a `PredictRequest`."""
    spec = _field(_NAME, name.encode()) + _field(_SIGNATURE, signature.encode())
    message = _field(_MODEL_SPEC, spec)
    for key, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        message += _field(_INPUTS, _field(_KEY, key.encode()) + _field(_VALUE, tensor))
    return message


def _field(number, content):
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(number):
    """Encodes a number: seven bits a byte, the lowest first; the eighth says that more follow."""
    parts = []
    while number >= 128:
        parts.append(number % 128 + 128)
        number //= 128
    return bytes([*parts, number])
