"""Tests of evaluation/accuracy.py: known answers, crops, ensembles, and photo_patches itself."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception import data, export
from keras_inception.evaluation import Evaluation, evaluate, predictor


def color_model(name="color", power=4.0, size=8):
    """Three classes: the more of a crop's mean is in a channel, the likelier is its class."""
    images = keras.Input((size, size, 3))
    x = keras.layers.GlobalAveragePooling2D()(images)
    x = keras.layers.Rescaling(power)(x)
    return keras.Model(images, keras.layers.Softmax()(x), name=name)


def batches(crops, labels, batch_size=2):
    data = tf.data.Dataset.from_tensor_slices((np.asarray(crops, "float32"), np.asarray(labels)))
    return data.batch(batch_size)


def colored(*channels):
    """One picture, a crop for each channel number: that channel is 1, the others -1."""
    crops = np.full((len(channels), 8, 8, 3), -1.0)
    for crop, channel in zip(crops, channels, strict=True):
        crop[..., channel] = 1
    return crops


def test_one_crop():
    pictures = [colored(0), colored(1), colored(2), colored(2), colored(1)]
    found = evaluate(color_model(), batches(pictures, [0, 1, 2, 0, 1]), progress=False)
    assert isinstance(found, Evaluation)
    assert (found.top1, found.top5, found.pictures) == (0.8, 1.0, 5)
    assert found.top1_standard_error == pytest.approx(np.sqrt(0.8 * 0.2 / 5))
    assert found.top5_standard_error == 0
    assert found.confusion.tolist() == [[1, 0, 1], [0, 2, 0], [0, 0, 1]]
    assert found.predictions.tolist() == [0, 1, 2, 2, 1]
    assert found.class_names == ("0", "1", "2")
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-6)
    summary = found.summary()
    assert summary["models"] == ["color"]
    assert summary["top1"] == 0.8


def test_crops_are_averaged_after_the_softmax():
    pictures = [colored(0, 0, 1), colored(2, 1, 1)]
    crops = batches(pictures, [0, 1])
    # One crop at a time through the network, so that crops straddle its batches.
    found = evaluate(color_model(), crops, 3, batch_size=1, progress=False)
    high, low = np.exp([4, -4]) / (np.exp(4) + 2 * np.exp(-4))
    np.testing.assert_allclose(found.probabilities[0, 0], (2 * high + low) / 3, rtol=1e-5)
    assert found.top1 == 1
    assert found.crops == 3


@pytest.fixture
def spoilt(tmp_path):
    """A folder of twelve pictures in three classes, of which the second and last are broken."""
    for number in range(12):
        path = tmp_path / "pictures" / "test" / f"{number // 4}" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = np.zeros((20, 20, 3), "uint8")
        picture[..., number // 4] = 255
        content = tf.io.encode_png(picture).numpy()
        path.write_bytes(content[:60] if number in (1, 11) else content)
    return f"folder:{tmp_path / 'pictures'}"


def test_a_broken_picture_is_named(spoilt, tmp_path):
    with pytest.raises(ValueError, match="^0/01.png cannot be read: .*; on_error='skip' "):
        evaluate(color_model(), spoilt, progress=False)
    dataset = data.open(spoilt, "test").without([1])
    with pytest.raises(ValueError, match="^2/11.png cannot be read"):
        evaluate(color_model(), dataset, progress=False, state_dir=tmp_path / "state")


def test_a_picture_that_is_gone_is_named(spoilt):
    folder = pathlib.Path(spoilt.removeprefix("folder:")) / "test"
    (folder / "0" / "00.png").unlink()
    (folder / "0" / "00.png").symlink_to("nowhere.png")
    with pytest.raises(ValueError, match="^0/00.png cannot be read: .*00.png"):
        evaluate(color_model(), spoilt, progress=False)


def test_broken_pictures_are_left_out(spoilt, tmp_path, caplog):
    dataset = data.open(spoilt, "test").without([0])
    options = {"progress": False, "state_dir": tmp_path / "state"}
    with pytest.raises(ValueError, match="leaves such pictures out"):  # and leaves its state there
        evaluate(color_model(), dataset, **options)
    found = evaluate(color_model(), dataset, on_error="skip", **options)
    assert (found.pictures, found.excluded, found.unreadable) == (9, 1, 2)
    assert found.labels.tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2]
    assert found.top1 == 1
    assert found.examples.tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert found.summary()["unreadable"] == 2
    assert "0/01.png cannot be read and is left out" in caplog.text
    again = evaluate(color_model(), dataset, on_error="skip", **options)
    np.testing.assert_array_equal(again.probabilities, found.probabilities)


