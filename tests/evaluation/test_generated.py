"""Tests of evaluation/generated.py: narrow networks on few pictures, against numpy and SciPy."""

import json
import logging
import pathlib
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch_rule
from safetensors.numpy import save_file
from scipy import linalg

import keras_inception
from keras_inception import data
from keras_inception.evaluation import Statistics, fid, generated, inception_score, statistics
from keras_inception.weights.formats import CONVERSION

SIZE = 75


@pytest.fixture(scope="module")
def network():
    """InceptionV3(variant="fid"), narrow, small, with random weights and its classifier."""
    keras.utils.set_random_seed(0)
    return keras_inception.InceptionV3(
        weights=None, variant="fid", width_multiplier=0.05, input_shape=(SIZE, SIZE, 3), classes=20
    )


@pytest.fixture(scope="module")
def small():
    """Five features of a picture, of which few pictures determine a covariance."""
    keras.utils.set_random_seed(1)
    images = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(5, 5, strides=4, activation="relu")(images)
    return keras.Model(images, keras.layers.GlobalAveragePooling2D()(x), name="small")


def write(folder, seed, count=12, suffix="png"):
    """Pictures of several sizes, in several colours; returns the folder as a set's name."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for i in range(count):
        rows, columns = rng.integers(40, 120, 2)
        pixels = rng.integers(0, 256, (1, 1, 3)) + rng.normal(0, 40, (rows, columns, 3))
        encoded = tf.io.encode_png(np.clip(pixels, 0, 255).astype("uint8"))
        (folder / f"{i:03}.{suffix}").write_bytes(encoded.numpy())
    return f"folder:{folder}"


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    return write(folder / "a", 0), write(folder / "b", 1, 17)


def centred(pixels, size):
    """Bilinear between pixel centres, in numpy, as PyTorch's `align_corners=False` is defined."""
    for axis in (0, 1):
        length = pixels.shape[axis]
        places = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, None)
        low = np.minimum(places.astype(int), length - 1)
        high, share = np.minimum(low + 1, length - 1), (places - low)[:, None, None]
        share = share if axis == 0 else share.transpose(1, 0, 2)
        pixels = pixels.take(low, axis) * (1 - share) + pixels.take(high, axis) * share
    return pixels


def views(name):
    """The pictures of a flat folder as the networks see them."""
    folder = pathlib.Path(name.removeprefix("folder:"))
    images = [tf.io.decode_png(file.read_bytes()).numpy() for file in sorted(folder.iterdir())]
    return np.stack([centred(image.astype(float), SIZE) / 127.5 - 1 for image in images])


def features_of(model, name):
    return model.predict(views(name).astype("float32"), verbose=0).astype(float)


def direct(a, b):
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    mean = a.mean(axis=0) - b.mean(axis=0)
    return mean @ mean + np.trace(first + second - 2 * linalg.sqrtm(first @ second).real)


def test_pictures_are_squashed_as_pytorch_does(sets):
    batches = data.open(sets[0], labelled=False).whole_picture_batches(SIZE, 5)
    found = np.concatenate([batch.numpy() for batch in batches])
    np.testing.assert_allclose(found, views(sets[0]), atol=2e-5)


@pytest.mark.parametrize("batch_size", [5, 32])
def test_distance_is_that_of_a_direct_computation(small, sets, batch_size):
    expected = direct(*(features_of(small, name) for name in sets))
    found = fid(*sets, model=small, batch_size=batch_size, progress=False)
    assert expected > 0
    assert found == pytest.approx(expected, rel=1e-4)


def test_a_set_is_at_distance_0_from_itself(small, sets):
    trace = np.trace(statistics(sets[0], model=small, progress=False).sigma)
    assert fid(sets[0], sets[0], model=small, progress=False) == pytest.approx(0, abs=1e-7 * trace)


