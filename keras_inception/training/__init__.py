"""Training recipes and the loop that runs them."""

from keras_inception.training.callbacks import StopRequested
from keras_inception.training.distribution import STRATEGIES
from keras_inception.training.loop import TrainingResult, WorkerLost, train
from keras_inception.training.recipe import Recipe
from keras_inception.training.recipes import RECIPES, get_recipe

__all__ = [
    "RECIPES",
    "STRATEGIES",
    "Recipe",
    "StopRequested",
    "TrainingResult",
    "WorkerLost",
    "get_recipe",
    "train",
]
