"""The published recipes against the numbers of their papers, written out again."""

import dataclasses
import importlib
import itertools
import math
import pathlib
import pkgutil

import keras
import made_up
import numpy as np
import pytest

from keras_inception import data
from keras_inception.data.augmentation import COLOR_ORDERS, MIN_AREA
from keras_inception.models import registry, surgery
from keras_inception.training import (
    RECIPES,
    Recipe,
    checkpoints,
    get_recipe,
    recipes,
    schedules,
    train,
)
from keras_inception.training.recipes import table

EXAMPLES = 1_281_167  # ImageNet's training pictures
PAGE = pathlib.Path(__file__).parents[2] / "docs" / "recipes.md"
PUBLISHED = [name for name in RECIPES if name not in ("fine_tune", "demo")]

FIELDS = (
    "network", "size", "batch_size", "epochs", "optimizer", "rho", "momentum", "epsilon",
    "clip_norm", "auxiliary_weight", "label_smoothing", "weight_decay", "average_decay",
)  # fmt: skip
PAPERS = {  # as FIELDS
    "googlenet": ("googlenet", 224, 32, 774, "sgd", None, 0.9, None, None, 0.3, 0, 2e-4, 0.9999),
    "bn_inception_baseline":
        ("bn_inception", 224, 32, 774, "sgd", None, 0.9, None, None, 0, 0, 2e-4, 0.9999),
    "bn_inception":
        ("bn_inception", 224, 32, 150, "sgd", None, 0.9, None, None, 0, 0, 4e-5, 0.9999),
    "bn_inception_x30":
        ("bn_inception", 224, 32, 150, "sgd", None, 0.9, None, None, 0, 0, 4e-5, 0.9999),
    "inception_v2_sgd":
        ("inception_v2", 299, 1600, 100, "sgd", None, 0.9, None, 2, 0.4, 0, 4e-5, 0.9999),
    "inception_v2_rmsprop":
        ("inception_v2", 299, 1600, 100, "rmsprop", 0.9, 0.9, 1, 2, 0.4, 0, 4e-5, 0.9999),
    "inception_v2_label_smoothing":
        ("inception_v2", 299, 1600, 100, "rmsprop", 0.9, 0.9, 1, 2, 0.4, 0.1, 4e-5, 0.9999),
    "inception_v2_factorized_7x7":
        ("inception_v2", 299, 1600, 100, "rmsprop", 0.9, 0.9, 1, 2, 0.4, 0.1, 4e-5, 0.9999),
    "inception_v2_batch_norm_auxiliary":
        ("inception_v2", 299, 1600, 100, "rmsprop", 0.9, 0.9, 1, 2, 0.4, 0.1, 4e-5, 0.9999),
    "inception_v3":
        ("inception_v3", 299, 1600, 100, "rmsprop", 0.9, 0.9, 1, 2, 0.4, 0.1, 4e-5, 0.9999),
    "inception_v3_299":
        ("inception_v3", 299, 1600, 100, "sgd", None, 0.9, None, 2, 0.4, 0, 4e-5, 0.9999),
    "inception_v3_151":
        ("inception_v3", 151, 1600, 100, "sgd", None, 0.9, None, 2, 0.4, 0, 4e-5, 0.9999),
    "inception_v3_79":
        ("inception_v3", 79, 1600, 100, "sgd", None, 0.9, None, 2, 0.4, 0, 4e-5, 0.9999),
    "inception_v4":
        ("inception_v4", 299, 640, 160, "rmsprop", 0.9, 0.9, 1, 2, 0.4, 0.1, 4e-5, 0.9999),
    "inception_resnet_v1":
        ("inception_resnet_v1", 299, 640, 160, "rmsprop", 0.9, 0.9, 1, 2, 0.4, 0.1, 4e-5, 0.9999),
    "inception_resnet_v2":
        ("inception_resnet_v2", 299, 640, 160, "rmsprop", 0.9, 0.9, 1, 2, 0.4, 0.1, 4e-5, 0.9999),
    "xception": ("xception", 299, 1920, 181, "sgd", None, 0.9, None, None, 0, 0, 1e-5, 0.9999),
}  # fmt: skip
# Rates at the beginning of these epochs, counted from 0, on ImageNet.
EPOCHS = (0, 1, 2, 10, 100)
TWO_EPOCHS = (0.045, 0.045, 0.045 * 0.94, 0.045 * 0.94**5, 0.045 * 0.94**50)
RATES = dict.fromkeys(PUBLISHED, TWO_EPOCHS) | {
    # 4 % less every 8 epochs, and 6 times as often.
    "googlenet": (0.0015, 0.0015, 0.0015, 0.0015 * 0.96, 0.0015 * 0.96**12),
    "bn_inception_baseline": (0.0015, 0.0015, 0.0015, 0.0015 * 0.96, 0.0015 * 0.96**12),
    "bn_inception": (0.0075, 0.0075, 0.0075 * 0.96, 0.0075 * 0.96**7, 0.0075 * 0.96**75),
    "bn_inception_x30": (0.045, 0.045, 0.045 * 0.96, 0.045 * 0.96**7, 0.045 * 0.96**75),
}


