"""TF-Slim checkpoints as they are published, on a narrow network; faults leave it unchanged."""

import pathlib
import tarfile
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_inception
from keras_inception.weights import from_tf_slim, load
from keras_inception.weights.assignment import Plan, Source, assign, fit

RNG = np.random.default_rng(0)
SHAPE = (75, 75, 3)
AVERAGE = "InceptionV4/Conv2d_1a_3x3/weights/ExponentialMovingAverage"


def build(classes=5, **arguments):
    arguments = {"weights": None, "width_multiplier": 0.05, "input_shape": SHAPE, **arguments}
    return keras_inception.InceptionV4(classes=classes, **arguments)


def slim_name(path):
    """A published-looking name for a variable of ours, through the real importer's own places."""
    layer, kind = path.split("/")
    kinds = {"kernel": "weights", "bias": "biases"}
    tail = kinds.get(kind, f"BatchNorm/{kind}")
    name = layer.removesuffix("_conv").removesuffix("_bn")
    if name == "predictions":
        return f"InceptionV4/Logits/Logits/{tail}"
    if "_branch" not in name:
        return f"InceptionV4/{name.capitalize()}/{tail}"
    block, inner = name.split("_branch")
    branch, box, size = inner.split("_", 2)
    letter = box[-1] if box[-1] in "ab" else ""
    position = int(box.rstrip("ab")) * 2 + (letter == "b")
    box = f"Conv2d_0{chr(ord('a') + position)}_{size}"
    return f"InceptionV4/{block.capitalize()}/Branch_{branch}/{box}/{tail}"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """(prefix, published name to value) of a checkpoint with 1001 classes, background first."""
    prefix = str(tmp_path_factory.mktemp("slim") / "inception_v4.ckpt")
    values = {
        slim_name(v.path): RNG.normal(0.5, 0.1, v.shape).astype("float32")
        for v in build(classes=1001).weights
    }
    extra = {
        "global_step": np.int64(7),
        "beta1_power": np.float32(0.9),
        "InceptionV4/Conv2d_1a_3x3/weights/RMSProp": np.zeros((3, 3, 3, 8), "float32"),
        AVERAGE: np.zeros((3, 3, 3, 8), "float32"),
    }
    names = sorted({**values, **extra})
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant({**values, **extra}[name]) for name in names],
    )
    return prefix, values


def assign_values(model, values):
    source = Source("a file", {n: v.shape for n, v in values.items()}, values.get)
    return assign(model, source, from_tf_slim.plan(model, values))


def kernel(model):
    return model.get_layer("predictions").kernel.numpy()


def test_all_variables_are_used_once(checkpoint):
    prefix, values = checkpoint
    model = build(classes=1001)
    report = load(model, prefix)
    assert sorted(report.used) == sorted(values)
    assert report.new == ()
    assert report.skipped == {
        "global_step": "step counter",
        "beta1_power": "step counter",
        "InceptionV4/Conv2d_1a_3x3/weights/RMSProp": "optimizer slot",
        AVERAGE: "moving average of a variable",
    }
    assert len(report.ends) == len(values)
    for variable in model.weights:
        np.testing.assert_array_equal(variable, values[slim_name(variable.path)])


def test_background_is_dropped_for_1000_classes(checkpoint):
    prefix, values = checkpoint
    model = build(classes=1000)
    load(model, prefix)
    expected = values["InceptionV4/Logits/Logits/weights"][:, 1:]
    np.testing.assert_array_equal(kernel(model), expected)


def test_another_class_count_gets_a_new_head(checkpoint):
    prefix, values = checkpoint
    model = build(classes=1002)
    before = kernel(model)
    report = load(model, prefix)
    heads = {f"InceptionV4/Logits/Logits/{n}" for n in ("biases", "weights")}
    assert {n for n, why in report.skipped.items() if why == "another number of classes"} == heads
    assert sorted(report.new) == ["predictions/bias", "predictions/kernel"]
    np.testing.assert_array_equal(kernel(model), before)
    trunk = model.get_layer("conv2d_1a_3x3_conv").kernel
    np.testing.assert_array_equal(trunk, values["InceptionV4/Conv2d_1a_3x3/weights"])


def test_without_the_classifier(checkpoint):
    report = load(build(include_top=False), checkpoint[0])
    heads = [n for n, why in report.skipped.items() if why == "a head that the model does not have"]
    assert len(heads) == 2


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001", ".meta"])
def test_any_file_of_the_checkpoint_will_do(checkpoint, suffix):
    pathlib.Path(f"{checkpoint[0]}.meta").write_bytes(b"a graph")
    model = build(classes=1001)
    load(model, checkpoint[0] + suffix)
    np.testing.assert_array_equal(kernel(model), checkpoint[1]["InceptionV4/Logits/Logits/weights"])