def test_an_ensemble_averages_probabilities():
    sure, unsure = color_model("sure"), color_model("unsure", power=0.1)
    data = batches([colored(0), colored(1)], [0, 1])
    both = evaluate([sure, unsure], data, progress=False)
    each = [evaluate(m, data, progress=False).probabilities for m in (sure, unsure)]
    np.testing.assert_allclose(both.probabilities, np.mean(each, axis=0), rtol=1e-5)
    assert both.models == ("sure", "unsure")


def test_a_bar_shows_pictures_per_second(capsys):
    evaluate(color_model(), batches([colored(0)] * 3, [0, 1, 2]))
    shown = capsys.readouterr().err
    assert "color, 1 crop" in shown
    assert "images/s" in shown


@pytest.mark.parametrize(
    ("models", "data", "crops", "message"),
    [
        ([], batches([colored(0)], [0]), 1, "no model"),
        (color_model(), batches([colored(0)], [0]), 10, r"\(batch, 10, size, size, 3\)"),
        (color_model(), batches([colored(0)], [3]), 1, r"\[0, 3\)"),
        (color_model(), batches([colored(0)], [0]).take(0), 1, "no pictures"),
        (
            [color_model(), color_model(size=9)],
            batches([colored(0)], [0]),
            1,
            "models of several sizes",
        ),
        (color_model(), "photo_patches", 1, "3 classes, expected 14"),
        (color_model(), "photo_patches", 3, "choose from 1, 10, 12, 144"),
    ],
)
def test_bad_input_is_a_value_error(models, data, crops, message):
    with pytest.raises(ValueError, match=message):
        evaluate(models, data, crops, progress=False)


def test_logits_are_refused():
    images = keras.Input((8, 8, 3))
    logits = keras.Model(images, keras.layers.GlobalAveragePooling2D()(images), name="logits")
    with pytest.raises(ValueError, match="outputs of logits do not sum to one"):
        evaluate(logits, batches([colored(0)], [0]), progress=False)