def differences(one, other):
    """Names of the fields in which two recipes differ."""
    names = {field.name for field in dataclasses.fields(Recipe)} - {"name", "sources"}
    return {name for name in names if getattr(one, name) != getattr(other, name)}


def rate(recipe, epoch):
    """The rate of the first step that begins at `epoch` or after, on ImageNet."""
    schedule = schedules.exponential_decay(
        recipe.learning_rate, recipe.decay_rate, recipe.decay_epochs, EXAMPLES, recipe.batch_size
    )
    return float(schedule(math.ceil(epoch * EXAMPLES / recipe.batch_size)))


@pytest.mark.parametrize("name", PUBLISHED)
def test_has_the_papers_numbers(name):
    recipe = get_recipe(name)
    assert tuple(getattr(recipe, field) for field in FIELDS) == PAPERS[name]
    assert recipe.dataset == "imagenet2012"
    assert recipe.weights is None
    assert recipe.batch_norm_momentum == 0.9997
    assert recipe.min_area == MIN_AREA == 0.08
    # 1502.03167, section 4.2.1: its faster networks see pictures that are distorted less.
    assert recipe.color == ("fast" if name in ("bn_inception", "bn_inception_x30") else "full")


@pytest.mark.parametrize("name", PUBLISHED)
def test_has_the_papers_rates(name):
    assert [rate(get_recipe(name), epoch) for epoch in EPOCHS] == pytest.approx(
        RATES[name], rel=1e-5
    )


def test_ladder_adds_one_thing_a_row():
    """1512.00567, table 3: each row has what those above it have."""
    rows = {
        "inception_v2_sgd": None,
        "inception_v2_rmsprop": {"optimizer", "rho", "epsilon"},
        "inception_v2_label_smoothing": {"label_smoothing"},
        "inception_v2_factorized_7x7": {"network_arguments"},
        "inception_v2_batch_norm_auxiliary": {"network_arguments"},
        "inception_v3": {"network", "network_arguments"},
    }
    names = list(rows)
    for above, row in itertools.pairwise(names):
        assert differences(get_recipe(above), get_recipe(row)) == rows[row]
    options = [
        (arguments["factorized_7x7"], arguments["batch_norm_auxiliary"])
        for arguments in (get_recipe(name).network_arguments for name in names[:5])
    ]
    assert options == [(False, False)] * 3 + [(True, False), (True, True)]


def test_table_2_differs_in_the_pictures_alone():
    large, *small = (get_recipe(f"inception_v3_{size}") for size in (299, 151, 79))
    for recipe in small:
        assert differences(large, recipe) == {"size", "network_arguments"}
    assert differences(get_recipe("inception_v2_sgd"), large) == {"network", "network_arguments"}


def test_networks_of_1602_07261_are_trained_alike():
    v4 = get_recipe("inception_v4")
    for name in ("inception_resnet_v1", "inception_resnet_v2"):
        assert differences(v4, get_recipe(name)) == {"network"}


def test_fine_tuning_has_the_walkthroughs_numbers():
    """TF-Slim's finetune_inception_v3_on_flowers.sh: 1,000 steps of the new layers, 500 of all."""
    recipe = get_recipe("fine_tune")
    assert (recipe.network, recipe.weights, recipe.dataset) == (
        "inception_v3",
        "imagenet",
        "tf_flowers",
    )
    pictures = 3320
    assert recipe.batch_size == 32
    assert recipe.head_epochs == round(1000 * 32 / pictures)
    assert recipe.epochs - recipe.head_epochs == round(500 * 32 / pictures)
    assert (recipe.head_learning_rate, recipe.learning_rate) == (0.01, 0.0001)
    assert rate(recipe, 100) == pytest.approx(0.0001)
    assert (recipe.optimizer, recipe.rho, recipe.momentum, recipe.epsilon) == (
        "rmsprop",
        0.9,
        0.9,
        1.0,
    )
    assert (recipe.weight_decay, recipe.auxiliary_weight, recipe.label_smoothing) == (4e-5, 0.4, 0)
    assert (recipe.average_decay, recipe.clip_norm) == (None, None)


