"""Weights: the public files, and ways to load, inspect and save files of weights."""

from keras_inception.renamed import renamed_attributes
from keras_inception.weights import arithmetic  # noqa: F401  (the old name of `conventions`)
from keras_inception.weights.assignment import LoadReport
from keras_inception.weights.catalog import CATALOG, default_tag, find, tags
from keras_inception.weights.conventions import Conventions
from keras_inception.weights.loading import load
from keras_inception.weights.opening import OpenFile, open_file
from keras_inception.weights.saving import save
from keras_inception.weights.to_keras import to_keras_applications
from keras_inception.weights.weight_file import Preprocessing, WeightFile

__all__ = [
    "CATALOG",
    "Conventions",
    "LoadReport",
    "OpenFile",
    "Preprocessing",
    "WeightFile",
    "default_tag",
    "find",
    "load",
    "open_file",
    "save",
    "tags",
    "to_keras_applications",
]

__getattr__ = renamed_attributes(
    __name__,
    {
        "absence": "keras_inception.weights.formats.absence",
        "check_format": "keras_inception.weights.saving.check_format",
        "exists": "keras_inception.weights.formats.exists",
    },
)