def classifier_of_patches(size):
    images = keras.Input((size, size, 3))
    x = keras.layers.AveragePooling2D(size // 4)(images)
    x = keras.layers.Dense(14, activation="softmax")(keras.layers.Flatten()(x))
    return keras.Model(images, x, name=f"at{size}")


def test_photo_patches_by_name_with_models_of_two_sizes(photo_patches_dir):
    models = [predictor(classifier_of_patches(size)) for size in (16, 24)]
    together = evaluate(models, "photo_patches", data_dir=photo_patches_dir, progress=False)
    assert together.pictures == 560
    assert together.class_names[0] == "brick"
    assert 0 < together.top1_standard_error < 0.02
    some = data.open("photo_patches", "test", photo_patches_dir).take(60)
    apart = [evaluate(m, some, progress=False) for m in models]
    np.testing.assert_array_equal(apart[0].labels, together.labels[:60])
    expected = (apart[0].probabilities + apart[1].probabilities) / 2
    np.testing.assert_allclose(together.probabilities[:60], expected, atol=1e-6)
    with pytest.raises(ValueError, match="no split 'tset'"):
        evaluate(models, "photo_patches", split="tset", data_dir=photo_patches_dir, progress=False)


def test_each_models_own_accuracy():
    right, wrong = color_model("right"), color_model("wrong", power=-3.0)
    found = evaluate([wrong, right], batches([colored(0), colored(1)], [0, 1]), progress=False)
    assert found.hits.tolist() == 2 * [[[False, True], [True, True]]]
    alone = found.summary()["each_model"]
    assert [(row["model"], row["top1"], row["top5"]) for row in alone] == [
        ("wrong", 0.0, 1.0),
        ("right", 1.0, 1.0),
    ]
    assert found.top1 == 1


def test_per_class():
    pictures = [colored(0), colored(1), colored(1), colored(0)]
    found = evaluate(color_model(), batches(pictures, [0, 1, 0, 0]), progress=False)
    assert found.per_class() == [
        {"name": "0", "pictures": 3, "top1": 2 / 3, "top5": 1.0, "taken_for": "1"},
        {"name": "1", "pictures": 1, "top1": 1.0, "top5": 1.0, "taken_for": None},
        {"name": "2", "pictures": 0, "top1": None, "top5": None, "taken_for": None},
    ]


def test_models_that_know_the_classes_in_another_order():
    """The second is right about all pictures if it is asked by name, and never by place."""
    pictures = batches([colored(0), colored(1), colored(2)], [1, 2, 0])
    models = [predictor(color_model(), "abc"), predictor(color_model(), "bca")]
    found = evaluate(models, pictures, progress=False)
    assert found.class_names == ("a", "b", "c")
    assert found.hits[:, :, 0].tolist() == [[False, True]] * 3


def test_data_with_some_of_the_classes_or_in_another_order():
    pixels = np.stack([np.uint8([[[255 * (i == n) for i in range(3)]]]) for n in (2, 0, 2)])
    own = tf.data.Dataset.from_tensor_slices((np.tile(pixels, (1, 20, 20, 1)), [0, 1, 0]))
    model = predictor(color_model(), ["red", "green", "blue"])
    some = data.from_tf(own, ["blue", "red"])
    found = evaluate(model, some, progress=False)
    assert (found.top1, found.labels.tolist()) == (1, [2, 0, 2])
    assert found.class_names == ("red", "green", "blue")
    all_of_them = data.from_tf(own, ["blue", "red", "green"])
    found = evaluate(model, all_of_them, progress=False)
    assert (found.top1, found.labels.tolist()) == (1, [0, 1, 0])
    assert found.class_names == ("blue", "red", "green")
    with pytest.raises(ValueError, match="does not know 1 of the data's 2 classes: Blue. It knows"):
        evaluate(model, data.from_tf(own, ["Blue", "red"]), progress=False)


def test_forms_and_sizes_in_one_ensemble(photo_patches_dir, tmp_path):
    small, large = (classifier_of_patches(size) for size in (16, 24))
    small.save(tmp_path / "small.keras")
    export.saved_model(large, tmp_path / "served")
    export.tflite(small, tmp_path / "small.tflite", "float32")
    dataset = data.open("photo_patches", "test", photo_patches_dir).take(3)
    files = [tmp_path / name for name in ("small.keras", "served", "small.tflite")]
    found = evaluate(files, dataset, 12, progress=False)
    apart = [evaluate(m, dataset, 12, progress=False) for m in (small, large, small)]
    expected = np.mean([one.probabilities for one in apart], axis=0)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
    for i, one in enumerate(apart):
        np.testing.assert_array_equal(found.hits[:, i], one.hits[:, 0])


def test_excluded_pictures_are_left_out(photo_patches_dir, tmp_path):
    model = classifier_of_patches(16)
    dataset = data.open("photo_patches", "test[:60]", photo_patches_dir)
    everything = evaluate(model, dataset, progress=False)
    (tmp_path / "list.txt").write_text("59\n\n0\n17\n")
    found = evaluate(model, dataset.without(tmp_path / "list.txt"), progress=False)
    assert (found.pictures, found.excluded) == (57, 3)
    np.testing.assert_array_equal(found.labels, everything.labels[found.examples])
    np.testing.assert_array_equal(found.probabilities, everything.probabilities[found.examples])
    assert not {0, 17, 59} & set(found.examples)
    with pytest.raises(ValueError, match="no pictures"):
        evaluate(model, dataset.without(range(60)), progress=False)


def test_the_old_argument_for_excluded_pictures_works(photo_patches_dir, monkeypatch):
    monkeypatch.setattr("keras_inception.renamed._said", set())
    model = classifier_of_patches(16)
    how = {"data_dir": photo_patches_dir, "split": "test[:20]", "progress": False}
    with pytest.warns(FutureWarning, match=r"evaluate\(exclude=...\) is now data.open"):
        found = evaluate(model, "photo_patches", exclude=[1], **how)
    assert (found.pictures, found.excluded) == (19, 1)
    with pytest.warns(FutureWarning, match="is now Evaluation.class_names"):
        assert found.classes == found.class_names


def test_a_data_set_of_the_callers_own():
    """A tf.data.Dataset of pictures, single or in batches, gives what a folder of them gives."""
    pictures = np.stack([np.uint8([[[255 * (i == n) for i in range(3)]]]) for n in (0, 1, 2, 2)])
    pictures = np.tile(pictures, (1, 20, 20, 1))
    own = tf.data.Dataset.from_tensor_slices((pictures, [0, 1, 2, 0]))
    for dataset in (own, own.batch(3)):
        dataset = data.from_tf(dataset, class_names=["red", "green", "blue"], name="colours")
        found = evaluate(color_model(), dataset, progress=False)
        assert (found.top1, found.dataset, found.split) == (0.75, "colours", "all")
        assert found.class_names == ("red", "green", "blue")
        assert found.examples.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"pass data.from_tf\(dataset, class_names"):
        evaluate(color_model(), own, progress=False)