def test_features_of_a_classifier_are_those_of_its_pool(network, sets, caplog):
    pool = keras.Model(network.input, network.get_layer("avg_pool").output)
    with caplog.at_level(logging.WARNING):
        found = statistics(sets[0], model=network, progress=False)
    expected = features_of(pool, sets[0])
    np.testing.assert_allclose(found.mu, expected.mean(axis=0), rtol=1e-4, atol=1e-6)
    assert found.mu.shape == (88,)
    alone = statistics(sets[0], model=pool, progress=False)
    assert found.network == alone.network
    fid(found, alone)
    assert "12 pictures do not determine a covariance of 88 features" in caplog.text


def test_saved_statistics_give_the_same_distance(small, sets, tmp_path):
    first = statistics(sets[0], model=small, progress=False)
    first.save(tmp_path / "a.npz")
    expected = fid(*sets, model=small, progress=False)
    assert fid(tmp_path / "a.npz", sets[1], model=small, progress=False) == expected
    assert fid(first, sets[1], model=small, progress=False) == expected
    second = statistics(sets[1], model=small, progress=False)
    second.save(tmp_path / "b.npz")
    # Without any network: none could be fetched here.
    assert fid(str(tmp_path / "a.npz"), str(tmp_path / "b.npz")) == expected
    assert Statistics.load(tmp_path / "a.npz").pictures == 12


def test_statistics_of_another_network_are_refused(small, network, sets, tmp_path):
    statistics(sets[0], model=small, progress=False).save(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"a.npz has 5 features, folder:.*, all 88"):
        fid(tmp_path / "a.npz", sets[1], model=network, progress=False)
    other = keras.models.clone_model(small)
    with pytest.raises(ValueError, match=f"different networks: .*{SIZE} pixels, sha256 [0-9a-f]"):
        fid(tmp_path / "a.npz", sets[1], model=other, progress=False)


def test_class_folders_or_none_are_the_same_pictures(small, sets, tmp_path):
    flat = pathlib.Path(sets[0].removeprefix("folder:"))
    for i, file in enumerate(sorted(flat.iterdir())):
        target = tmp_path / f"class{i // 6}" / file.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.read_bytes())
    found = statistics(f"folder:{tmp_path}", model=small, progress=False)
    expected = statistics(sets[0], model=small, progress=False)
    np.testing.assert_array_equal(found.sigma, expected.sigma)
    # Pictures in the folder itself are the set; folders beside them are something else.
    for file in sorted(flat.iterdir())[:3]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert statistics(f"folder:{tmp_path}", model=small, progress=False).pictures == 3


def test_photo_patches(small, photo_patches_dir, capsys):
    first = data.open("photo_patches", "test[:40]", photo_patches_dir)
    second = first.with_split("validation[:30]")
    distance = fid(first, second, model=small)
    assert distance > 0
    assert "photo_patches, test[:40]: 100%" in capsys.readouterr().err
    found = statistics("photo_patches", model=small, data_dir=photo_patches_dir, progress=False)
    assert found.source == "photo_patches, test"


def test_old_arguments_for_splits_work(small, photo_patches_dir, monkeypatch):
    monkeypatch.setattr("keras_inception.renamed._said", set())
    how = {"model": small, "data_dir": photo_patches_dir, "progress": False}
    both = ("photo_patches", "photo_patches")
    with pytest.warns(FutureWarning) as said:
        found = fid(*both, split_a="test[:9]", split_b="test[9:18]", **how)
    assert {str(warning.message).split(" is now data.open")[0] for warning in said} == {
        "fid(split_a=...)",
        "fid(split_b=...)",
    }
    test = data.open("photo_patches", "test", photo_patches_dir)
    expected = fid(test.take(9), test.without(range(9)).take(9), model=small, progress=False)
    assert found == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match="has no split 'tset'; it has train"):
        fid(*both, split_a="tset", **how)


def test_pictures_of_the_callers_own(small, sets):
    files = sorted(pathlib.Path(sets[0].removeprefix("folder:")).iterdir())
    own = data.from_tf(tf.data.Dataset.from_tensor_slices([file.read_bytes() for file in files]))
    assert fid(own, sets[0], model=small, progress=False) == pytest.approx(0, abs=1e-6)


