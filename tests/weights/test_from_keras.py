"""Files of Keras: `keras.applications`' in all three formats, there and back, and our own."""

import keras
import numpy as np
import pytest
import quickly

import keras_inception
from keras_inception.weights import load
from keras_inception.weights import save as save_weights
from keras_inception.weights.to_keras import to_keras_applications

RNG = np.random.default_rng(0)
SHAPE = (75, 75, 3)
SUFFIXES = (".h5", ".weights.h5", ".keras")
NETWORKS = {
    "inception_v3": "InceptionV3",
    "inception_resnet_v2": "InceptionResNetV2",
    "xception": "Xception",
}
PICTURES = RNG.uniform(-1, 1, (2, *SHAPE)).astype("float32")
LOGITS = {"classes": 10, "classifier_activation": None, "input_shape": SHAPE}


def scramble(model):
    """Random values that no variable has by chance: statistics, gamma and beta too."""
    for variable in model.weights:
        if variable.name in ("moving_variance", "gamma"):
            variable.assign(RNG.uniform(0.5, 1.5, variable.shape))
        elif variable.name in ("moving_mean", "beta", "bias"):
            variable.assign(0.1 * RNG.normal(size=variable.shape))
    return model


def save(model, path):
    (model.save_weights if path.name.endswith(".weights.h5") else model.save)(path)
    return path


def gap(found, expected):
    found, expected = np.asarray(found), np.asarray(expected)
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("id", quickly.rows(list(NETWORKS), ["inception_v3", "xception"]))
def test_keras_applications_there_and_back(id, tmp_path, record_gap):
    def check(model, path, direction):
        difference = gap(model(PICTURES), expected)
        record_gap(f"keras.applications, {direction}", id, difference)
        assert difference <= 2e-5, path

    keras.backend.clear_session()  # else its automatic names would go on counting
    theirs = scramble(getattr(keras.applications, NETWORKS[id])(weights=None, **LOGITS))
    expected = theirs(PICTURES)
    suffixes = SUFFIXES if id != "inception_resnet_v2" else (".h5", ".weights.h5")
    files = {suffix: save(theirs, tmp_path / f"theirs{suffix}") for suffix in suffixes}
    ours = keras_inception.create_model(id, weights=files[".h5"], **LOGITS)
    check(ours, files[".h5"], "loaded")
    for suffix in suffixes:
        load(scramble(ours), files[suffix])
        check(ours, files[suffix], "loaded")
    back = to_keras_applications(ours)
    # Keras takes up to 10 s to read a file of the larger ones.
    for suffix in SUFFIXES if id == "xception" else (".weights.h5",):
        path = save(back, tmp_path / f"back{suffix}")
        scramble(theirs).load_weights(path)
        check(theirs, path, "written")


def test_numbers_may_begin_anywhere(tmp_path):
    """A network that was not the first of its process has `conv2d_94` for `conv2d`."""
    keras.backend.clear_session()
    keras.Sequential([keras.Input((9, 9, 3)), keras.layers.Conv2D(1, 3), keras.layers.Conv2D(1, 3)])
    theirs = scramble(keras.applications.InceptionV3(weights=None, **LOGITS))
    assert "conv2d" not in {layer.name for layer in theirs.layers}
    path = save(theirs, tmp_path / "later.h5")
    ours = keras_inception.InceptionV3(weights=path, **LOGITS)
    assert gap(ours(PICTURES), theirs(PICTURES)) <= 2e-5


def test_without_classifier(tmp_path):
    theirs = scramble(
        keras.applications.InceptionV3(weights=None, include_top=False, input_shape=SHAPE)
    )
    path = save(theirs, tmp_path / "notop.h5")
    arguments = {"include_top": False, "input_shape": SHAPE, "weights": path}
    ours = keras_inception.InceptionV3(**arguments)
    assert gap(ours(PICTURES), theirs(PICTURES)) <= 2e-5
    back = to_keras_applications(ours)
    assert gap(back(PICTURES), theirs(PICTURES)) <= 2e-5
    with pytest.raises(ValueError, match=r"missing: predictions/kernel\n  missing: predictions/b"):
        keras_inception.InceptionV3(**{**arguments, "include_top": True})


def test_old_names_of_variables(tmp_path):
    """Keras 2 wrote `conv2d_1/kernel:0`, at the root of the file, and names as bytes."""
    import h5py

    model = narrow()
    path = tmp_path / "keras_2.h5"
    with h5py.File(path, "w") as file:
        layers = [layer for layer in model.layers if layer.weights]
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [f"{layer.name}/{v.name}:0" for v in layer.weights]
            for variable in layer.weights:
                group[f"{layer.name}/{variable.name}:0"] = variable.numpy()
    report = load(other := narrow(), path)
    assert len(report.used) == len(model.weights)
    assert_same(other, model)


def narrow(**arguments):
    arguments = {"weights": None, "width_multiplier": 0.05, "input_shape": SHAPE, **arguments}
    return scramble(keras_inception.InceptionV1(**{"classes": 5, **arguments}))


