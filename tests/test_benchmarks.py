"""The tables of `benchmarks/photo_patches.py`, of results that are made up."""

import dataclasses
import importlib.util
import json
import pathlib
import types

import pytest

PATH = pathlib.Path(__file__).parent.parent / "benchmarks" / "photo_patches.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("photo_patches_benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def experiment(script):
    return script.Experiment("Ensembles", {"small": {"size": 32}}, ((0, 1), (2, 3)), (1, 10))


def put(script, experiment, folder, crops, groups, together):
    """Results of each tuple of seeds: top-1 of each network, and of all."""
    for seeds, alone, ensemble in zip(experiment.seeds, groups, together, strict=True):
        recipes = [script.recipe(experiment, "small", seed) for seed in seeds]
        for recipe in recipes:
            script.write(script.home(recipe, folder) / "run.json", {"macs": 2_340_000})
        each = [{"top1": top1, "top5": 1.0} for top1 in alone]
        figures = {"each_model": each, "top1": ensemble, "top5": 1.0}
        script.write(script.results_file(recipes, crops, folder), figures)


def rows(script, experiment, folder):
    return [line.strip("| ").split(" | ") for line in script.table(experiment, folder).split("\n")]


def test_table(script, experiment, tmp_path):
    assert len(rows(script, experiment, tmp_path)) == 2  # nothing was run
    put(script, experiment, tmp_path, 1, [(0.50, 0.60), (0.70, 0.80)], [0.65, 0.85])
    put(script, experiment, tmp_path, 10, [(0.55, 0.60), (0.70, 0.90)], [0.70, 0.80])
    head, _, *found = rows(script, experiment, tmp_path)
    assert head[3:6] == ["networks", "crops", "top-1"]
    cost, top5 = ["small", "32", "2.3 M"], "100.0 (100.0 to 100.0)"
    assert found == [
        [*cost, "1", "1", "65.0 (50.0 to 80.0)", top5],
        [*cost, "1", "10", "68.8 (55.0 to 90.0)", top5, "+3.8 (+0.0 to +10.0)"],
        [*cost, "2", "1", "75.0 (65.0 to 85.0)", top5, "+10.0 (+10.0 to +10.0)"],
        [*cost, "2", "10", "75.0 (70.0 to 80.0)", top5, "+10.0 (+5.0 to +15.0)"],
    ]


def test_a_row_needs_all_its_repetitions(script, experiment, tmp_path):
    put(script, experiment, tmp_path, 1, [(0.50, 0.60), (0.70, 0.80)], [0.65, 0.85])
    longer = dataclasses.replace(experiment, seeds=((0, 1), (4, 5)))
    assert len(rows(script, longer, tmp_path)) == 2


def test_every_recipe_has_a_place_of_its_own(script, tmp_path):
    recipes = [
        script.recipe(experiment, network, seed)
        for experiment in script.EXPERIMENTS.values()
        for network in experiment.networks
        for seeds in experiment.seeds
        for seed in seeds
    ]
    different = [r for i, r in enumerate(recipes) if r not in recipes[:i]]
    homes = {script.home(recipe, tmp_path) for recipe in recipes}
    assert len(homes) == len(different) > 20


def test_a_run_goes_on_with_what_is_missing(script, experiment, tmp_path, monkeypatch):
    put(script, experiment, tmp_path, 1, [(0.50, 0.60), (0.70, 0.80)], [0.65, 0.85])
    put(script, experiment, tmp_path, 10, [(0.55, 0.60), (0.70, 0.90)], [0.70, 0.80])
    recipes = [script.recipe(experiment, "small", seed) for seed in (2, 3)]
    missing = script.results_file(recipes, 10, tmp_path)
    whole = missing.read_text()
    missing.unlink()
    done = []

    def evaluate(models, dataset, crops, **options):
        done.append((models, dataset, crops, options["split"]))
        return types.SimpleNamespace(summary=lambda: json.loads(whole))

    monkeypatch.setattr("keras_inception.training.train", None)
    monkeypatch.setattr("keras_inception.evaluation.evaluate", evaluate)
    script.run(experiment, tmp_path, None)
    models = [script.home(recipe, tmp_path) / "model.keras" for recipe in recipes]
    assert done == [(models, "photo_patches", 10, "test")]
    assert missing.read_text() == whole
