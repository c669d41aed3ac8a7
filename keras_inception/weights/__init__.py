"""Weights of public checkpoints: what there is, how it is loaded, and saved for others."""

from keras_inception.weights.catalog import CATALOG, default_tag, tags
from keras_inception.weights.formats import absence, exists
from keras_inception.weights.load import arithmetic, load
from keras_inception.weights.save import check_format, save
from keras_inception.weights.to_keras import to_keras_applications

__all__ = [
    "CATALOG",
    "absence",
    "arithmetic",
    "check_format",
    "default_tag",
    "exists",
    "load",
    "save",
    "tags",
    "to_keras_applications",
]
