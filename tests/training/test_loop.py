"""The loop on a small network and made-up images, then on the real ones."""

import csv
import logging
import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from made_up import RECIPE, SIZE, images, small_network

from keras_inception.data import pipeline
from keras_inception.training import (
    RECIPES,
    Checkpointing,
    Recipe,
    StopRequested,
    callbacks,
    train,
)
from keras_inception.training.checkpoints import Checkpoints
from keras_inception.training.position import Position

FILES = ["best.keras", "checkpoints", "history.csv", "model.keras", "recipe.json", "tensorboard"]


def same(model, other):
    """Largest difference of the two models' weights."""
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    return max(np.abs(a - b).max() for a, b in pairs)


def test_trains_and_leaves_its_records(made_up, tmp_path):
    workdir = tmp_path / "new" / "run"
    result = train(RECIPE, workdir, progress=False)
    assert sorted(path.name for path in workdir.iterdir()) == FILES
    view = {"color": "fast", "min_area": 0.3, "data_dir": None, "split": "train"}
    call = {"name": "photo_patches", "size": SIZE, "batch_size": 16, "seed": 0, **view}
    assert made_up == [call, call]  # the grid of images, then the run
    assert Recipe.from_file(workdir / "recipe.json") == RECIPE
    assert result.history["val_top1_accuracy"][-1] > 0.9
    assert result.history["loss"][-1] < result.history["loss"][0]
    assert result.seconds > 0


def test_history_file_equals_the_result(made_up, tmp_path):
    history = train(RECIPE, tmp_path, progress=False).history
    with open(tmp_path / "history.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(history)
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    for name, column in history.items():
        assert [float(row[name]) for row in rows] == pytest.approx(column)
    for name in ("loss", "top1_accuracy", "top5_accuracy"):
        assert {name, f"val_{name}"} <= set(history)


def test_learning_rate_is_a_staircase_in_epochs(made_up, tmp_path):
    recipe = RECIPE.replace(epochs=4, decay_epochs=2.0, decay_rate=0.5)
    history = train(recipe, tmp_path, progress=False).history
    assert history["learning_rate"] == pytest.approx([0.1, 0.1, 0.05, 0.05])


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_saved_models_are_plain_keras(made_up, tmp_path, precision):
    """No loss, optimizer or custom class in a file; float32; the same outputs as the result's."""
    result = train(RECIPE.replace(precision=precision), tmp_path, progress=False)
    assert result.history["val_top1_accuracy"][-1] > 0.9
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects={})
    best = keras.saving.load_model(tmp_path / "best.keras", custom_objects={})
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


def test_same_seed_gives_the_same_run_and_another_does_not(made_up, tmp_path):
    def final_loss(seed):
        recipe = RECIPE.replace(seed=seed, epochs=1)
        result = train(recipe, tmp_path / str(seed), progress=False, resume=False)
        return result.history["val_loss"][0]

    assert final_loss(0) == pytest.approx(final_loss(0), rel=1e-5)
    assert final_loss(0) != pytest.approx(final_loss(1), rel=1e-3)


def test_batch_norm_momentum_comes_from_the_recipe(made_up, tmp_path):
    model = train(RECIPE.replace(epochs=1), tmp_path, progress=False).model
    assert model.get_layer("bn").momentum == 0.8


def test_best_model_is_that_of_the_best_epoch(made_up, tmp_path):
    """A rate that rises to ruin: the first epochs are better than the last."""
    recipe = RECIPE.replace(epochs=6, learning_rate=0.1, momentum=0.0)
    first = train(recipe.replace(epochs=2), tmp_path / "first", progress=False)
    best = max(first.history["val_top1_accuracy"])
    result = train(recipe, tmp_path / "run", progress=False, checkpointing=Checkpointing(keep=1))
    accuracies = result.history["val_top1_accuracy"]
    pixels, labels = images("validation")

    def accuracy(name):
        model = keras.saving.load_model(tmp_path / "run" / name)
        return np.mean(model.predict(pixels, verbose=0).argmax(-1) == labels)

    assert accuracy("best.keras") == pytest.approx(max(accuracies))
    assert accuracy("model.keras") == pytest.approx(accuracies[-1])
    assert max(accuracies) >= best


def test_what_is_evaluated_and_kept_is_the_average(made_up, tmp_path):
    recipe = RECIPE.replace(average_decay=0.9)
    averaged = train(recipe, tmp_path / "averaged", progress=False)
    plain = train(RECIPE, tmp_path / "plain", progress=False)
    assert averaged.history["loss"] == pytest.approx(plain.history["loss"], rel=1e-4)
    assert averaged.history["val_loss"] != pytest.approx(plain.history["val_loss"], rel=1e-3)
    assert same(averaged.model, plain.model) > 1e-3
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


