"""Training recipes and the loop that runs them."""

from keras_inception.training.loop import TrainingResult, train
from keras_inception.training.recipe import Recipe
from keras_inception.training.recipes import RECIPES, get_recipe

__all__ = ["RECIPES", "Recipe", "TrainingResult", "get_recipe", "train"]