def test_bad_sets(small, sets, tmp_path):
    how = {"model": small, "progress": False}
    one = write(tmp_path / "one", 0, count=1)
    with pytest.raises(ValueError, match="two pictures or more, and folder:.*one, all has 1"):
        fid(one, sets[0], **how)
    with pytest.raises(ValueError, match="nowhere is not a folder: .* expects a folder with pict"):
        fid("folder:nowhere", sets[0], **how)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty has no"):
        fid(f"folder:{tmp_path / 'empty'}", sets[0], **how)
    with pytest.raises(ValueError, match="has no split 'test'; it has all"):
        fid(sets[0], data.open(sets[0], "test", labelled=False), **how)
    with pytest.raises(FileNotFoundError, match="nowhere.npz"):
        fid("nowhere.npz", sets[0], **how)
    with pytest.raises(ValueError, match="not an object of type ndarray"):
        fid(np.zeros(3), sets[0], **how)
    with pytest.raises(ValueError, match="batch_size must be whole numbers of at least 1"):
        fid(*sets, batch_size=0, **how)
    broken = write(tmp_path / "broken", 0)
    (tmp_path / "broken" / "005.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="005.png cannot be read: "):
        fid(broken, sets[0], **how)


def test_bad_models(sets):
    with pytest.raises(ValueError, match="model must be a keras.Model, got str"):
        fid(*sets, model="model.keras")
    with pytest.raises(ValueError, match="model must be a keras.Model, got int"):
        inception_score(sets[0], model=3)
    images = keras.Input((SIZE, SIZE, 3))
    grid = keras.Model(images, keras.layers.Conv2D(2, 3)(images))
    with pytest.raises(ValueError, match="gives"):
        fid(*sets, model=grid)
    x = keras.layers.GlobalAveragePooling2D()(images)
    nan = keras.Model(images, keras.layers.Rescaling(np.nan)(x))
    with pytest.raises(ValueError, match=r"the features of picture 0 \(from 0\) are not finite"):
        fid(*sets, model=nan, progress=False)
    with pytest.raises(ValueError, match="do not sum to one"):
        inception_score(sets[0], model=nan, splits=1, progress=False)


def score_directly(probabilities, splits):
    """The published formula on all probabilities, a part at a time."""
    scores, count = [], len(probabilities)
    for i in range(splits):
        part = probabilities[i * count // splits : (i + 1) * count // splits]
        divergence = part * (np.log(part) - np.log(part.mean(axis=0)))
        scores.append(np.exp(divergence.sum(axis=1).mean()))
    return np.mean(scores), np.std(scores)


@pytest.fixture(scope="module")
def classifier():
    """Tells pictures by their mean colour."""
    keras.utils.set_random_seed(2)
    images = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(images)
    return keras.Model(images, keras.layers.Dense(7, activation="softmax")(x))


@pytest.mark.parametrize("splits", [1, 4, 10])
def test_score_is_the_published_formula(classifier, sets, splits):
    """17 pictures, which 10 parts do not divide."""
    expected = score_directly(features_of(classifier, sets[1]), splits)
    found = inception_score(sets[1], model=classifier, splits=splits, batch_size=5, progress=False)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert (found.mean, found.deviation) == tuple(found)
    assert found.mean > 1.01


def test_score_of_a_shuffled_set(classifier, sets):
    """The same pictures in other parts: one part knows no order."""
    how = {"model": classifier, "progress": False}
    in_order = inception_score(sets[1], splits=4, **how)
    shuffled = inception_score(sets[1], splits=4, seed=1, **how)
    assert shuffled != in_order
    assert shuffled == inception_score(sets[1], splits=4, seed=1, **how)
    np.testing.assert_allclose(
        inception_score(sets[1], splits=1, seed=1, **how),
        inception_score(sets[1], splits=1, **how),
        rtol=1e-12,
    )


def test_score_of_sure_answers(sets):
    """A probability of zero, of which the logarithm is infinite, counts nothing."""
    images = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(images)

    def surest(logits):
        return keras.ops.one_hot(keras.ops.argmax(logits, -1), 3)

    model = keras.Model(images, keras.layers.Dense(3, activation=surest)(x))
    shares = features_of(model, sets[1]).mean(axis=0)
    shares = shares[shares > 0]
    expected = np.exp(-(shares * np.log(shares)).sum())
    found = inception_score(sets[1], model=model, splits=1, progress=False)
    assert found.mean == pytest.approx(expected)
    assert found.mean > 1


@pytest.mark.parametrize("splits", [0, 13, -1])
def test_number_of_parts(classifier, sets, splits):
    with pytest.raises(ValueError, match=f"splits={splits} is not from 1 to 12"):
        inception_score(sets[0], model=classifier, splits=splits)


def test_the_published_score_leaves_the_bias_out(monkeypatch, sets, network):
    monkeypatch.setattr(generated, "InceptionV3", lambda **_: keras.models.clone_model(network))
    keras.utils.set_random_seed(0)
    model = generated._classifier("fid.safetensors")
    assert not np.any(model.get_layer("predictions").bias)


def test_without_weights_the_error_says_where_they_are(small, sets):
    for call, of in ((fid, sets), (statistics, sets[:1]), (inception_score, sets[:1])):
        with pytest.raises(ValueError, match="pass weights=PATH of a file, or a model") as error:
            call(*of)
        assert generated.PORT in str(error.value)
        assert str(error.value).endswith(CONVERSION)
        with pytest.raises(ValueError, match="both model and weights are given"):
            call(*of, model=small, weights="fid.safetensors")


def test_weights_that_are_not_loaded(sets, tmp_path):
    path = tmp_path / "port.pth"
    path.write_bytes(pickle.dumps({"fc.bias": 0}))
    for call, of in ((fid, sets), (inception_score, sets[:1])):
        with pytest.raises(ValueError, match="port.pth is a pickle") as error:
            call(*of, weights=path)
        assert str(error.value).endswith(CONVERSION)
        with pytest.raises(ValueError, match="'fid' is not a file"):
            call(*of, weights="fid")


def test_a_file_with_the_names_of_the_port(sets, tmp_path):
    """At full size: torchvision's names and shapes without the auxiliary head, 1008 classes."""
    shapes, _ = torch_rule.recorded("torchvision_inception_v3")
    shapes = {name: shape for name, shape in shapes.items() if not name.startswith("AuxLogits")}
    shapes |= {"fc.weight": (1008, 2048), "fc.bias": (1008,)}
    path = tmp_path / "port.safetensors"
    save_file(torch_rule.values(shapes), path)
    found = statistics(sets[0], weights=path, progress=False)
    path.unlink()  # 95 MB
    assert (found.mu.shape, found.sigma.shape) == ((2048,), (2048, 2048))
    assert found.network.startswith("299 pixels, sha256 ")
    assert (found.sigma.diagonal() > 0).mean() > 0.9


def test_unlabelled_pictures_of_tensorflow_datasets(tmp_path, small, sets):
    """A data set that has no label, as CelebA and LSUN have none."""
    import tensorflow_datasets as tfds

    folder = tmp_path / "faces" / "1.0.0"
    folder.mkdir(parents=True)
    features = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(None, None, 3))})
    files = sorted(pathlib.Path(sets[0].removeprefix("folder:")).iterdir())
    name = "faces-train.tfrecord-00000-of-00001"
    with tf.io.TFRecordWriter(str(folder / name)) as writer:
        for file in files:
            writer.write(features.serialize_example({"image": str(file)}))
    split = tfds.core.SplitInfo(name="train", shard_lengths=[len(files)], num_bytes=0)
    tfds.folder_dataset.write_metadata(data_dir=str(folder), features=features, split_infos=[split])
    assert json.loads((folder / "dataset_info.json").read_text())["name"] == "faces"
    found = statistics("faces", model=small, data_dir=str(tmp_path), progress=False)
    expected = statistics(sets[0], model=small, progress=False)
    assert found.source == "faces, train"
    np.testing.assert_allclose(found.sigma, expected.sigma, rtol=1e-12)
    with pytest.raises(ValueError, match="'faces' has no feature label"):
        data.open("faces", data_dir=str(tmp_path))
