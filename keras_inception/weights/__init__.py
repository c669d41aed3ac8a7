"""Weights of public checkpoints: what there is, and how it is loaded."""

from keras_inception.weights.catalog import tags
from keras_inception.weights.load import exists, load

__all__ = ["exists", "load", "tags"]