@pytest.mark.parametrize("name", RECIPES)
def test_every_number_has_a_source(name):
    recipe = get_recipe(name)
    for field in dataclasses.fields(Recipe):
        value = getattr(recipe, field.name)
        is_number = isinstance(value, int | float)
        if is_number and value != field.default:
            assert recipe.sources.get(field.name), f"{name}: {field.name} = {value} has no source"
    assert set(recipe.sources) >= {"optimizer"} | ({"network"} if name != "demo" else set())


@pytest.mark.parametrize("name", RECIPES)
def test_sources_come_back_from_json(name):
    recipe = get_recipe(name)
    again = Recipe.from_json(recipe.to_json())
    assert again == recipe
    assert again.sources == recipe.sources
    assert all(f"# {source}" in recipe.describe() for source in recipe.sources.values())


def by_network():
    """The recipes in groups that have a network and its arguments in common."""
    groups = {}
    for recipe in RECIPES.values():
        key = recipe.network, tuple(recipe.network_arguments.items())
        groups.setdefault(key, []).append(recipe)
    return groups.values()


@pytest.mark.parametrize("having", by_network(), ids=lambda having: having[0].name)
def test_network_is_built(having):
    network, arguments = having[0].network, having[0].network_arguments
    side = max(info.minimum_size for info in registry.list_models() if info.id == network)
    model = registry.create_model(
        network,
        weights=None,
        input_shape=(side, side, 3),
        classes=3,
        **{"width_multiplier": 0.25, **arguments},
    )
    for recipe in having:
        assert recipe.color in COLOR_ORDERS
        assert recipe.size == model.architecture.size or recipe.name == "demo"
        if recipe.auxiliary_weight:
            assert set(surgery.with_auxiliary_heads(model).output) > {"predictions"}
        if recipe.freeze_until is not None:
            assert recipe.freeze_until in surgery.end_points(model)


def home(recipe):
    """The module that defines a recipe."""
    for module in pkgutil.iter_modules(recipes.__path__, f"{recipes.__name__}."):
        module = importlib.import_module(module.name)
        if module is not table and any(value is recipe for value in vars(module).values()):
            return module
    raise AssertionError(f"no module has {recipe.name}")


@pytest.mark.parametrize("name", RECIPES)
def test_file_opens_with_its_command_and_results(name):
    text = home(get_recipe(name)).__doc__
    assert "Command: `keras-inception " in text
    if name == "demo":
        return
    assert "--data_dir=DATA" in text
    assert "--output=build/" in text
    assert "Here: not run" in text
    for figure in table.PUBLISHED.get(name, ())[:2]:
        assert figure is None or f"{figure} %" in text


def test_page_has_the_table():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    expected = table.markdown()
    start = lines.index(expected[0])
    end = start + len(expected)
    assert lines[start:end] == expected, "python -m keras_inception.training.recipes.table"
    assert lines[end : end + 1] in ([], [""])


def test_every_paper_has_its_figures_in_the_table():
    assert list(table.PUBLISHED) == PUBLISHED


def small(recipe):
    """The recipe narrow, on few small pictures, for one epoch of two steps."""
    variants = registry.MODELS[recipe.network][1]
    return recipe.replace(
        network_arguments={**recipe.network_arguments, "width_multiplier": 0.125},
        size=max(architecture.minimum for architecture in variants),
        weights=None,
        batch_size=4,
        epochs=1,
        head_epochs=0,
    )


def test_the_file_of_a_real_network_does_what_the_history_says(tmp_path):
    """After five steps of the demo's network."""
    recipe = get_recipe("demo").replace(size=32, batch_size=16, epochs=1, batch_norm_momentum=0.5)
    training, validation = made_up.made_up_pair()
    result = train(recipe, tmp_path, data=(training.take(80), validation), progress=False)
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects={})
    right = [
        loaded(crops[:, 0]).numpy().argmax(-1) == labels.numpy()
        for crops, labels in validation.evaluation_batches(32, 12)
    ]
    assert np.mean(right) == pytest.approx(result.history["val_top1_accuracy"][0])
    assert np.size(right) == len(validation)
    assert loaded.count_params() == result.model.count_params() < 400_000
    assert np.isfinite(result.history["loss"]).all()


def check_two_steps(name, tmp_path, pictures):
    result = train(small(get_recipe(name)), tmp_path, progress=False, data=pictures)
    assert checkpoints.Checkpoints(tmp_path / "checkpoints").steps() == [2]
    assert all(math.isfinite(column[0]) for column in result.history.values())
    assert result.history["gradient_norm"][0] > 0


def test_trains_two_steps(tmp_path):
    training, validation = made_up.made_up_pair()
    check_two_steps("googlenet", tmp_path, (training.take(8), validation.take(4)))


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_two_steps(name, tmp_path, photo_patches_dir):
    pictures = data.open("photo_patches", "train[:8]", photo_patches_dir)
    check_two_steps(name, tmp_path, (pictures, pictures.with_split("validation[:4]")))
