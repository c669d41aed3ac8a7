"""`train` on a small network and made-up pictures."""

import contextlib
import csv
import functools
import importlib
import io
import logging
import os
import shutil
import signal
import types

import keras
import made_up
import numpy as np
import pytest
import tensorflow as tf
from made_up import RECIPE, SIZE, MadeUp, images, small_network

from keras_inception import renamed
from keras_inception.training import Checkpointing, Recipe, StopRequested, callbacks, train
from keras_inception.training.checkpoints import Checkpoints
from keras_inception.training.position import Position

FILES = ["best.keras", "checkpoints", "history.csv", "model.keras", "recipe.json", "tensorboard"]


@pytest.fixture(scope="module", autouse=True)
def network():
    """Makes trainers build the small network."""
    with pytest.MonkeyPatch.context() as patch:
        made_up.put_in_place(patch.setattr)
        yield


ready = functools.cache(made_up.made_up_pair)


def run(recipe, workdir, pair=None, **options):
    """A run on the made-up pictures, without a progress bar."""
    return train(recipe, workdir, progress=False, data=pair or ready(), **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, for reading alone: its folder, result, data and what it showed."""
    workdir, pair = tmp_path_factory.mktemp("finished") / "new" / "run", made_up.made_up_pair()
    with contextlib.redirect_stderr(io.StringIO()) as shown:
        result = train(RECIPE, workdir, data=pair)
    return types.SimpleNamespace(
        workdir=workdir, result=result, history=result.history, pair=pair, shown=shown.getvalue()
    )


@pytest.fixture
def copied(finished, tmp_path):
    """The folder of a finished run, for tests that change it."""
    return shutil.copytree(finished.workdir, tmp_path / "copied")


@pytest.fixture(scope="module")
def longer(tmp_path_factory):
    """Folder, result and best epoch of a run that goes on after it; it keeps one checkpoint."""
    workdir = tmp_path_factory.mktemp("longer")
    result = run(RECIPE, workdir, checkpointing=Checkpointing(keep=1))
    best = int(np.argmax(result.history["val_top1_accuracy"])) + 1
    assert best < 3, "the last epoch is the best: the tests say nothing"
    return workdir, result, best


def gap(model, other):
    """Largest difference of the two models' weights."""
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return max(np.abs(a - b).max() for a, b in pairs)


def test_trains_and_leaves_its_records(finished):
    assert sorted(path.name for path in finished.workdir.iterdir()) == FILES
    view = {"color": "fast", "min_area": 0.3, "seed": 0}
    assert finished.pair[0].calls == [{"size": SIZE, "batch_size": 16, **view}]
    assert finished.history["val_top1_accuracy"][-1] > 0.9
    assert finished.history["loss"][-1] < finished.history["loss"][0]
    assert finished.result.seconds > 0
    assert finished.result.class_names == made_up.CLASS_NAMES
    assert finished.result.model.get_layer("bn").momentum == 0.8
    splits = {"train_split": "all", "validation_split": "all"}
    recipe = Recipe.from_file(finished.workdir / "recipe.json")
    assert recipe == RECIPE.replace(dataset=made_up.NAME, **splits)
    assert recipe.sources["train_split"] == "the argument data: 96 pictures"


def test_history_file_equals_the_result(finished):
    with open(finished.workdir / "history.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(finished.history)
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    for name, column in finished.history.items():
        assert [float(row[name]) for row in rows] == pytest.approx(column)
    for name in ("loss", "top1_accuracy", "top5_accuracy"):
        assert {name, f"val_{name}"} <= set(finished.history)


def test_progress_bar_shows_images_a_second_and_accuracy(finished):
    for text in ("epoch 3/3", "288/288", "images/s", "validation top-1"):
        assert text in finished.shown


def test_tensorboard_has_curves_and_a_grid(finished):
    found = {}
    for split in ("train", "validation"):
        (events,) = (finished.workdir / "tensorboard" / split).iterdir()
        for record in tf.data.TFRecordDataset(str(events)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found.setdefault((split, value.tag), []).append(event.step)
    for name in ("loss", "top1_accuracy", "learning_rate", "gradient_norm", "kernel_norm"):
        assert found["train", name] == [6, 12, 18]
    assert found["validation", "top1_accuracy"] == [6, 12, 18]
    assert found["train", "training view"] == [0]


def test_learning_rate_is_a_staircase_in_epochs(tmp_path):
    recipe = RECIPE.replace(epochs=4, decay_epochs=2.0, decay_rate=0.5)
    history = run(recipe, tmp_path).history
    assert history["learning_rate"] == pytest.approx([0.1, 0.1, 0.05, 0.05])


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_saved_models_are_plain_keras(finished, tmp_path, precision):
    """No loss, optimizer or custom class in a file; float32; the same outputs as the result's."""
    workdir, result = finished.workdir, finished.result
    if precision != "float32":
        workdir, result = tmp_path, run(RECIPE.replace(precision=precision), tmp_path)
    assert result.history["val_top1_accuracy"][-1] > 0.9
    loaded = keras.saving.load_model(workdir / "model.keras", custom_objects={})
    best = keras.saving.load_model(workdir / "best.keras", custom_objects={})
    pixels, _ = images("validation")
    np.testing.assert_allclose(
        loaded.predict(pixels, verbose=0), result.model.predict(pixels, verbose=0), atol=1e-6
    )
    for model in (loaded, best, result.model):
        assert not model.compiled
        assert type(model) is type(small_network("inception_v1", None, (8, 8, 3), 3))
        assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
        assert {layer.compute_dtype for layer in model.layers} == {"float32"}
        assert model.losses == []
    assert keras.config.dtype_policy().name == "float32"


def test_same_seed_gives_the_same_run_and_another_does_not(finished, tmp_path):
    def first_loss(seed):
        recipe = RECIPE.replace(seed=seed, epochs=1)
        return run(recipe, tmp_path / str(seed)).history["val_loss"][0]

    assert first_loss(0) == pytest.approx(finished.history["val_loss"][0], rel=1e-5)
    assert first_loss(1) != pytest.approx(finished.history["val_loss"][0], rel=1e-3)


def test_best_model_is_that_of_the_best_epoch(longer, tmp_path):
    workdir, result, epoch = longer
    until_then = run(RECIPE.replace(epochs=epoch), tmp_path)
    best, last = (keras.saving.load_model(workdir / f"{name}.keras") for name in ("best", "model"))
    assert gap(best, until_then.model) < 1e-6
    assert gap(last, result.model) == 0
    assert gap(best, last) > 1e-3


def test_a_damaged_best_checkpoint_leaves_the_rest(longer, tmp_path, caplog):
    folder, _, epoch = longer
    workdir = shutil.copytree(folder, tmp_path / "copied")
    path = workdir / "checkpoints" / f"step-{epoch * 6:09}.npz"
    path.write_bytes(path.read_bytes()[:-100])
    (workdir / "best.keras").unlink()
    with caplog.at_level(logging.WARNING):
        run(RECIPE, workdir)
    assert f"{path.name} is damaged and not used" in caplog.text
    assert not (workdir / "best.keras").exists()


def test_what_is_evaluated_and_kept_is_the_average(finished, tmp_path):
    averaged = run(RECIPE.replace(average_decay=0.9), tmp_path)
    plain = finished.history
    assert averaged.history["loss"] == pytest.approx(plain["loss"], rel=1e-4)
    assert averaged.history["val_loss"] != pytest.approx(plain["val_loss"], rel=1e-3)
    assert gap(averaged.model, finished.result.model) > 1e-3
    pixels, labels = images("validation")
    losses = keras.losses.sparse_categorical_crossentropy(labels, averaged.model(pixels))
    smooth = 0.9 * np.mean(losses) + 0.1 * np.mean(-np.log(averaged.model(pixels)))
    assert averaged.history["val_loss"][-1] == pytest.approx(smooth, rel=1e-4)


class Stop(callbacks.StopsOnSignal):
    """Sends the process SIGTERM at a step of its choice."""

    at = None

    def on_train_batch_end(self, batch, logs=None):
        Stop.seen += 1
        if Stop.seen == Stop.at:
            os.kill(os.getpid(), signal.SIGTERM)
        super().on_train_batch_end(batch, logs)


@pytest.mark.parametrize(
    ("training", "stops", "epochs"),
    [
        pytest.param(lambda: MadeUp("train"), (2, 6, 9), 3, id="ready batches"),
        pytest.param(
            lambda: made_up.from_tf("train"),
            (8,),
            2,
            id="a tf.data.Dataset",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_goes_on_in_the_middle_of_an_epoch_as_if_not_stopped(
    monkeypatch, tmp_path, training, stops, epochs
):
    """Stopped in each of these steps; dropout, average, decay and history are right in the end.

    The second time on a data set as a user makes it of a `tf.data.Dataset`, views and all.
    """
    recipe = RECIPE.replace(average_decay=0.9, network_arguments={"dropout_rate": 0.5})
    recipe = recipe.replace(decay_epochs=0.34, epochs=epochs)  # the rate falls within an epoch
    recipe = recipe.replace(color="none")  # half as long to begin
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # no TensorBoard
    whole = run(recipe, tmp_path / "whole", (training(), ready()[1]))
    assert "tensorboard" not in [path.name for path in (tmp_path / "whole").iterdir()]
    monkeypatch.setattr(callbacks, "StopsOnSignal", Stop)
    Stop.seen, workdir = 0, tmp_path / "stopped"
    for Stop.at in stops:
        with pytest.raises(StopRequested):
            run(recipe, workdir, (training(), ready()[1]))
        assert Stop.seen == Stop.at
        assert not (workdir / "model.keras").exists()
    result = run(recipe, workdir, (training(), ready()[1]))
    assert Stop.seen == 6 * epochs
    assert gap(result.model, whole.model) < 1e-6
    for name, column in whole.history.items():
        if name != "seconds":
            assert result.history[name] == pytest.approx(column, rel=1e-5)


def test_nothing_is_saved_while_applied_steps_are_still_reported():
    position, saved = Position(10), []
    saves = callbacks.Saves(lambda: saved.append(position.step), position, seconds=0)
    saves.on_train_begin()
    for step in range(1, 5):  # as asynchronous workers' come: two by two
        position.is_settled = step % 2 == 0
        position.on_train_batch_end(step - 1)
        saves.on_train_batch_end(step - 1)
    assert saved == [2, 4]


def test_a_run_of_other_steps_does_not_go_on(copied):
    """As with another number of asynchronous workers, each of which steps with its share."""
    Checkpoints(copied / "checkpoints").save(99, {}, {"history": [], "update_size": 8})
    with pytest.raises(ValueError, match="was trained in steps of 8 pictures, not 16"):
        run(RECIPE, copied)


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(finished, copied, caplog):
    newest = max((copied / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:-200])
    with caplog.at_level(logging.WARNING):
        again = run(RECIPE, copied)
    assert f"{newest.name} is damaged and not used" in caplog.text
    assert gap(again.model, finished.result.model) < 1e-6


def test_a_finished_run_is_not_run_again(finished, copied):
    pair = made_up.made_up_pair()
    again = run(RECIPE, copied, pair)
    assert pair[0].calls == []
    assert gap(again.model, finished.result.model) == 0
    assert again.history == finished.history


def test_a_folder_of_another_recipe_is_refused_unless_it_may_go(copied):
    before = (copied / "recipe.json").read_text()
    other = RECIPE.replace(learning_rate=0.05, epochs=1)
    with pytest.raises(ValueError, match="another recipe, which differs in epochs, learning_rate"):
        run(other, copied)
    assert (copied / "recipe.json").read_text() == before
    result = run(other, copied, resume=False)
    assert len(result.history["loss"]) == 1
    assert Recipe.from_file(copied / "recipe.json").learning_rate == 0.05
    assert [p.name for p in (copied / "checkpoints").iterdir()] == ["step-000000006.npz"]


def test_a_run_on_other_data_is_refused(copied):
    training, validation = ready()
    with pytest.raises(ValueError, match="belongs to another recipe, which differs in dataset"):
        run(RECIPE, copied, (made_up.from_tf("train", name="others"), validation))
    for other, what in (
        ((training.without([95]), validation), "training pictures"),
        ((validation, validation), "training pictures"),
        ((training, training), "validation pictures"),
    ):
        with pytest.raises(ValueError, match=f"was trained on other data, .* its {what}: use ano"):
            run(RECIPE, copied, other)
    assert run(RECIPE, copied).history  # what was there is still there


def test_nothing_goes_for_a_recipe_that_cannot_run(copied):
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    cases = [
        ({"gradient_accumulation": 3}, "16 is not a multiple of 3: 1 replicas x gradient_acc"),
        ({"color": "loud"}, "loud"),
    ]
    for changes, message in cases:
        with pytest.raises(ValueError, match=message):
            run(RECIPE.replace(**changes), copied, resume=False)
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


def test_a_folder_in_which_nothing_has_run_is_anyones(tmp_path):
    with pytest.raises(ValueError, match="loud"):
        run(RECIPE.replace(color="loud"), tmp_path)
    (tmp_path / "recipe.json").write_text(RECIPE.replace(seed=5).to_json())
    assert run(RECIPE.replace(epochs=1), tmp_path).history


def test_results_without_a_recipe_are_nobody_elses(tmp_path):
    (tmp_path / "model.keras").write_text("precious")
    with pytest.raises(ValueError, match="has model.keras but no recipe.json"):
        run(RECIPE, tmp_path)
    assert (tmp_path / "model.keras").read_text() == "precious"


def test_accumulated_gradients_make_the_same_step(tmp_path):
    """Without batch normalization in the way: it sees a part at a time, so the trunk is frozen."""
    recipe = RECIPE.replace(freeze_until="avg_pool", average_decay=0.9, epochs=2)
    whole = run(recipe, tmp_path / "whole")
    parts = run(recipe.replace(gradient_accumulation=4), tmp_path / "parts")
    assert gap(parts.model, whole.model) < 1e-6
    assert parts.history["loss"] == pytest.approx(whole.history["loss"], rel=1e-5)


def test_head_first_then_all(tmp_path):
    """In the first epoch the classifier alone moves, at its own rate; then everything."""
    recipe = RECIPE.replace(head_epochs=1, head_learning_rate=0.01, epochs=1)
    keras.utils.set_random_seed(recipe.seed)
    start = small_network("inception_v1", None, (SIZE, SIZE, 3), 3, width_multiplier=0.25)
    head = run(recipe, tmp_path / "1")

    def moved(name, result):
        before, after = start.get_layer(name), result.model.get_layer(name)
        return np.abs(before.get_weights()[0] - after.get_weights()[0]).max()

    assert moved("conv", head) == moved("bn", head) == 0
    assert moved("predictions", head) > 1e-4
    both = run(recipe.replace(epochs=2), tmp_path / "2")
    assert moved("conv", both) > 1e-4
    assert both.history["learning_rate"] == pytest.approx([0.01, 0.1])


def test_frozen_statistics_that_would_move_are_told_of(tmp_path, caplog):
    recipe = RECIPE.replace(freeze_until="relu", frozen_batch_norm="train", epochs=1)
    with caplog.at_level(logging.WARNING):
        run(recipe, tmp_path)
    assert "batch normalization below relu" in caplog.text


class Poisoned(MadeUp):
    """Pictures whose ninth training batch is not a number."""

    def training_batches(self, *arguments, start=0, **options):
        batches = super().training_batches(*arguments, **options).enumerate()
        poisoned = batches.map(lambda i, b: (b[0] * (np.nan if i == 8 else 1.0), b[1]))
        return poisoned.skip(start)


def test_loss_that_is_not_finite_stops_the_run_and_names_the_step(tmp_path):
    message = r"nan at step 9 \(epoch 2, batch 3\); the last good checkpoint is from step 6"
    with pytest.raises(FloatingPointError, match=message):
        run(RECIPE, tmp_path, (Poisoned("train"), MadeUp("validation")))
    assert not (tmp_path / "model.keras").exists()
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-000000006.npz"]


def test_old_arguments_of_checkpoints(monkeypatch, tmp_path):
    monkeypatch.setattr(renamed, "_said", set())
    with (
        pytest.warns(FutureWarning, match=r"is now checkpointing=Checkpointing\(seconds=..., kee"),
        pytest.raises(ValueError, match="keep must be at least 1, not 0"),
    ):
        run(RECIPE, tmp_path, checkpoint_seconds=3.0, keep_checkpoints=0)
