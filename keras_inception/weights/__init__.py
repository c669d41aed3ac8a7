"""Weights of public checkpoints: what there is, and how it is loaded."""

from keras_inception.weights.catalog import default_tag, tags
from keras_inception.weights.formats import exists
from keras_inception.weights.load import arithmetic, load

__all__ = ["arithmetic", "default_tag", "exists", "load", "tags"]
