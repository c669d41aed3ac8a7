"""Every published recipe by name, one file each."""

from keras_inception.training.recipes.demo import DEMO

RECIPES = {recipe.name: recipe for recipe in (DEMO,)}


def get_recipe(name):
    """The recipe called `name`; a `ValueError` lists those that exist."""
    if name not in RECIPES:
        raise ValueError(f"Unknown recipe {name!r}; the recipes are {', '.join(RECIPES)}.")
    return RECIPES[name]