def assert_same(model, other):
    for found, expected in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_our_own_files(suffix, tmp_path):
    model = narrow()
    path = save(model, tmp_path / f"ours{suffix}")
    same = narrow()
    report = load(same, path)
    assert_same(same, model)
    assert len(report.used) == len(model.weights)
    other = narrow(classes=6)
    before = other.get_layer("predictions").kernel.numpy()
    report = load(other, path)
    assert sorted(report.new) == ["predictions/bias", "predictions/kernel"]
    np.testing.assert_array_equal(other.get_layer("predictions").kernel, before)
    grey = keras_inception.InceptionV1(
        weights=path, width_multiplier=0.05, input_shape=(75, 75, 1), classes=5
    )
    kernel = model.get_layer("conv2d_1a_7x7_conv").kernel.numpy().sum(axis=2, keepdims=True)
    np.testing.assert_allclose(grey.get_layer("conv2d_1a_7x7_conv").kernel, kernel, rtol=1e-6)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_does_not_fit_changes_nothing(suffix, tmp_path):
    path = save(narrow(width_multiplier=0.1), tmp_path / f"wide{suffix}")
    model = narrow()
    before = model.get_weights()
    with pytest.raises(ValueError, match=rf"wide{suffix} does not fit inception_v1:\n  shape: "):
        load(model, path)
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)


def test_optimizer_slots_are_skipped(tmp_path):
    model = narrow()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    for suffix in SUFFIXES:
        path = save(model, tmp_path / f"trained{suffix}")
        load(same := narrow(), path)
        assert_same(same, model)


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_layers_within_layers_are_left_to_keras(suffix, tmp_path):
    def build():
        return keras.Sequential([keras.Input(SHAPE), narrow(include_top=False), Scale()])

    path = save(build(), tmp_path / f"nested{suffix}")
    load(model := build(), path)
    other = build()
    other.load_weights(path)
    assert_same(model, other)
    wide = keras.Sequential([keras.Input(SHAPE), narrow(width_multiplier=0.2, include_top=False)])
    before = wide.get_weights()
    with pytest.raises(ValueError, match=f"nested{suffix} does not fit .* which is unchanged"):
        load(wide, path)
    for old, new in zip(before, wide.get_weights()):
        np.testing.assert_array_equal(old, new)


@keras.saving.register_keras_serializable(package="test_from_keras")
class Scale(keras.layers.Layer):
    """A layer of a caller's own."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(), initializer="ones", name="factor")

    def call(self, x):
        return x * self.factor


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: narrow(), "does not have the network of inception_v1; it has inception_v3"),
        (
            lambda: keras_inception.InceptionV3(weights=None, width_multiplier=0.1),
            r"has conv2d\w*/kernel \(3, 3, 3, 32\), which inception_v3 lacks",
        ),
        (
            lambda: keras_inception.InceptionV3(weights=None, variant="fid", width_multiplier=0.1),
            "as released",
        ),
    ],
)
def test_what_keras_applications_does_not_have(model, message):
    with pytest.raises(ValueError, match=message):
        to_keras_applications(model())


@pytest.mark.parametrize(
    ("id", "suffix"),
    [
        *(("inception_v3", suffix) for suffix in (*SUFFIXES, ".safetensors")),
        ("inception_v2", ".keras"),
        ("googlenet", ".safetensors"),
    ],
)
def test_auxiliary_heads_there_and_back(id, suffix, tmp_path):
    def build(weights=None, classes=5):
        arguments = {"width_multiplier": 0.05, "input_shape": (107, 107, 3), "classes": classes}
        model = keras_inception.create_model(id, weights=None, **arguments)
        return keras_inception.with_auxiliary_heads(model, weights=weights)

    model = scramble(build())
    save_weights(model, tmp_path / f"both{suffix}")
    assert_same(build(tmp_path / f"both{suffix}"), model)
    other = build(classes=6)
    report = load(other, tmp_path / f"both{suffix}")
    assert {path.split("/")[0] for path in report.new} == set(other.output_names)


def test_another_variant_with_the_same_weights(tmp_path):
    arguments = {"width_multiplier": 0.05, "input_shape": SHAPE, "classes": 5}
    models = {
        variant: keras_inception.InceptionV3(weights=None, variant=variant, **arguments)
        for variant in ("fid", "released")
    }
    for one, other in ("fid", "released"), ("released", "fid"):
        for suffix in (*SUFFIXES, ".safetensors"):
            path = tmp_path / f"{one}{suffix}"
            save_weights(models[one], path)
            with pytest.raises(ValueError, match="another network or variant than inception_v3"):
                load(models[other], path)
    with pytest.raises(ValueError, match="another network or variant than inception_v3"):
        keras_inception.InceptionV3(weights=path, variant="fid", **arguments)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".safetensors"])
def test_a_file_in_bfloat16(suffix, tmp_path):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("bfloat16")
    try:
        model = narrow()
        save_weights(model, tmp_path / f"half{suffix}")
    finally:
        keras.config.set_dtype_policy(policy)
    load(other := narrow(), tmp_path / f"half{suffix}")
    for found, expected in zip(other.weights, model.weights, strict=True):
        np.testing.assert_array_equal(found, keras.ops.cast(expected, "float32"))


def test_what_save_refuses_and_how_it_writes(tmp_path):
    for path in (None, 5):
        with pytest.raises(
            ValueError, match=f"expected the path of a file to write weights to, got {path}"
        ):
            save_weights(narrow(), path)
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(ValueError, match="folder.h5 is a folder, which a file does not replace"):
        save_weights(narrow(), tmp_path / "folder.h5")
    nested = keras.Sequential([keras.Input(SHAPE), narrow(include_top=False)])
    with pytest.raises(ValueError, match="has layers within layers"):
        save_weights(nested, tmp_path / "nested.safetensors")
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "target.safetensors")
    save_weights(narrow(), tmp_path / "link.safetensors")
    assert (tmp_path / "link.safetensors").is_symlink()
    plain = tmp_path / "plain"
    plain.touch()
    assert (tmp_path / "target.safetensors").stat().st_mode == plain.stat().st_mode
