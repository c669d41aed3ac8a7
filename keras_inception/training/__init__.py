"""Training recipes and the loop that runs them."""

from keras_inception.training.callbacks import StopRequested
from keras_inception.training.checkpoints import Checkpointing
from keras_inception.training.distribution import STRATEGIES
from keras_inception.training.loop import TrainingResult, train
from keras_inception.training.recipe import Recipe
from keras_inception.training.recipes import RECIPES, get_recipe
from keras_inception.training.session import WorkerLost

__all__ = [
    "RECIPES",
    "STRATEGIES",
    "Checkpointing",
    "Recipe",
    "StopRequested",
    "TrainingResult",
    "WorkerLost",
    "get_recipe",
    "train",
]
