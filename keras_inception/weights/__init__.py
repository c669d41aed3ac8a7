"""Weights of public checkpoints: what there is, and how it is loaded."""

from keras_inception.weights.catalog import default_tag, tags
from keras_inception.weights.load import exists, load

__all__ = ["default_tag", "exists", "load", "tags"]
