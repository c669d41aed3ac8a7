"""The trainer on a small network and made-up images, then on the real ones."""

import csv
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception.data import pipeline
from keras_inception.training import RECIPES, Recipe, loop, train

CLASSES = 3
SIZE = 8
IMAGES = {"train": 96, "validation": 24}

RECIPE = RECIPES["demo"].replace(
    name="tiny",
    size=SIZE,
    batch_size=16,
    epochs=3,
    learning_rate=0.1,
    epsilon=1.0,
    decay_epochs=1.0,
    batch_norm_momentum=0.8,
    min_area=0.3,
    color="fast",
)


def small_network(name, weights, input_shape, classes, width_multiplier=1.0):
    """A stand-in for `create_model`: convolution, batch normalization, classifier."""
    assert (name, weights) == ("inception_v1", None)
    x = inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(int(16 * width_multiplier), 3, use_bias=False, name="conv")(x)
    x = keras.layers.BatchNormalization(scale=False, name="bn")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    x = keras.layers.Dense(classes, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name=name)


def images(split, seed=0):
    """Images whose class is the brightest channel, and their labels."""
    rng = np.random.default_rng([seed, len(split)])
    labels = rng.integers(0, CLASSES, IMAGES[split])
    pixels = rng.uniform(-1, 0.6, (IMAGES[split], SIZE, SIZE, 3)).astype("float32")
    pixels[np.arange(len(labels)), :, :, labels] += 0.4
    return pixels, labels


@pytest.fixture
def made_up(monkeypatch):
    """Puts the small network and the made-up images where the trainer looks for real ones."""
    calls = types.SimpleNamespace(training=[])

    def training_batches(name, size, batch_size, seed, color, min_area, data_dir):
        calls.training.append((name, size, batch_size, seed, color, min_area, data_dir))
        data = tf.data.Dataset.from_tensor_slices(images("train"))
        return data.shuffle(IMAGES["train"], seed=seed).repeat().batch(batch_size)

    def evaluation_batches(name, size, batch_size, split="test", crops=1, **_):
        pixels, labels = images(split)
        return tf.data.Dataset.from_tensor_slices((pixels[:, None], labels)).batch(batch_size)

    info = types.SimpleNamespace(class_names=tuple("abc"), examples=IMAGES)
    monkeypatch.setattr(loop.registry, "create_model", small_network)
    monkeypatch.setattr(loop.pipeline, "dataset_info", lambda name, data_dir=None: info)
    monkeypatch.setattr(loop.pipeline, "training_batches", training_batches)
    monkeypatch.setattr(loop.pipeline, "evaluation_batches", evaluation_batches)
    return calls


def test_trains_and_leaves_its_records(made_up, tmp_path):
    result = train(RECIPE, tmp_path / "new" / "run", progress=False)
    workdir = tmp_path / "new" / "run"
    assert sorted(path.name for path in workdir.iterdir()) == [
        "history.csv",
        "model.keras",
        "recipe.json",
    ]
    assert made_up.training == [("photo_patches", SIZE, 16, 0, "fast", 0.3, None)]
    assert Recipe.from_json((workdir / "recipe.json").read_text()) == RECIPE
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


def test_saved_model_is_plain_keras(made_up, tmp_path):
    """No loss, optimizer or custom class in the file; the same outputs as the result's model."""
    result = train(RECIPE, tmp_path, progress=False)
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects={})
    pixels, _ = images("validation")
    np.testing.assert_allclose(
        loaded.predict(pixels, verbose=0), result.model.predict(pixels, verbose=0), atol=1e-6
    )
    for model in (loaded, result.model):
        assert not model.compiled
        assert type(model) is type(small_network("inception_v1", None, (8, 8, 3), 3))
        assert model.losses == []


def test_same_seed_gives_the_same_run_and_another_does_not(made_up, tmp_path):
    def final_loss(seed):
        recipe = RECIPE.replace(seed=seed, epochs=1)
        return train(recipe, tmp_path / str(seed), progress=False).history["val_loss"][0]

    assert final_loss(0) == pytest.approx(final_loss(0), rel=1e-5)
    assert final_loss(0) != pytest.approx(final_loss(1), rel=1e-3)


def test_batch_norm_momentum_comes_from_the_recipe(made_up, tmp_path):
    model = train(RECIPE.replace(epochs=1), tmp_path, progress=False).model
    assert model.get_layer("bn").momentum == 0.8


def test_weight_decay_is_half_the_squared_kernels_in_the_training_loss_only():
    model = small_network("inception_v1", None, (SIZE, SIZE, 3), CLASSES)
    pixels, labels = images("train")
    plain, decayed = (
        loop._compiled(model, RECIPE.replace(weight_decay=decay), examples=96)
        for decay in (0.0, 0.02)
    )
    kernels = [model.get_layer(name).kernel for name in ("conv", "predictions")]
    penalty = 0.01 * sum(float(keras.ops.sum(kernel**2)) for kernel in kernels)
    predictions = model(pixels)

    def loss(trainer, training):
        return float(trainer.compute_loss(pixels, labels, predictions, training=training))

    assert loss(decayed, True) - loss(plain, True) == pytest.approx(penalty, rel=1e-4)
    assert loss(decayed, False) == pytest.approx(loss(plain, False))


def test_gradients_are_clipped_by_global_norm():
    """With momentum and decay off, a step of RMSProp is the rate times the clipped gradient."""
    model = small_network("inception_v1", None, (SIZE, SIZE, 3), CLASSES)
    before = [keras.ops.convert_to_numpy(weight) for weight in model.trainable_weights]
    recipe = RECIPE.replace(momentum=0.0, clip_norm=1e-3, weight_decay=0.0, learning_rate=1.0)
    pixels, labels = images("train")
    loop._compiled(model, recipe, examples=96).train_on_batch(pixels[:16], labels[:16])
    moved = [
        keras.ops.convert_to_numpy(now) - then
        for now, then in zip(model.trainable_weights, before, strict=True)
    ]
    # The root is sqrt(0.9 + tiny + 1.0).
    norm = np.sqrt(sum((move**2).sum() for move in moved))
    assert norm == pytest.approx(1e-3 / np.sqrt(1.9), rel=1e-3)


def test_loss_that_is_not_finite_stops_the_run_and_names_the_step(made_up, monkeypatch, tmp_path):
    def poisoned(*args, **kwargs):
        pixels, labels = images("train")
        data = tf.data.Dataset.from_tensor_slices((pixels, labels)).repeat().batch(16)
        return data.enumerate().map(lambda i, b: (b[0] * (np.nan if i == 8 else 1.0), b[1]))

    monkeypatch.setattr(loop.pipeline, "training_batches", poisoned)
    with pytest.raises(FloatingPointError, match=r"nan at step 9 \(epoch 2, batch 3\)"):
        train(RECIPE, tmp_path, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.csv", "recipe.json"]


def test_progress_bar_shows_images_a_second_and_accuracy(made_up, tmp_path, capsys):
    train(RECIPE, tmp_path)
    shown = capsys.readouterr().err
    assert "epoch 3/3" in shown
    assert "288/288" in shown
    assert "images/s" in shown
    assert "validation top-1" in shown


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