@pytest.mark.parametrize("at", [2, 6, 9])
def test_goes_on_in_the_middle_of_an_epoch_as_if_not_stopped(made_up, monkeypatch, tmp_path, at):
    """Stopped at each of three places; dropout, average, decay and history are right in the end."""
    recipe = RECIPE.replace(average_decay=0.9, network_arguments={"dropout_rate": 0.5})
    recipe = recipe.replace(decay_epochs=0.34)  # the rate falls within an epoch
    whole = train(recipe, tmp_path / "whole", progress=False)
    monkeypatch.setattr(callbacks, "StopsOnSignal", Stop)
    Stop.seen, Stop.at = 0, at
    with pytest.raises(StopRequested):
        train(recipe, tmp_path / "stopped", progress=False)
    assert Stop.seen == at
    assert not (tmp_path / "stopped" / "model.keras").exists()
    result = train(recipe, tmp_path / "stopped", progress=False)
    assert Stop.seen == 18
    assert same(result.model, whole.model) < 1e-6
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


def test_a_run_of_other_steps_does_not_go_on(made_up, tmp_path):
    """As with another number of asynchronous workers, each of which steps with its share."""
    (tmp_path / "recipe.json").write_text(RECIPE.to_json())
    Checkpoints(tmp_path / "checkpoints").save(1, {}, {"history": [], "update_size": 8})
    with pytest.raises(ValueError, match="was trained in steps of 8 pictures, not 16"):
        train(RECIPE, tmp_path, progress=False)


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(made_up, tmp_path, caplog):
    whole = train(RECIPE, tmp_path, progress=False)
    newest = max((tmp_path / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:-200])
    with caplog.at_level(logging.WARNING):
        again = train(RECIPE, tmp_path, progress=False)
    assert f"{newest.name} is damaged and not used" in caplog.text
    assert same(again.model, whole.model) < 1e-6


def test_a_finished_run_is_not_run_again(made_up, tmp_path):
    whole = train(RECIPE, tmp_path, progress=False)
    calls = len(made_up)
    again = train(RECIPE, tmp_path, progress=False)
    assert len(made_up) == calls
    assert same(again.model, whole.model) == 0
    assert again.history == whole.history


def test_a_folder_of_another_recipe_is_refused_unless_it_may_go(made_up, tmp_path):
    train(RECIPE, tmp_path, progress=False)
    other = RECIPE.replace(learning_rate=0.05, epochs=1)
    with pytest.raises(ValueError, match="another recipe, which differs in epochs, learning_rate"):
        train(other, tmp_path, progress=False)
    assert Recipe.from_file(tmp_path / "recipe.json") == RECIPE
    result = train(other, tmp_path, progress=False, resume=False)
    assert len(result.history["loss"]) == 1
    assert Recipe.from_file(tmp_path / "recipe.json") == other
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-000000006.npz"]


def test_nothing_goes_for_a_recipe_that_cannot_run(made_up, tmp_path):
    train(RECIPE, tmp_path, progress=False)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    cases = [
        ({"batch_size": 16, "gradient_accumulation": 3}, "16 is not"),
        ({"color": "loud"}, "loud"),
    ]
    for changes, message in cases:
        with pytest.raises(ValueError, match=message):
            train(RECIPE.replace(**changes), tmp_path, progress=False, resume=False)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_in_which_nothing_has_run_is_anyones(made_up, tmp_path):
    with pytest.raises(ValueError, match="loud"):
        train(RECIPE.replace(color="loud"), tmp_path, progress=False)
    (tmp_path / "recipe.json").write_text(RECIPE.replace(seed=5).to_json())
    assert train(RECIPE, tmp_path, progress=False).history


def test_results_without_a_recipe_are_nobody_elses(made_up, tmp_path):
    (tmp_path / "model.keras").write_text("precious")
    with pytest.raises(ValueError, match="has model.keras but no recipe.json"):
        train(RECIPE, tmp_path, progress=False)
    assert (tmp_path / "model.keras").read_text() == "precious"


def test_a_damaged_best_checkpoint_leaves_the_rest(made_up, tmp_path, caplog):
    recipe = RECIPE.replace(epochs=4)
    history = train(recipe, tmp_path, progress=False).history
    best = np.argmax(history["val_top1_accuracy"])
    assert best < 3, "the last epoch is the best: the test says nothing"
    steps = sorted((tmp_path / "checkpoints").iterdir())[-1].name[5:14]
    path = tmp_path / "checkpoints" / f"step-{int(steps) // 4 * (best + 1):09}.npz"
    path.write_bytes(path.read_bytes()[:-100])
    (tmp_path / "best.keras").unlink()
    with caplog.at_level(logging.WARNING):
        train(recipe, tmp_path, progress=False)
    assert f"{path.name} is damaged and not used" in caplog.text
    assert not (tmp_path / "best.keras").exists()


