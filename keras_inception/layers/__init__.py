"""The boxes that the papers' figures draw, for functional models of your own."""

from keras_inception.layers.branches import (
    avg_pool,
    biased_conv,
    concat_branches,
    conv,
    max_pool,
    run_branches,
    split,
)
from keras_inception.layers.convolution import batch_norm, conv_bn_relu, conv_relu, width_multiplier
from keras_inception.layers.dilated_pooling import DilatedPooling2D
from keras_inception.layers.heads import (
    auxiliary_head,
    classifier_head,
    embedding_head,
    googlenet_auxiliary_head,
    paper_auxiliary_head,
)
from keras_inception.layers.inception_resnet import (
    inception_resnet_v1_a,
    inception_resnet_v1_b,
    inception_resnet_v1_c,
    inception_resnet_v1_reduction_b,
    inception_resnet_v2_a,
    inception_resnet_v2_b,
    inception_resnet_v2_c,
    inception_resnet_v2_reduction_b,
    residual,
)
from keras_inception.layers.inception_v1 import naive_module, reduced_module
from keras_inception.layers.inception_v2 import bn_inception_module, bn_inception_reduction
from keras_inception.layers.inception_v3 import (
    double_3x3_module,
    expanded_module,
    factorized_module,
    factorized_reduction,
    five_by_five_module,
    grid_reduction,
)
from keras_inception.layers.inception_v4 import (
    inception_a,
    inception_b,
    inception_c,
    inception_v4_stem,
    reduction_a,
    reduction_b,
)
from keras_inception.layers.normalization import LocalResponseNormalization
from keras_inception.layers.padding import foreign_padding
from keras_inception.layers.xception import (
    separable_conv_bn,
    xception_batch_norm,
    xception_module,
    xception_reduction,
)

__all__ = [
    "DilatedPooling2D",
    "LocalResponseNormalization",
    "auxiliary_head",
    "avg_pool",
    "batch_norm",
    "biased_conv",
    "bn_inception_module",
    "bn_inception_reduction",
    "classifier_head",
    "concat_branches",
    "conv",
    "conv_bn_relu",
    "conv_relu",
    "double_3x3_module",
    "embedding_head",
    "expanded_module",
    "factorized_module",
    "factorized_reduction",
    "five_by_five_module",
    "foreign_padding",
    "googlenet_auxiliary_head",
    "grid_reduction",
    "inception_a",
    "inception_b",
    "inception_c",
    "inception_resnet_v1_a",
    "inception_resnet_v1_b",
    "inception_resnet_v1_c",
    "inception_resnet_v1_reduction_b",
    "inception_resnet_v2_a",
    "inception_resnet_v2_b",
    "inception_resnet_v2_c",
    "inception_resnet_v2_reduction_b",
    "inception_v4_stem",
    "max_pool",
    "naive_module",
    "paper_auxiliary_head",
    "reduced_module",
    "reduction_a",
    "reduction_b",
    "residual",
    "run_branches",
    "separable_conv_bn",
    "split",
    "width_multiplier",
    "xception_batch_norm",
    "xception_module",
    "xception_reduction",
]
