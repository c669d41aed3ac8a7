"""End points, feature extractors, auxiliary heads and freezing."""

import keras
import numpy as np
import pytest
import quickly

import keras_inception
from keras_inception.models.registry import MODELS

NARROW = {"weights": None, "width_multiplier": 0.1, "classes": 6}
SHAPE = (107, 107, 3)
RNG = np.random.default_rng(0)
WITH_HEADS = [(a.id, a.variant) for _, row in MODELS.values() for a in row if a.auxiliary]
QUICK = ("googlenet", "inception_v2", "inception_v3")
WITHOUT = [(a.id, a.variant) for _, row in MODELS.values() for a in row if not a.auxiliary]


def build(id, variant=None, **arguments):
    variant = variant or MODELS[id][1][0].variant
    arguments = {"input_shape": SHAPE, **NARROW, **arguments}
    return keras_inception.create_model(id, variant=variant, **arguments)


@pytest.fixture(scope="module")
def v3():
    return build("inception_v3", dropout_rate=0.0)


def pictures(count=2):
    return RNG.uniform(-1, 1, (count, *SHAPE)).astype("float32")


def test_end_points_are_layers(v3):
    found = keras_inception.end_points(v3)
    assert next(iter(found)) == "conv2d_1a_3x3"
    assert list(found)[-2:] == ["avg_pool", "predictions"]
    assert found["mixed_6e"] is v3.get_layer("mixed_6e").output


def test_feature_extractor_shares_layers(v3):
    extractor = keras_inception.feature_extractor(v3, ["mixed_7c", "mixed_5d"])
    features = extractor(pictures())
    assert list(features) == ["mixed_7c", "mixed_5d"]
    assert features["mixed_5d"].shape[1:3] == (11, 11)
    assert extractor.get_layer("mixed_5d") is v3.get_layer("mixed_5d")
    single = keras_inception.feature_extractor(v3, "mixed_5b")
    assert list(single(pictures())) == ["mixed_5b"]


def test_no_warning_when_called(v3, recwarn):
    keras_inception.feature_extractor(v3, "mixed_5b")(pictures())
    keras_inception.with_auxiliary_heads(v3)(pictures())
    assert not [str(w.message) for w in recwarn if "structure" in str(w.message)]


def test_nested_network_is_named(v3):
    nested = keras.Sequential([keras.Input(SHAPE), v3])
    with pytest.raises(ValueError, match="no end points of its own; look inside .*'inception_v3'"):
        keras_inception.freeze(nested, "mixed_5b")


@pytest.mark.parametrize(
    ("id", "arguments"),
    [
        ("inception_v3", {"receptive_field": 79}),
        ("inception_v2", {"variant": "paper", "factorized_7x7": False}),
        ("inception_v2", {}),
    ],
)
def test_options_are_known_again(id, arguments):
    model = build(id, **arguments)
    clone = keras.models.clone_model(model)
    heads = [keras_inception.with_auxiliary_heads(m) for m in (model, clone)]
    assert [w.path for w in heads[0].weights] == [w.path for w in heads[1].weights]


