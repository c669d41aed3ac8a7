"""TFLite Model Metadata: what the task libraries of phones want to know of a classifier.

A small flatbuffer inside the model's says how pixels become numbers; the file of labels lies behind
the model as a zip archive, not compressed, which is read in place. The numbers are those of the
fields in the schema that TensorFlow Lite published (`metadata_schema.fbs`, version 1.0.0).
"""

import io
import zipfile

import flatbuffers
import numpy as np

LABELS_FILE = "labels.txt"
_NAME = "TFLITE_METADATA"  # of the buffer
_IDENTIFIER = b"M001"
# Members of unions and enumerations.
_FEATURE_PROPERTIES, _IMAGE_PROPERTIES = 1, 2
_RGB = 1
_NORMALIZATION = 1
_TENSOR_AXIS_LABELS = 2
_OLDEST_PARSER = "1.0.0"


def classifier_metadata(name, description, size, mean=127.5, deviation=127.5):
    """The metadata of a network that takes one picture, `(pixel - mean) / deviation`.

    Args:
        name, description: of the model.
        size: side of the picture, in pixels.
        mean, deviation: of pixels in [0, 255]; by default they become [-1, 1].

    Returns:
        The flatbuffer's bytes. The labels are in the file `LABELS_FILE` behind the model.
    """
    builder = flatbuffers.Builder(512)
    names = {text: builder.CreateString(text) for text in (name, description, "image", "scores")}
    names.update((text, builder.CreateString(text)) for text in (LABELS_FILE, _OLDEST_PARSER))

    side = _table(builder, {0: ("Uint32", size), 1: ("Uint32", size)})
    image = _table(builder, {0: ("Int8", _RGB), 1: side})
    means, deviations = _floats(builder, [mean]), _floats(builder, [deviation])
    normalization = _table(builder, {0: means, 1: deviations})
    unit = _table(builder, {0: ("Uint8", _NORMALIZATION), 1: normalization})
    content = _table(builder, {0: ("Uint8", _IMAGE_PROPERTIES), 1: image})
    given = _table(builder, {0: names["image"], 3: content, 4: _tables(builder, [unit])})

    kind = ("Int8", _TENSOR_AXIS_LABELS)
    labels = _tables(builder, [_table(builder, {0: names[LABELS_FILE], 2: kind})])
    feature = _table(builder, {})
    content = _table(builder, {0: ("Uint8", _FEATURE_PROPERTIES), 1: feature})
    answer = _table(builder, {0: names["scores"], 3: content, 6: labels})

    inputs, outputs = _tables(builder, [given]), _tables(builder, [answer])
    graph = _tables(builder, [_table(builder, {2: inputs, 3: outputs})])
    fields = {0: names[name], 1: names[description], 3: graph, 7: names[_OLDEST_PARSER]}
    builder.Finish(_table(builder, fields), _IDENTIFIER)
    return bytes(builder.Output())


def with_metadata(model, metadata, labels):
    """The bytes of a `.tflite` file with metadata inside and the labels behind.

    Args:
        model: the file's bytes.
        metadata: what `classifier_metadata` made.
        labels: one a class.
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
    return _with_file(bytes(builder.Output()), "".join(f"{label}\n" for label in labels))


def _with_file(model, text):
    file = io.BytesIO()
    file.write(model)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        # The date is always the same: so equal models give equal files.
        archive.writestr(zipfile.ZipInfo(LABELS_FILE, (1980, 1, 1, 0, 0, 0)), text)
    return file.getvalue()


def _table(builder, fields):
    """A table: number of the field to the offset of what it holds, or to (type, value)."""
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
