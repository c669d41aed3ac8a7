"""Classifies pictures with an exported .tflite file, as on a device: without TensorFlow or Keras.

    python tflite_device.py MODEL.tflite PICTURE...

It only needs `pip install ai-edge-litert pillow` and the model file, which also contains the class
names and the normalization of pixels. Pillow samples half a pixel off, compared with training.
"""

import sys
import time
import zipfile

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from flatbuffers.table import Table
from PIL import Image, ImageOps

EXTENT, BILINEAR = Image.Transform.EXTENT, Image.Resampling.BILINEAR


def normalization(data):
    """Reads (mean, deviation) of the pixels from the metadata inside a model's bytes."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    (buffer,) = (e.buffer for e in model.metadata if e.name == b"TFLITE_METADATA")
    data = bytes(model.buffers[buffer].data)
    table = Table(data, int.from_bytes(data[:4], "little"))
    for field in (3, 2, 4, 1):  # subgraph, input tensor, process unit, its options
        at = table.Offset(4 + 2 * field)
        table = Table(data, table.Indirect(table.Pos + at if field == 1 else table.Vector(at)))
    return [np.frombuffer(data, "<f4", 1, table.Vector(table.Offset(at)))[0] for at in (4, 6)]


def pixels(path, size):
    """Reads the central 87.5 % of each side: float32 (1, size, size, 3) in [0, 255]."""
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    box = [side * share for share in (1 / 16, 15 / 16) for side in picture.size]
    return np.float32(picture.transform((size, size), EXTENT, box, BILINEAR))[np.newaxis]


if __name__ == "__main__":
    file, *pictures = sys.argv[1:] or sys.exit(__doc__)
    class_names = zipfile.ZipFile(file).read("labels.txt").decode().splitlines()
    mean, deviation = normalization(np.fromfile(file, "uint8").tobytes())
    network = Interpreter(file)
    network.allocate_tensors()
    (given,), (answer,) = network.get_input_details(), network.get_output_details()
    for path in pictures:
        values = (pixels(path, given["shape"][1]) - mean) / deviation
        scale, zero = given["quantization"]  # of a model whose input has 8 bits
        values = np.round(values / scale + zero) if scale else values
        network.set_tensor(given["index"], values.astype(given["dtype"]))
        start = time.perf_counter()
        network.invoke()
        print(f"{path} ({1e3 * (time.perf_counter() - start):.1f} ms)")
        scores, (scale, zero) = network.get_tensor(answer["index"])[0], answer["quantization"]
        scores = (np.float32(scores) - zero) * scale if scale else scores
        for i in np.argsort(-scores, kind="stable")[:5]:
            print(f"  {scores[i]:7.2%}  {class_names[i]}")