def test_unknown_end_point(v3):
    message = "inception_v3 has no end point 'mixed_8z'; end points are conv2d_1a_3x3, .*mixed_7c"
    for call in (
        lambda: keras_inception.feature_extractor(v3, ["mixed_5b", "mixed_8z"]),
        lambda: keras_inception.freeze(v3, "mixed_8z"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(ValueError, match="names is empty"):
        keras_inception.feature_extractor(v3, [])


@pytest.mark.parametrize(
    ("id", "variant"), quickly.rows(WITH_HEADS, [w for w in WITH_HEADS if w[0] in QUICK])
)
def test_auxiliary_heads(id, variant):
    model = build(id, variant)
    names = [layer.name for layer in model.layers]
    training = keras_inception.with_auxiliary_heads(model)
    extra = ["auxiliary_1", "auxiliary_2"] if id == "googlenet" else ["auxiliary"]
    assert list(training.output) == ["predictions", *extra]
    assert all(tensor.shape == (None, 6) for tensor in training.output.values())
    assert [layer.name for layer in model.layers] == names
    assert not isinstance(model.output, dict)
    assert all(training.get_layer(name) is model.get_layer(name) for name in names)
    x = pictures()
    np.testing.assert_array_equal(training(x)["predictions"], model(x))


@pytest.mark.parametrize(("id", "variant"), WITHOUT)
def test_networks_without_auxiliary_heads(id, variant):
    with pytest.raises(ValueError, match="has no auxiliary head; these networks do: googlenet, "):
        keras_inception.with_auxiliary_heads(build(id, variant))


def test_auxiliary_head_needs_a_classifier():
    trunk = build("inception_v3", include_top=False)
    with pytest.raises(ValueError, match="has no classifier"):
        keras_inception.with_auxiliary_heads(trunk)
    with pytest.raises(ValueError, match="does not have the layers of a network"):
        keras_inception.with_auxiliary_heads(keras.Sequential([keras.layers.Dense(2)]))


@pytest.mark.parametrize(
    ("id", "variant"),
    [("googlenet", None), ("inception_v2", "paper"), ("inception_resnet_v2", "released")],
)
def test_auxiliary_heads_of_a_loaded_model(id, variant, tmp_path):
    model = build(id, variant)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    ours = keras_inception.with_auxiliary_heads(model)
    theirs = keras_inception.with_auxiliary_heads(loaded)
    assert [w.path for w in theirs.weights] == [w.path for w in ours.weights]
    assert [w.shape for w in theirs.weights] == [w.shape for w in ours.weights]


def test_training_with_a_head_trains_the_network(v3):
    model = keras.models.clone_model(v3)
    training = keras_inception.with_auxiliary_heads(model)
    x, y = pictures(4), np.arange(4)
    training.compile(
        keras.optimizers.SGD(0.01),
        loss={n: "sparse_categorical_crossentropy" for n in training.output},
        loss_weights={"predictions": 1.0, "auxiliary": 0.4},
        run_eagerly=True,  # quicker for one step
    )
    before = model(x).numpy()
    training.train_on_batch(x, {"predictions": y, "auxiliary": y})
    assert np.abs(model(x) - before).max() > 1e-6


def test_freeze(v3):
    model = keras.models.clone_model(v3)
    assert keras_inception.freeze(model, "mixed_6a") is model
    trainable = {layer.name for layer in model.layers if layer.trainable}
    assert not any(name.startswith(("conv2d_", "mixed_5", "mixed_6a")) for name in trainable)
    assert {"mixed_6b_branch0_0_1x1_conv", "predictions"} <= trainable
    x, y = pictures(4), np.arange(4)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", run_eagerly=True)
    frozen = [w for layer in model.layers if not layer.trainable for w in layer.weights]
    before = [w.numpy().copy() for w in frozen]
    head = model.get_layer("predictions").kernel.numpy().copy()
    model.train_on_batch(x, y)
    assert all((w.numpy() == old).all() for w, old in zip(frozen, before))
    assert (model.get_layer("predictions").kernel.numpy() != head).any()
    keras_inception.freeze(model, None)
    assert all(layer.trainable for layer in model.layers)


def test_freeze_with_moving_statistics(v3):
    model = keras_inception.freeze(keras.models.clone_model(v3), "mixed_7c", batch_norm="train")
    x, y = pictures(4), np.arange(4)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", run_eagerly=True)
    norm = model.get_layer("mixed_5b_branch0_0_1x1_bn")
    before = norm.moving_mean.numpy().copy()
    model.train_on_batch(x, y)
    assert (norm.moving_mean.numpy() != before).any()
    assert not model.get_layer("mixed_5b_branch0_0_1x1_conv").trainable
    with pytest.raises(ValueError, match="batch_norm must be one of"):
        keras_inception.freeze(model, "mixed_5b", batch_norm="eval")
