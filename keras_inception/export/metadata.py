"""TFLite Model Metadata: what the task libraries of phones need to know about a classifier.

A small flatbuffer inside the model's flatbuffer says how pixels become numbers, and which file has
the class names: `labels.txt` in the zip archive at the end of the model (`labels.appended`). The
numbers of the fields come from the schema that TensorFlow Lite published (`metadata_schema.fbs`,
version 1.0.0).
"""

from __future__ import annotations

import flatbuffers
import numpy as np

from keras_inception import labels

_NAME = "TFLITE_METADATA"  # what the buffer is called
_IDENTIFIER = b"M001"
# Members of unions and enumerations.
_FEATURE_PROPERTIES, _IMAGE_PROPERTIES = 1, 2
_RGB = 1
_NORMALIZATION = 1
_TENSOR_AXIS_LABELS = 2
_OLDEST_PARSER = "1.0.0"


def classifier_metadata(
    name: str, description: str, size: int, mean: float = 127.5, deviation: float = 127.5
) -> bytes:
    """Returns the metadata of a network that takes one picture, as a flatbuffer.

    Args:
        name: what the model is called.
        description: one line about the model.
        size: side of the picture, in pixels.
        mean, deviation: the network takes `(pixel - mean) / deviation` for pixels in [0, 255]; by
            default that is in [-1, 1].
    """
    builder = flatbuffers.Builder(512)
    names = {text: builder.CreateString(text) for text in (name, description, "image", "scores")}
    names.update((text, builder.CreateString(text)) for text in (labels.FILE_NAME, _OLDEST_PARSER))

    side = _table(builder, {0: ("Uint32", size), 1: ("Uint32", size)})
    image = _table(builder, {0: ("Int8", _RGB), 1: side})
    means, deviations = _floats(builder, [mean]), _floats(builder, [deviation])
    normalization = _table(builder, {0: means, 1: deviations})
    unit = _table(builder, {0: ("Uint8", _NORMALIZATION), 1: normalization})
    content = _table(builder, {0: ("Uint8", _IMAGE_PROPERTIES), 1: image})
    given = _table(builder, {0: names["image"], 3: content, 4: _tables(builder, [unit])})

    kind = ("Int8", _TENSOR_AXIS_LABELS)
    files = _tables(builder, [_table(builder, {0: names[labels.FILE_NAME], 2: kind})])
    feature = _table(builder, {})
    content = _table(builder, {0: ("Uint8", _FEATURE_PROPERTIES), 1: feature})
    answer = _table(builder, {0: names["scores"], 3: content, 6: files})

    inputs, outputs = _tables(builder, [given]), _tables(builder, [answer])
    graph = _tables(builder, [_table(builder, {2: inputs, 3: outputs})])
    fields = {0: names[name], 1: names[description], 3: graph, 7: names[_OLDEST_PARSER]}
    builder.Finish(_table(builder, fields), _IDENTIFIER)
    return bytes(builder.Output())


def with_metadata(model: bytes, metadata: bytes) -> bytes:
    """Returns the bytes of a `.tflite` file with metadata inside.

    Args:
        model: the bytes of the file without metadata.
        metadata: what `classifier_metadata` returned.
    """
    from ai_edge_litert import schema_py_generated as schema

    tables = schema.ModelT.InitFromPackedBuf(model, 0)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(metadata, np.uint8)
    entry.name, entry.buffer = _NAME, len(tables.buffers)
    tables.buffers.append(buffer)
    tables.metadata = [*(tables.metadata or []), entry]
    builder = flatbuffers.Builder(len(model) + 4096)
    builder.Finish(tables.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _table(builder, fields):
    """Adds a table; `fields` gives each field's number its content's offset or (type, value)."""
    builder.StartObject(1 + max(fields, default=-1))
    for number, value in fields.items():
        if isinstance(value, tuple):
            getattr(builder, f"Prepend{value[0]}Slot")(number, value[1], 0)
        else:
            builder.PrependUOffsetTRelativeSlot(number, value, 0)
    return builder.EndObject()


def _tables(builder, offsets):
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _floats(builder, values):
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return builder.EndVector()
