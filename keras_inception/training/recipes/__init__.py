"""All recipes by name, in the order of the papers. There is one file for each paper."""

from __future__ import annotations

from keras_inception.training.recipe import Recipe
from keras_inception.training.recipes.bn_inception import (
    BN_INCEPTION,
    BN_INCEPTION_BASELINE,
    BN_INCEPTION_X30,
)
from keras_inception.training.recipes.demo import DEMO
from keras_inception.training.recipes.fine_tune import FINE_TUNE
from keras_inception.training.recipes.googlenet import GOOGLENET
from keras_inception.training.recipes.inception_v3 import (
    INCEPTION_V2_BATCH_NORM_AUXILIARY,
    INCEPTION_V2_FACTORIZED_7X7,
    INCEPTION_V2_LABEL_SMOOTHING,
    INCEPTION_V2_RMSPROP,
    INCEPTION_V2_SGD,
    INCEPTION_V3,
    INCEPTION_V3_79,
    INCEPTION_V3_151,
    INCEPTION_V3_299,
)
from keras_inception.training.recipes.inception_v4 import (
    INCEPTION_RESNET_V1,
    INCEPTION_RESNET_V2,
    INCEPTION_V4,
)
from keras_inception.training.recipes.xception import XCEPTION

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        GOOGLENET,
        BN_INCEPTION_BASELINE,
        BN_INCEPTION,
        BN_INCEPTION_X30,
        INCEPTION_V2_SGD,
        INCEPTION_V2_RMSPROP,
        INCEPTION_V2_LABEL_SMOOTHING,
        INCEPTION_V2_FACTORIZED_7X7,
        INCEPTION_V2_BATCH_NORM_AUXILIARY,
        INCEPTION_V3,
        INCEPTION_V3_299,
        INCEPTION_V3_151,
        INCEPTION_V3_79,
        INCEPTION_V4,
        INCEPTION_RESNET_V1,
        INCEPTION_RESNET_V2,
        XCEPTION,
        FINE_TUNE,
        DEMO,
    )
}


def get_recipe(name: str) -> Recipe:
    """Returns the recipe called `name`. If there is none, a `ValueError` lists all names."""
    if name not in RECIPES:
        raise ValueError(f"Unknown recipe {name!r}. The recipes are {', '.join(RECIPES)}.")
    return RECIPES[name]