def test_batch_that_does_not_divide(made_up, tmp_path):
    with pytest.raises(ValueError, match="16 is not a multiple of 3: 1 replicas x gradient_acc"):
        train(RECIPE.replace(gradient_accumulation=3), tmp_path, progress=False)


def test_accumulated_gradients_make_the_same_step(made_up, tmp_path):
    """Without batch normalization in the way: it sees a part at a time, so the trunk is frozen."""
    recipe = RECIPE.replace(freeze_until="avg_pool", average_decay=0.9)
    whole = train(recipe, tmp_path / "whole", progress=False)
    parts = train(recipe.replace(gradient_accumulation=4), tmp_path / "parts", progress=False)
    assert same(parts.model, whole.model) < 1e-6
    assert parts.history["loss"] == pytest.approx(whole.history["loss"], rel=1e-5)


def test_head_first_then_all(made_up, tmp_path):
    """In the first epoch the classifier alone moves, at its own rate; then everything."""
    recipe = RECIPE.replace(head_epochs=1, head_learning_rate=0.01, epochs=1)
    start = train(recipe.replace(learning_rate=1e-30, head_learning_rate=1e-30), tmp_path / "0")
    head = train(recipe, tmp_path / "1", progress=False)

    def moved(name, result):
        before, after = start.model.get_layer(name), result.model.get_layer(name)
        return np.abs(before.get_weights()[0] - after.get_weights()[0]).max()

    assert moved("conv", head) == moved("bn", head) == 0
    assert moved("predictions", head) > 1e-4
    both = train(recipe.replace(epochs=2), tmp_path / "2", progress=False)
    assert moved("conv", both) > 1e-4
    assert both.history["learning_rate"] == pytest.approx([0.01, 0.1])


def test_frozen_statistics_that_would_move_are_told_of(made_up, tmp_path, caplog):
    recipe = RECIPE.replace(freeze_until="relu", frozen_batch_norm="train", epochs=1)
    with caplog.at_level(logging.WARNING):
        train(recipe, tmp_path, progress=False)
    assert "batch normalization below relu" in caplog.text


def test_loss_that_is_not_finite_stops_the_run_and_names_the_step(made_up, monkeypatch, tmp_path):
    def poisoned(*args, start, **kwargs):
        pixels, labels = images("train")
        data = tf.data.Dataset.from_tensor_slices((pixels, labels)).repeat().batch(16)
        data = data.enumerate().map(lambda i, b: (b[0] * (np.nan if i == 8 else 1.0), b[1]))
        return data.skip(start)

    monkeypatch.setattr(pipeline, "training_batches", poisoned)
    message = r"nan at step 9 \(epoch 2, batch 3\); the last good checkpoint is from step 6"
    with pytest.raises(FloatingPointError, match=message):
        train(RECIPE, tmp_path, progress=False)
    assert not (tmp_path / "model.keras").exists()
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-000000006.npz"]


def test_progress_bar_shows_images_a_second_and_accuracy(made_up, tmp_path, capsys):
    train(RECIPE, tmp_path)
    shown = capsys.readouterr().err
    assert "epoch 3/3" in shown
    assert "288/288" in shown
    assert "images/s" in shown
    assert "validation top-1" in shown


def test_tensorboard_has_curves_and_a_grid(made_up, tmp_path):
    train(RECIPE, tmp_path, progress=False)
    found = {}
    for split in ("train", "validation"):
        (events,) = (tmp_path / "tensorboard" / split).iterdir()
        for record in tf.data.TFRecordDataset(str(events)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found.setdefault((split, value.tag), []).append(event.step)
    for name in ("loss", "top1_accuracy", "learning_rate", "gradient_norm", "kernel_norm"):
        assert found["train", name] == [6, 12, 18]
    assert found["validation", "top1_accuracy"] == [6, 12, 18]
    assert found["train", "training view"] == [0]


def test_real_network_on_real_images(photo_patches_dir, tmp_path):
    """Five steps of the demo's network on `photo_patches`; its file does what the history says."""
    recipe = RECIPES["demo"].replace(size=32, batch_size=560, epochs=1, batch_norm_momentum=0.5)
    result = train(recipe, tmp_path, data_dir=photo_patches_dir, progress=False)
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects={})
    batches = pipeline.evaluation_batches(
        "photo_patches", 32, 140, split="validation", data_dir=photo_patches_dir
    )
    right = [
        loaded.predict_on_batch(crops[:, 0]).argmax(-1) == labels.numpy()
        for crops, labels in batches
    ]
    assert np.mean(right) == pytest.approx(result.history["val_top1_accuracy"][0])
    assert np.size(right) == 560
    assert loaded.count_params() == result.model.count_params() < 400_000
    assert np.isfinite(result.history["loss"]).all()