def test_published_archive(checkpoint, tmp_path):
    prefix, values = checkpoint
    archive = tmp_path / "inception_v4_2016_09_09.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for suffix in (".index", ".data-00000-of-00001"):
            tar.add(prefix + suffix, "inception_v4.ckpt" + suffix)
    model = build(classes=1001)
    load(model, archive)
    np.testing.assert_array_equal(kernel(model), values["InceptionV4/Logits/Logits/weights"])


def test_a_zip_like_facenets(checkpoint, tmp_path):
    prefix, values = checkpoint
    with zipfile.ZipFile(tmp_path / "20180402-114759.zip", "w") as archive:
        for suffix in (".index", ".data-00000-of-00001"):
            archive.write(prefix + suffix, f"20180402-114759/model.ckpt-275{suffix}")
        archive.writestr("20180402-114759/20180402-114759.pb", b"a frozen graph")
        archive.writestr("20180402-114759/model.meta", b"a graph")
    model = build(classes=1001, weights=tmp_path / "20180402-114759.zip")
    np.testing.assert_array_equal(kernel(model), values["InceptionV4/Logits/Logits/weights"])


@pytest.mark.parametrize("packed", [False, True])
def test_first_checkpoint_format(checkpoint, tmp_path, packed):
    """The one file, without an index, that TensorFlow wrote in 2016."""
    _, values = checkpoint
    path = tmp_path / "inception_v4.ckpt"
    names = sorted(values)
    tf.raw_ops.Save(
        filename=str(path), tensor_names=names, data=[tf.constant(values[n]) for n in names]
    )
    if packed:
        with tarfile.open(tmp_path / "slim.tar.gz", "w:gz") as tar:
            tar.add(path, "inception_v4.ckpt")
        path = tmp_path / "slim.tar.gz"
    model = build(classes=1001, weights=path)
    np.testing.assert_array_equal(kernel(model), values["InceptionV4/Logits/Logits/weights"])


def test_facenets_classifier_is_skipped():
    model = keras_inception.InceptionResNetV1(
        variant="facenet", weights=None, width_multiplier=0.05, input_shape=SHAPE
    )
    plan = from_tf_slim.plan(model, ["Logits/weights", "Logits/biases"])
    assert set(plan.skipped) == {"Logits/weights", "Logits/biases"}


def test_an_embedding_of_another_length(tmp_path):
    arguments = {"variant": "facenet", "width_multiplier": 0.05, "input_shape": SHAPE}
    model = keras_inception.InceptionResNetV1(weights=None, **arguments)
    model.save_weights(tmp_path / "faces.weights.h5")
    shorter = keras_inception.InceptionResNetV1(weights=None, classes=128, **arguments)
    report = load(shorter, tmp_path / "faces.weights.h5")
    assert {name.split("/")[0] for name in report.new} == {"bottleneck_dense", "bottleneck"}
    pixels = np.float32([[[[0, 127.5, 255]]]])
    np.testing.assert_allclose(model.preprocess_input(pixels), (pixels - 127.5) / 128)


@pytest.mark.parametrize("channels", [1, 6])
def test_other_channels_of_a_separable_stem(channels):
    arguments = {"weights": None, "width_multiplier": 0.1, "include_top": False}
    colour = keras_inception.InceptionV2(input_shape=(64, 64, 3), **arguments)
    renamed = {"depthwise_kernel": "depthwise_weights", "pointwise_kernel": "pointwise_weights"}
    stem = colour.get_layer("conv2d_1a_7x7_conv")
    first = {renamed.get(v.name, "biases"): v.numpy() for v in stem.weights}
    values = {f"InceptionV2/Conv2d_1a_7x7/{n}": v for n, v in first.items()}
    other = keras_inception.InceptionV2(input_shape=(64, 64, channels), **arguments)
    rules = from_tf_slim.plan(other, values).rules
    for rule in rules:
        rule.target.assign(fit(rule, values[rule.sources[0]]))
    assert len(rules) == 3
    grey = RNG.uniform(-1, 1, (1, 64, 64, 1)).astype("float32")
    found = other.get_layer("conv2d_1a_7x7_conv")(np.repeat(grey, channels, -1))
    np.testing.assert_allclose(found, stem(np.repeat(grey, 3, -1)), atol=1e-5)


@pytest.mark.parametrize("channels", [1, 4, 6])
def test_other_channels(checkpoint, channels):
    prefix, values = checkpoint
    model = keras_inception.InceptionV4(
        weights=prefix, width_multiplier=0.05, input_shape=(75, 75, channels), classes=1001
    )
    published = values["InceptionV4/Conv2d_1a_3x3/weights"]
    grey = np.ones((1, 9, 9, 1), "float32")
    expected = tf.nn.conv2d(np.repeat(grey, 3, -1), published, 2, "VALID")
    ours = model.get_layer("conv2d_1a_3x3_conv").kernel
    found = tf.nn.conv2d(np.repeat(grey, channels, -1), ours, 2, "VALID")
    if channels != 4:  # 4: RGBR is not grey's mean
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert ours.shape == (3, 3, channels, 8)


