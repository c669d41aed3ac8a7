"""The Inception family for Keras 3 and TensorFlow.

`keras_inception.InceptionV4()` and its siblings are made as in `keras.applications`;
`keras_inception.layers` has the blocks of the papers' figures. The other packages (`analysis`,
`data`, `evaluation`, `export`, `training`) are imported when they are first used.
"""

import importlib
from typing import TYPE_CHECKING

from keras_inception import layers, weights
from keras_inception.models import (
    bn_inception,
    googlenet,
    inception_resnet_v1,
    inception_resnet_v2,
    inception_v1,
    inception_v2,
    inception_v3,
    inception_v4,
    xception,
)
from keras_inception.models.bn_inception import BNInception
from keras_inception.models.googlenet import GoogLeNet
from keras_inception.models.inception_resnet_v1 import InceptionResNetV1
from keras_inception.models.inception_resnet_v2 import InceptionResNetV2
from keras_inception.models.inception_v1 import InceptionV1
from keras_inception.models.inception_v2 import InceptionV2
from keras_inception.models.inception_v3 import InceptionV3
from keras_inception.models.inception_v4 import InceptionV4
from keras_inception.models.registry import create_model, list_models
from keras_inception.models.surgery import (
    end_points,
    feature_extractor,
    freeze,
    with_auxiliary_heads,
)
from keras_inception.models.xception import Xception
from keras_inception.version import __version__

__all__ = [
    "BNInception",
    "GoogLeNet",
    "InceptionResNetV1",
    "InceptionResNetV2",
    "InceptionV1",
    "InceptionV2",
    "InceptionV3",
    "InceptionV4",
    "Xception",
    "__version__",
    "analysis",
    "bn_inception",
    "create_model",
    "data",
    "end_points",
    "evaluation",
    "export",
    "feature_extractor",
    "freeze",
    "googlenet",
    "inception_resnet_v1",
    "inception_resnet_v2",
    "inception_v1",
    "inception_v2",
    "inception_v3",
    "inception_v4",
    "layers",
    "list_models",
    "training",
    "weights",
    "with_auxiliary_heads",
    "xception",
]

if TYPE_CHECKING:  # for editors and type checkers, which follow no `__getattr__`
    from keras_inception import analysis, data, evaluation, export, training
else:
    _LATER = ("analysis", "data", "evaluation", "export", "training")

    def __getattr__(name):
        if name in _LATER:
            return importlib.import_module(f"keras_inception.{name}")
        raise AttributeError(f"module 'keras_inception' has no attribute {name!r}")

    def __dir__():
        return sorted([*globals(), *_LATER])
