"""The data of a run: what `train` takes, what the recipe names, and what tells it from others."""

import json

import made_up
import numpy as np
import pytest
import tensorflow as tf
from made_up import CLASS_NAMES, NAME, RECIPE

from keras_inception import data
from keras_inception.training import train
from keras_inception.training.run_data import RunData

SPLITS = {"train_split": "train", "validation_split": "validation"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The made-up pictures as files."""
    path = tmp_path_factory.mktemp("pictures")
    made_up.write_folder(path)
    return f"folder:{path}"


def given(value, recipe=RECIPE, strategy="one_device"):
    return RunData.given(value, recipe, strategy)


def pair(name=NAME):
    return made_up.from_tf("train", name), made_up.from_tf("validation", name)


def test_a_pair_is_taken_as_it_is_and_named_in_the_recipe():
    training, validation = pair()
    run_data = given((training.without([3, 5]), validation))
    recipe = run_data.named_in(RECIPE)
    assert (recipe.dataset, recipe.validation_dataset) == (NAME, None)
    assert (recipe.train_split, recipe.validation_split) == ("all", "all")
    assert recipe.sources["dataset"] == "the argument data"
    assert recipe.sources["train_split"] == "the argument data: 94 pictures, 2 left out"
    assert recipe.sources["validation_split"] == "the argument data: 24 pictures"
    assert recipe.sources["rho"] == RECIPE.sources["rho"]


def test_two_sources_are_both_named():
    recipe = given((pair()[0], pair("others")[1])).named_in(RECIPE)
    assert (recipe.dataset, recipe.validation_dataset) == (NAME, "others")
    again = given(pair()).named_in(recipe)
    assert again.validation_dataset is None


def test_one_data_set_has_both_splits(folder):
    recipe = RECIPE.replace(**SPLITS)
    for split in ("train", "validation"):
        opened = data.open(folder, split).without([1])
        run_data = given(opened, recipe)
        assert [len(run_data.training), len(run_data.validation)] == [
            96 - (split == "train"),
            24 - (split == "validation"),
        ]
        named = run_data.named_in(recipe)
        assert named == recipe.replace(dataset=folder)
    with pytest.raises(ValueError, match="no split 'test'"):
        given(opened.with_split("train"), recipe.replace(validation_split="test"))
    with pytest.raises(ValueError, match="neither of the recipe's splits 'train' and 'test': pass"):
        given(opened, recipe.replace(validation_split="test"))


@pytest.mark.parametrize(
    ("train", "validation", "named"),
    [
        (["Cat", "dog"], ["cat", "dog"], "1 of its 3 classes: cat"),
        (["caf\u00e9", "bar"], ["cafe\u0301", "bar"], "1 of its 3 classes: cafe\u0301"),
        (["cat"], ["cat", "dog", "emu"], "2 of its 3 classes: dog, emu"),
    ],
)
def test_classes_without_training_pictures(train, validation, named, tmp_path):
    for split, classes in {"train": train, "validation": validation}.items():
        for name in classes:
            (tmp_path / split / name).mkdir(parents=True)
            picture = tf.io.encode_png(np.zeros((8, 8, 3), "uint8")).numpy()
            (tmp_path / split / name / "a.png").write_bytes(picture)
    recipe = RECIPE.replace(dataset=f"folder:{tmp_path}", **SPLITS)
    with pytest.raises(ValueError, match=f"train has no pictures of {named}. Every class folder"):
        RunData.opened(recipe, None)


def test_the_recipe_names_one_data_set_or_two(folder, tmp_path):
    recipe = RECIPE.replace(dataset=folder, **SPLITS)
    opened = RunData.opened(recipe, None)
    assert (len(opened.training), len(opened.validation)) == (96, 24)
    assert opened.class_names == tuple(sorted(CLASS_NAMES))
    made_up.write_folder(tmp_path)
    (tmp_path / "validation" / "blue").rename(tmp_path / "validation" / "violet")
    recipe = recipe.replace(validation_dataset=f"folder:{tmp_path}")
    with pytest.raises(ValueError, match="must have the same class names in the same order"):
        RunData.opened(recipe, None)
    recipe = recipe.replace(validation_split="train", validation_dataset=folder)
    assert len(RunData.opened(recipe, None).validation) == 96


SLICES = tf.data.Dataset.from_tensor_slices(made_up.pictures("validation"))
UNNAMED = SLICES.map(lambda image, label: image)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: SLICES, "a pair .training, validation. of Datasets, got _TensorSliceDataset"),
        (lambda: (SLICES, SLICES), r"pass data.from_tf\(dataset, class_names"),
        (lambda: "photo_patches", "got str; data.open and data.from_tf make Datasets"),
        (lambda: (*pair(), pair()[0]), "got tuple"),
        (lambda: ("photo_patches", pair()[1]), "got tuple"),
        (lambda: (data.from_tf(UNNAMED),) * 2, "has no class names"),
        (
            lambda: (pair()[0], data.from_tf(SLICES, CLASS_NAMES[::-1])),
            "must have the same class names in the same order",
        ),
    ],
)
def test_others_are_one_clear_error(tmp_path, value, message):
    with pytest.raises(ValueError, match=message):
        train(RECIPE, tmp_path, progress=False, data=value())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("strategy", ["multi_worker", "parameter_server"])
@pytest.mark.parametrize("job", ["worker", "chief"])
def test_a_cluster_opens_its_data_itself(tmp_path, monkeypatch, strategy, job):
    """It is said at once: nobody is waited for, and no worker begins to serve."""
    cluster = {job: [f"localhost:{port}"] for port, job in enumerate(("chief", "worker", "ps"), 9)}
    if strategy == "multi_worker":
        del cluster["ps"]
    config = {"cluster": cluster, "task": {"type": job, "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(ValueError, match=f"strategy '{strategy}' cannot take data that is open"):
        train(RECIPE, tmp_path, progress=False, data=pair(), strategy=strategy)


def test_identity_tells_pictures_and_classes_apart():
    training, validation = pair()
    whole = given((training, validation)).identity
    assert given(pair("another name")).identity == whole
    changed = {
        "training pictures": (training.without([50]), validation),
        "validation pictures": (training, validation.take(23)),
    }
    for what, other in changed.items():
        assert {name for name, text in given(other).identity.items() if text != whole[name]} == {
            what
        }
    pixels, labels = made_up.pictures("train")
    pixels[3, 0, 0, 0] ^= 1
    slices = tf.data.Dataset.from_tensor_slices((pixels, labels))
    other = given((data.from_tf(slices, CLASS_NAMES), validation)).identity
    assert other["training pictures"] != whole["training pictures"]


def test_files_that_cannot_be_read_do_not_count_in_the_identity(folder, tmp_path):
    made_up.write_folder(tmp_path)
    recipe = RECIPE.replace(dataset=f"folder:{tmp_path}", **SPLITS)
    opened = RunData.opened(recipe, None)
    next((tmp_path / "train" / "blue").iterdir()).unlink()
    assert opened.identity["training pictures"].startswith("96 ")