def test_one_error_lists_all_faults_and_nothing_changes(checkpoint):
    values = dict(checkpoint[1])
    del values["InceptionV4/Mixed_5b/Branch_0/Conv2d_0a_1x1/weights"]
    values["InceptionV4/Mixed_9z/Branch_0/Conv2d_0a_1x1/weights"] = np.zeros((1, 1, 8, 8))
    values["InceptionV4/Conv2d_2a_3x3/weights"] = np.zeros((3, 3, 8, 9), "float32")
    values["nonsense"] = np.zeros(3)
    model = build(classes=1001)
    before = [w.numpy().copy() for w in model.weights]
    with pytest.raises(ValueError, match="does not fit inception_v4") as error:
        assign_values(model, values)
    text = str(error.value)
    assert "left over: InceptionV4/Mixed_9z/Branch_0/Conv2d_0a_1x1/weights" in text
    assert "left over: nonsense" in text
    assert "missing: mixed_5b_branch0_0_1x1_conv/kernel" in text
    assert "shape: InceptionV4/Conv2d_2a_3x3/weights (3, 3, 8, 9) for" in text
    assert all((w.numpy() == old).all() for w, old in zip(model.weights, before))


def test_a_report_is_short_to_look_at(checkpoint):
    report = load(build(), checkpoint[0])
    assert repr(report) == "LoadReport(596 used, 6 skipped, 2 new)"


def test_other_widths_of_numbers(tmp_path):
    name = "InceptionV4/Conv2d_1a_3x3/weights"
    model = build(include_top=False)
    exact = RNG.integers(-128, 128, (3, 3, 3, 8)) / 64
    for dtype in ("bfloat16", "float16", "float64"):
        prefix = str(tmp_path / dtype)
        value = tf.constant(exact, dtype)
        tf.raw_ops.SaveV2(
            prefix=prefix, tensor_names=[name], shape_and_slices=[""], tensors=[value]
        )
        source = from_tf_slim.open_checkpoint(prefix)
        (rule,) = from_tf_slim.plan(model, [name]).rules
        part = keras.Model(model.inputs, model.get_layer("conv2d_1a_3x3_conv").output)
        assign(part, source, Plan([rule], {}))
        np.testing.assert_array_equal(rule.target, exact)


def test_moving_averages_on_request(checkpoint):
    name = "InceptionV4/Conv2d_1a_3x3/weights"
    plain = from_tf_slim.open_checkpoint(checkpoint[0])
    np.testing.assert_array_equal(plain.read(name), checkpoint[1][name])
    averaged = from_tf_slim.open_checkpoint(checkpoint[0], use_ema=True)
    assert (averaged.read(name) == 0).all()
    other = "InceptionV4/Conv2d_2a_3x3/weights"  # has no average
    np.testing.assert_array_equal(averaged.read(other), checkpoint[1][other])


def test_auxiliary_convolutions_of_another_size_are_a_fault():
    heads = keras_inception.with_auxiliary_heads(build())
    values = {f"InceptionV4/AuxLogits/Conv2d_2a/{n}": np.zeros(3) for n in ("weights",)}
    values["InceptionV4/AuxLogits/Conv2d_1b_1x1/weights"] = np.zeros((1, 1, 8, 9))
    with pytest.raises(ValueError, match="shape: InceptionV4/AuxLogits/Conv2d_1b_1x1/weights"):
        assign_values(heads, values)


@pytest.mark.parametrize("name", ["a.tar.gz", "b.weights.h5", "c.keras", "d.ckpt.index"])
def test_broken_files_are_one_clear_error(tmp_path, name):
    magic = {"a": b"\x1f\x8b\x08", "b": b"\x89HDF\r\n\x1a\n", "c": b"PK\x03\x04", "d": b"junk"}
    path = tmp_path / name
    path.write_bytes(magic[name[0]] + b"rubbish" * 20)
    with pytest.raises(ValueError, match=name.split(".")[0]):
        load(build(), path)


def test_a_tag_wants_the_full_width():
    with pytest.raises(ValueError, match="'imagenet' weights are of the full width"):
        keras_inception.InceptionV4(width_multiplier=0.5)


def test_unknown_format_and_unknown_tag(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no weights")
    with pytest.raises(ValueError, match=r"notes.txt has an unknown format; known are"):
        load(build(), path)
    with pytest.raises(ValueError, match="'nonsense' is not a file, .*there are: 'imagenet'"):
        load(build(), "nonsense")


def test_a_folder_and_a_file_without_classifier(tmp_path):
    with pytest.raises(ValueError, match="is a folder, not a file of weights"):
        load(build(), tmp_path)
    with pytest.raises(ValueError, match="is a folder, not a file of weights"):
        build(weights=tmp_path)
    with pytest.raises(
        ValueError, match="'keras_notop' weights do not have a classifier: use include_t"
    ):
        keras_inception.Xception(weights="keras_notop")


def test_without_a_network_the_error_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_INCEPTION_OFFLINE", "1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(OSError, match=r"2016_09_09.tar.gz.*weights=PATH.*weights=None"):
        load(build(), "imagenet")
