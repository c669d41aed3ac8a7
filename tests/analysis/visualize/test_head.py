"""The head of a network: its last grid behind heads of all kinds, and its classifier."""

import keras
import numpy as np
import pytest
from weightless import network

from keras_inception.analysis.visualize import grad_cam
from keras_inception.analysis.visualize.head import class_output, last_grid
from keras_inception.analysis.visualize.network import Network


def found(model):
    graph = Network(model)
    return last_grid(graph, class_output(graph)).step.name


def trunk():
    """Two convolutions, without a classifier."""
    images = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, name="early")(images)
    return keras.Model(images, keras.layers.Conv2D(4, 3, name="late")(x), name="trunk")


def test_dilation_does_not_matter():
    assert found(network("inception_v1", output_stride=8)) == "mixed_5c"


def test_heads_of_ones_own():
    base = trunk()
    keep = keras.layers.GlobalAveragePooling2D(keepdims=True)(base.output)
    one = keras.layers.Flatten()(keras.layers.Conv2D(3, 1)(keep))
    assert found(keras.Model(base.input, keras.layers.Softmax()(one))) == "late"
    two = keras.layers.Flatten()(keras.layers.AveragePooling2D(12)(base.output))
    assert found(keras.Model(base.input, keras.layers.Dense(3)(two))) == "late"
    hidden = keras.layers.Dense(8, activation="relu")(keras.layers.Flatten()(base.output))
    assert found(keras.Model(base.input, keras.layers.Dense(3)(hidden))) == "late"


def test_a_model_in_a_model():
    base = trunk()
    images = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(base(images))
    assert found(keras.Model(images, keras.layers.Dense(3)(x))) == "trunk/late"


@pytest.mark.parametrize("pooling", [None, "avg", "max"])
def test_a_model_without_a_classifier(pooling):
    model = network("inception_v1", include_top=False, pooling=pooling)
    with pytest.raises(ValueError, match="no classifier, its output is .*include_top=True"):
        grad_cam(model, np.zeros((64, 64, 3), "uint8"))


def test_several_outputs():
    base = trunk()
    pooled = keras.layers.GlobalAveragePooling2D()(base.output)
    one, two = (keras.layers.Dense(3, name=name)(pooled) for name in ("one", "two"))
    with pytest.raises(ValueError, match="has the outputs one, two; one of them must be called"):
        found(keras.Model(base.input, [one, two]))
