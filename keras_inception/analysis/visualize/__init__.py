"""What a network looks like, and what it sees: drawings of its graph, and pictures made by it.

Pictures go in and come out with pixels in [0, 255]; models are functional and take [-1, 1], as all
networks of this package do. Figures are SVG, written here: nothing needs matplotlib.
"""

from keras_inception.analysis.visualize.channels import activations, filters
from keras_inception.analysis.visualize.class_image import class_image
from keras_inception.analysis.visualize.deep_dream import deep_dream
from keras_inception.analysis.visualize.draw import draw
from keras_inception.analysis.visualize.feature_map import FeatureMap, feature_map, features
from keras_inception.analysis.visualize.grad_cam import grad_cam, overlay
from keras_inception.analysis.visualize.pictures import write_picture
from keras_inception.analysis.visualize.svg import Figure

__all__ = [
    "FeatureMap",
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
