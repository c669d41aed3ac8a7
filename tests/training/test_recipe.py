"""Recipes as values: checks, JSON both ways, overrides."""

import dataclasses
import json
import math

import pytest

from keras_inception.training import RECIPES, Recipe, get_recipe

DEMO = RECIPES["demo"]


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEMO.epochs = 1


@pytest.mark.parametrize("name", RECIPES)
def test_comes_back_from_json(name):
    recipe = get_recipe(name)
    assert recipe.name == name
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_comes_back_from_json_with_nested_arguments():
    recipe = DEMO.replace(network_arguments={"variant": "paper", "sizes": (1, 2)})
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_shares_no_dict():
    arguments = {"width_multiplier": 0.5}
    recipe = DEMO.replace(network_arguments=arguments)
    arguments["width_multiplier"] = 1.0
    recipe.to_dict()["network_arguments"]["width_multiplier"] = 2.0
    assert recipe.network_arguments == {"width_multiplier": 0.5}


def test_replace_changes_only_what_it_names():
    changed = DEMO.replace(epochs=3, learning_rate=0.5)
    assert (changed.epochs, changed.learning_rate) == (3, 0.5)
    assert changed.replace(epochs=DEMO.epochs, learning_rate=DEMO.learning_rate) == DEMO


def test_unknown_field_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"learning_rat; the fields are .*learning_rate"):
        DEMO.replace(learning_rat=0.1)


def test_missing_field_is_named():
    fields = DEMO.to_dict()
    del fields["epochs"]
    with pytest.raises(ValueError, match="Missing recipe field epochs"):
        Recipe.from_dict(fields)


def test_seed_and_network_arguments_may_be_left_out():
    fields = DEMO.to_dict()
    del fields["seed"], fields["network_arguments"]
    assert Recipe.from_dict(fields).seed == 0


@pytest.mark.parametrize("text", ["{", "[1]", '"demo"'])
def test_text_that_is_no_recipe(text):
    with pytest.raises(ValueError, match="Not a recipe"):
        Recipe.from_json(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("network", None),
        ("network_arguments", ["width_multiplier"]),
        ("network_arguments", {"classes": 10}),
        ("network_arguments", {"x": object()}),
        ("dataset", 3),
        ("size", 0),
        ("size", 64.0),
        ("batch_size", -1),
        ("batch_size", True),
        ("epochs", "10"),
        ("learning_rate", 0),
        ("learning_rate", math.nan),
        ("decay_rate", 1.5),
        ("decay_epochs", 0),
        ("rho", 1),
        ("momentum", -0.1),
        ("epsilon", 0.0),
        ("clip_norm", 0),
        ("clip_norm", math.inf),
        ("label_smoothing", 1.0),
        ("weight_decay", -1e-5),
        ("batch_norm_momentum", 1.0),
        ("min_area", 0.0),
        ("color", ""),
        ("seed", -1),
    ],
)
def test_bad_value_is_named_with_what_is_allowed(field, value):
    with pytest.raises(ValueError, match=f"Recipe field {field} must be "):
        DEMO.replace(**{field: value})


def test_every_field_is_checked():
    """A value of no sensible type is refused in each field."""
    for field in json.loads(DEMO.to_json()):
        with pytest.raises(ValueError, match=f"Recipe field {field} "):
            DEMO.replace(**{field: [object()]})


def test_unknown_recipe_lists_those_that_exist():
    with pytest.raises(ValueError, match=r"'dmo'; the recipes are .*demo"):
        get_recipe("dmo")
