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


def test_a_number_beyond_float32_is_refused():
    with pytest.raises(ValueError, match=r"above 0, got 1e\+300, which float32 cannot hold"):
        DEMO.replace(learning_rate=1e300)


def test_missing_field_is_named():
    fields = DEMO.to_dict()
    del fields["epochs"]
    with pytest.raises(ValueError, match="Missing recipe field epochs"):
        Recipe.from_dict(fields)


def test_what_most_recipes_do_not_have_may_be_left_out():
    fields = DEMO.to_dict()
    optional = "seed", "network_arguments", "weights", "sources", "precision", "head_epochs"
    for field in optional:
        del fields[field]
    recipe = Recipe.from_dict(fields)
    assert [getattr(recipe, f) for f in optional] == [0, {}, None, {}, "float32", 0]


@pytest.mark.parametrize("field", ["rho", "epsilon"])
def test_sgd_has_neither_rho_nor_epsilon(field):
    plain = DEMO.replace(optimizer="sgd", rho=None, epsilon=None)
    assert plain.optimizer == "sgd"
    with pytest.raises(ValueError, match=f"{field} must be None for sgd"):
        plain.replace(**{field: 0.5})


def test_sources_are_no_part_of_the_value():
    assert DEMO.replace(sources={}) == DEMO
    assert DEMO.sources["label_smoothing"] == "1512.00567, section 7"


def test_an_override_loses_its_source_or_gets_a_new_one():
    assert "label_smoothing" not in DEMO.replace(label_smoothing=0.2).sources
    changed = DEMO.replace(label_smoothing=0.2, source="the command line")
    assert changed.sources["label_smoothing"] == "the command line"
    assert changed.sources["clip_norm"] == DEMO.sources["clip_norm"]


def test_description_has_a_line_a_field_with_its_source():
    lines = DEMO.describe().splitlines()
    assert len(lines) == len(dataclasses.fields(Recipe)) - 1
    assert "label_smoothing        0.1  # 1512.00567, section 7" in lines
    assert 'dataset                "photo_patches"' in lines


def test_from_json_file(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(DEMO.to_json())
    assert Recipe.from_file(path) == DEMO
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"recipe\.json: Missing recipe field name"):
        Recipe.from_file(path)


PYTHON = """
from keras_inception.training import get_recipe
MINE = get_recipe("demo").replace(name="mine", epochs=3)
"""


def test_from_python_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PYTHON)
    assert Recipe.from_file(path) == DEMO.replace(name="mine", epochs=3)
    path.write_text(PYTHON + "RECIPE = MINE.replace(epochs=4)")
    assert Recipe.from_file(path).epochs == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PYTHON + "OTHER = MINE.replace(epochs=4)", "RECIPE. The recipes in it: MINE, OTHER"),
        ("x = 3", "The recipes in it: none"),
        ("x = 1 / 0", "does not run: ZeroDivisionError"),
        ("x = (", "does not run: SyntaxError"),
        ("import sys; sys.exit(3)", "does not run: SystemExit: 3"),
    ],
)
def test_python_file_without_one_recipe(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        Recipe.from_file(path)


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="is not a file"):
        Recipe.from_file(tmp_path / "mine.py")
    with pytest.raises(FileNotFoundError):
        Recipe.from_file(tmp_path / "mine.json")


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
        ("weights", ""),
        ("gradient_accumulation", 0),
        ("optimizer", "lamb"),
        ("rho", None),
        ("epsilon", None),
        ("auxiliary_weight", -0.1),
        ("average_decay", 1.0),
        ("freeze_until", 3),
        ("frozen_batch_norm", "frozen"),
        ("head_epochs", -1),
        ("head_epochs", 17),
        ("head_learning_rate", 0),
        ("precision", "float64"),
        ("sources", {"learning_rat": "a paper"}),
        ("sources", {"learning_rate": 3}),
    ],
)
def test_bad_value_is_named_with_what_is_allowed(field, value):
    with pytest.raises(ValueError, match=f"Recipe field {field} must "):
        DEMO.replace(**{field: value})


def test_every_field_is_checked():
    """A value of no sensible type is refused in each field."""
    for field in json.loads(DEMO.to_json()):
        with pytest.raises(ValueError, match=f"Recipe field {field} "):
            DEMO.replace(**{field: [object()]})


def test_unknown_recipe_lists_those_that_exist():
    with pytest.raises(ValueError, match=r"'dmo'\. The recipes are .*demo"):
        get_recipe("dmo")
