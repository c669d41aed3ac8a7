"""Networks for use outside Python: SavedModel, TFLite, ONNX and OpenVINO, compared with Keras."""

from keras_inception.export.encoded import MEGAPIXELS
from keras_inception.export.fold import fold_batch_norm, optimize
from keras_inception.export.parity import Parity, compare
from keras_inception.export.to_onnx_openvino import onnx, openvino
from keras_inception.export.to_saved_model import PRECISIONS, saved_model
from keras_inception.export.to_tflite import CALIBRATED_MODES, MODES, tflite

__all__ = [
    "CALIBRATED_MODES",
    "MEGAPIXELS",
    "MODES",
    "PRECISIONS",
    "Parity",
    "compare",
    "fold_batch_norm",
    "onnx",
    "openvino",
    "optimize",
    "saved_model",
    "tflite",
]
