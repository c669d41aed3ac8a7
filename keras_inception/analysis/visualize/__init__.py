"""Drawings of networks, and pictures of what they look at.

Pictures go in and come out with pixels in [0, 255]. Models are functional and take [-1, 1], like
all networks of this package. Figures are SVG, written here: nothing needs matplotlib.
"""

from keras_inception.analysis.visualize.activation_maximization import ClassAscent, class_image
from keras_inception.analysis.visualize.channels import activations, filters
from keras_inception.analysis.visualize.class_activation import grad_cam, overlay
from keras_inception.analysis.visualize.drawing import draw
from keras_inception.analysis.visualize.dreaming import DreamAscent, deep_dream
from keras_inception.analysis.visualize.feature_vectors import Features, features
from keras_inception.analysis.visualize.pictures import write_picture
from keras_inception.analysis.visualize.projection import FeatureMap, feature_map
from keras_inception.analysis.visualize.svg import Figure

__all__ = [
    "ClassAscent",
    "DreamAscent",
    "FeatureMap",
    "Features",
    "Figure",
    "activations",
    "class_image",
    "deep_dream",
    "draw",
    "feature_map",
    "features",
    "filters",
    "grad_cam",
    "overlay",
    "write_picture",
]