def test_a_data_set_that_cannot_be_compared():
    pixels = np.zeros((20, 8, 8, 3), "uint8")
    labels = np.array([0] * 19 + [7])  # beyond the first 16, at which `from_tf` looks
    own = tf.data.Dataset.from_tensor_slices((pixels, labels))
    with pytest.raises(ValueError, match="cannot be evaluated: label 7 is not from 0 to 2$"):
        evaluate(color_model(), data.from_tf(own, ["r", "g", "b"]), progress=False)
    with pytest.raises(ValueError, match="the data set has no class names, so its labels cannot"):
        evaluate(color_model(), data.from_tf(own), progress=False)
    broken = tf.data.Dataset.from_tensor_slices(([b"no picture"], [0]))
    with pytest.raises(ValueError, match=r"^picture 0 of mine cannot be read: Unknown .*\w; on_er"):
        evaluate(color_model(), data.from_tf(broken, ["r", "g", "b"], name="mine"), progress=False)


class Stops(Exception):
    pass


def stopping(model, calls, error=Stops):
    """A predictor that raises in the call after `calls`."""
    form = predictor(model)
    run, left = form._run, iter(range(calls))

    def _run(crops):
        if next(left, None) is None:
            raise error
        return run(crops)

    form._run = _run
    return form


def test_a_stopped_run_goes_on(photo_patches_dir, tmp_path):
    """After Ctrl-C, which is not an `Exception`."""
    models = [classifier_of_patches(size) for size in (16, 24)]
    dataset = data.open("photo_patches", "test", photo_patches_dir).take(80)
    options = {"progress": False, "batch_size": 80}
    whole = evaluate(models, dataset, 10, **options)
    options["state_dir"] = tmp_path / "state"
    for i, calls in ((0, 2), (1, 3)):  # in the first model's pass, then in the second's
        error = KeyboardInterrupt
        broken = [stopping(m, calls, error) if i == j else m for j, m in enumerate(models)]
        with pytest.raises(error):
            evaluate(broken, dataset, 10, **options)
    # The first model has nothing left to do, the second has done three of its ten batches.
    counted = [stopping(models[0], 0), stopping(models[1], 10 - 3)]
    found = evaluate(counted, dataset, 10, **options)
    np.testing.assert_array_equal(found.labels, whole.labels)
    np.testing.assert_allclose(found.probabilities, whole.probabilities, atol=1e-6)
    np.testing.assert_array_equal(found.hits, whole.hits)
    done = [stopping(m, 0) for m in models]
    again = evaluate(done, dataset, 10, **options)
    np.testing.assert_array_equal(again.probabilities, found.probabilities)
    assert again.seconds == found.seconds
    with pytest.raises(Stops):
        evaluate(done, dataset, 10, resume=False, **options)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"crops": 10}, "crops differ"),
        ({"split": "validation"}, "split, contents differ"),
        ({"without": [3]}, "pictures, exclude differ"),
        ({"models": True}, "models differ"),
    ],
)
def test_the_state_of_another_run_is_refused(photo_patches_dir, tmp_path, change, named):
    first, second = classifier_of_patches(16), classifier_of_patches(16)
    dataset = data.open("photo_patches", "test", photo_patches_dir)
    options = {"crops": 1, "progress": False, "state_dir": tmp_path / "state"}
    with pytest.raises(Stops):
        evaluate(stopping(first, 1), dataset, **options)
    model = second if change.get("models") else first
    dataset = dataset.with_split(change.get("split", "test")).without(change.get("without", []))
    options["crops"] = change.get("crops", 1)
    with pytest.raises(ValueError, match=named):
        evaluate(model, dataset, **options)


def test_a_state_is_refused_when_the_models_classes_are_called_otherwise(tmp_path):
    """As by another labels.txt beside the model, whose file is the same."""
    model = color_model()
    pixels = np.zeros((2, 8, 8, 3), "uint8")
    own = data.from_tf(tf.data.Dataset.from_tensor_slices((pixels, [0, 1])), ["a", "b"])
    options = {"progress": False, "state_dir": tmp_path / "state"}
    evaluate(predictor(model, "abc"), own, **options)
    with pytest.raises(ValueError, match="classes differ"):
        evaluate(predictor(model, "acb"), own, **options)


def test_the_state_of_other_pictures_is_refused(spoilt, tmp_path):
    options = {"progress": False, "on_error": "skip", "state_dir": tmp_path / "state"}
    evaluate(color_model(), spoilt, **options)
    picture = tmp_path / "pictures" / "test" / "0" / "00.png"
    picture.write_bytes(tf.io.encode_png(np.full((9, 9, 3), 255, "uint8")).numpy())
    with pytest.raises(ValueError, match=r"another evaluation \(contents differ\)"):
        evaluate(color_model(), spoilt, **options)


def test_batches_have_no_state(tmp_path):
    for option in ({"state_dir": tmp_path}, {"on_error": "skip"}):
        with pytest.raises(ValueError, match="pass a Dataset or the name of one"):
            evaluate(color_model(), batches([colored(0)], [0]), progress=False, **option)
