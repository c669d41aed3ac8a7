"""Networks for use outside Python: SavedModel, TFLite, ONNX, OpenVINO, compared with Keras."""

from keras_inception.export.fold import fold_batch_norm, optimize
from keras_inception.export.parity import Parity, compare
from keras_inception.export.runtimes import onnx, openvino
from keras_inception.export.saved_model import saved_model
from keras_inception.export.tflite import tflite

__all__ = [
    "Parity",
    "compare",
    "fold_batch_norm",
    "onnx",
    "openvino",
    "optimize",
    "saved_model",
    "tflite",
]
