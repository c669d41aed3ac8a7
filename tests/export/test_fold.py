"""Tests of export/fold.py: every network and many layers give the same with less."""

import keras
import numpy as np
import pytest
import quickly

import keras_inception
from keras_inception import export
from keras_inception.export.fold import in_dtype
from keras_inception.models.registry import MODELS

VARIANTS = [a for _, architectures in MODELS.values() for a in architectures]
QUICK = ("googlenet", "inception_v3", "inception_resnet_v1", "xception")
TOLERANCE = 1e-5  # of the largest output


def scatter(model, seed=0):
    """Moves every bias and every statistic of batch normalization off its initial value."""
    generator = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.ndim == 1:
            value = generator.normal(0, 0.2, variable.shape)
            around_one = variable.path.endswith(("gamma", "moving_variance"))
            variable.assign(np.abs(1 + value) if around_one else value)
    return model


def require_same(model, optimized):
    shapes = [(2, *tensor.shape[1:]) for tensor in model.inputs]
    generator = np.random.default_rng(1)
    given = [generator.uniform(-1, 1, shape).astype("float32") for shape in shapes]
    given = given[0] if len(given) == 1 else given
    expected, found = np.asarray(model(given)), np.asarray(optimized(given))
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize(
    "architecture",
    quickly.rows(VARIANTS, [a for a in VARIANTS if a.id in QUICK]),
    ids=lambda a: f"{a.id}-{a.variant}",
)
def test_every_network(architecture, tmp_path):
    side = architecture.minimum | 1
    model = keras_inception.create_model(
        architecture.id, variant=architecture.variant, weights=None, width_multiplier=0.25,
        input_shape=(side, side, 3), classes=7,
    )  # fmt: skip
    scatter(model)
    optimized = export.optimize(model, exchange_pools=True)
    require_same(model, optimized)
    assert not {"BatchNormalization", "Dropout"} & set(kinds(optimized))
    assert not any(name.endswith("_scale") for name in (layer.name for layer in optimized.layers))
    if architecture.id in ("googlenet", "inception_resnet_v1"):  # which have layers of our own
        optimized.save(tmp_path / "o.keras")
        require_same(optimized, keras.models.load_model(tmp_path / "o.keras"))
    assert list(keras_inception.end_points(optimized)) == [
        name for name in keras_inception.end_points(model) if name != "bottleneck"
    ]


def test_the_model_stays_as_it_is_and_auxiliary_heads_go():
    model = keras_inception.InceptionV3(
        weights=None, width_multiplier=0.25, input_shape=(107, 107, 3), classes=5
    )
    training = scatter(keras_inception.with_auxiliary_heads(model))
    before = [np.copy(weight) for weight in training.get_weights()]
    layers = [layer.name for layer in training.layers]
    optimized = export.optimize(training)
    require_same(model, optimized)
    assert not [layer.name for layer in optimized.layers if "auxiliary" in layer.name]
    assert [layer.name for layer in training.layers] == layers
    for weight, earlier in zip(training.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, earlier)
    assert training.get_layer("mixed_6e").output.shape == (None, 5, 5, 192)  # one call still


def test_two_auxiliary_heads_and_other_outputs():
    images = keras.Input((4, 4, 3))
    x = keras.layers.Flatten()(images)
    heads = {n: keras.layers.Dense(2, name=n)(x) for n in ("boxes", "predictions", "auxiliary_1")}
    assert set(export.optimize(keras.Model(images, heads)).output) == {"boxes", "predictions"}
    kept = export.optimize(keras.Model(images, {"predictions": heads["predictions"]}))
    assert list(kept.output) == ["predictions"]  # a dict of one that was one before


def a_layer_before_batch_norm(layer, shape=(8, 8, 4)):
    keras.utils.set_random_seed(3)
    inputs = keras.Input(shape)
    x = keras.layers.BatchNormalization(scale=False, epsilon=0.1)(layer(inputs))
    x = keras.layers.BatchNormalization(center=False)(x)
    x = keras.layers.Rescaling([0.5] * x.shape[-1], 0.25)(x)
    x = keras.layers.Activation("relu")(keras.layers.Dropout(0.5)(x))
    return scatter(keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(x))))


LAYERS = {  # made in the test: those of a module that is only read share their names with others'
    "Conv2D": lambda: keras.layers.Conv2D(6, 3, padding="same", use_bias=False),
    "Conv2D-groups": lambda: keras.layers.Conv2D(6, 3, groups=2),
    "DepthwiseConv2D": lambda: keras.layers.DepthwiseConv2D(3, depth_multiplier=2),
    "SeparableConv2D": lambda: keras.layers.SeparableConv2D(
        6, 3, depth_multiplier=3, use_bias=False
    ),
    "Conv2DTranspose": lambda: keras.layers.Conv2DTranspose(6, 3, strides=2),
    "Dense": lambda: keras.layers.Dense(6, use_bias=False),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_layers_that_take_batch_norm_in(kind):
    model = a_layer_before_batch_norm(LAYERS[kind]())
    optimized = export.optimize(model)
    require_same(model, optimized)
    assert kinds(optimized)[2:] == ["Activation", "Flatten", "Dense"]


def test_other_ranks():
    for layer, shape in [
        (keras.layers.Conv1D(6, 3), (9, 4)),
        (keras.layers.SeparableConv1D(6, 3), (9, 4)),
        (keras.layers.DepthwiseConv1D(3), (9, 4)),
        (keras.layers.Conv3D(6, 2), (4, 4, 4, 2)),
    ]:
        model = a_layer_before_batch_norm(layer, shape)
        optimized = export.optimize(model)
        require_same(model, optimized)
        assert "BatchNormalization" not in kinds(optimized)


def test_what_cannot_be_folded_stays():
    images = keras.Input((8, 8, 4))
    shared = keras.layers.Conv2D(4, 1, name="shared")
    first, second = shared(images), shared(keras.layers.Activation("relu")(images))
    seen_twice = keras.layers.Conv2D(4, 1)(images)
    curved = keras.layers.Conv2D(4, 1, activation="relu")(images)
    parts = [
        keras.layers.BatchNormalization()(first),  # the layer is called again
        second,
        keras.layers.BatchNormalization()(seen_twice),  # another layer sees its input
        seen_twice,
        keras.layers.BatchNormalization()(curved),  # not linear before
        keras.layers.BatchNormalization(axis=1)(keras.layers.Conv2D(4, 1)(images)),
        keras.layers.BatchNormalization()(images),  # nothing before
        keras.layers.Rescaling(np.ones((8, 1, 1)) * 2)(keras.layers.Conv2D(4, 1)(images)),
    ]
    model = scatter(keras.Model(images, keras.layers.Concatenate()(parts)))
    optimized = export.optimize(model)
    require_same(model, optimized)
    assert kinds(optimized).count("BatchNormalization") == 5
    assert kinds(optimized).count("Rescaling") == 1


def test_layers_that_are_called_in_training_mode_stay():
    images = keras.Input((8, 8, 4))
    x = keras.layers.Conv2D(4, 1)(images)
    x = keras.layers.BatchNormalization()(x, training=True)
    x = keras.layers.Dropout(0.5)(x, training=True)
    inner = keras.Sequential([keras.Input((8, 8, 4)), keras.layers.Dropout(0.5)], name="inner")
    model = keras.Model(images, inner(x, training=True))
    assert kinds(export.optimize(model)) == kinds(model)


def test_a_model_in_a_model_with_a_head_of_its_own():
    trunk = keras_inception.InceptionV1(
        weights=None, width_multiplier=0.25, include_top=False, input_shape=(64, 64, 3)
    )
    images, more = keras.Input((64, 64, 3)), keras.Input((5,), name="more")
    grid = trunk(keras.layers.Rescaling(2.0)(images), training=False)
    x = keras.layers.Dropout(0.3)(keras.layers.GlobalAveragePooling2D()(grid))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(8, use_bias=False)(x))
    x = keras.layers.Concatenate()([keras.ops.relu(x) * 2.0 + 1.0, more])
    x = keras.layers.Dense(6, activation="softmax", name="mixed_3b")(x)  # a name of the trunk's
    model = scatter(keras.Model([images, more], x, name="whole"))
    optimized = export.optimize(model)
    require_same(model, optimized)
    assert (optimized.name, [t.name for t in optimized.inputs]) == ("whole", [images.name, "more"])
    names = [layer.name for layer in optimized.layers]
    assert {"mixed_3b", "mixed_3b_1", "mixed_5c"} <= set(names)
    assert not {"BatchNormalization", "Functional", "Dropout"} & set(kinds(optimized))


def test_a_function_as_a_layer():
    """Keras refuses one of a file; this one is the caller's own."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, use_bias=False)(keras.layers.Lambda(lambda x: 2 * x - 1)(inputs))
    outputs = keras.layers.GlobalMaxPooling2D()(keras.layers.BatchNormalization()(x))
    model = scatter(keras.Model(inputs, outputs))
    optimized = export.optimize(model)
    assert "BatchNormalization" not in kinds(optimized)
    require_same(model, optimized)


def test_a_sequential_model_and_state_that_is_not_trained():
    normalization = keras.layers.Normalization()
    model = keras.Sequential(
        [keras.Input((6,)), normalization, keras.layers.Dense(4), keras.layers.BatchNormalization()]
    )
    scatter(model)
    normalization.adapt(np.random.default_rng(0).normal(3, 2, (50, 6)))
    optimized = export.optimize(model)
    require_same(model, optimized)
    assert kinds(optimized) == ["InputLayer", "Normalization", "Dense"]


@pytest.mark.parametrize(("pool", "filters"), [(3, 4), ((1, 3), 4), (3, 12)])
def test_exchange(pool, filters):
    images = keras.Input((9, 7, 8))
    x = keras.layers.AveragePooling2D(pool, 1, "same")(images)
    x = keras.layers.Conv2D(filters, 1, use_bias=False)(x)
    x = keras.layers.Activation("relu")(keras.layers.BatchNormalization()(x))
    model = scatter(keras.Model(images, x))
    optimized = export.optimize(model, exchange_pools=True)
    require_same(model, optimized)
    order = ["Conv2D", "AveragePooling2D"] if filters < 8 else ["AveragePooling2D", "Conv2D"]
    assert kinds(optimized)[1:3] == order
    assert kinds(export.optimize(model))[1:3] == ["AveragePooling2D", "Conv2D"]


def test_a_pool_that_counts_the_padding_is_exchanged_behind_it():
    images = keras.Input((9, 9, 8))
    x = keras.layers.AveragePooling2D(3, 1)(keras.layers.ZeroPadding2D(1)(images))
    model = scatter(keras.Model(images, keras.layers.Conv2D(4, 1)(x)))
    optimized = export.optimize(model, exchange_pools=True)
    require_same(model, optimized)
    assert kinds(optimized)[1:] == ["ZeroPadding2D", "Conv2D", "AveragePooling2D"]


def test_a_dilated_network(tmp_path):
    model = keras_inception.InceptionV3(
        weights=None, width_multiplier=0.25, input_shape=(107, 107, 3), classes=5, output_stride=16
    )
    optimized = export.optimize(scatter(model), exchange_pools=True)
    require_same(model, optimized)
    optimized.save(tmp_path / "o.h5")
    require_same(model, keras.models.load_model(tmp_path / "o.h5", compile=False))


def test_pools_that_are_not_exchanged():
    images = keras.Input((9, 9, 8))
    pooled = keras.layers.AveragePooling2D(3, 1, "same")(images)
    twice = [keras.layers.Conv2D(4, 1)(pooled), keras.layers.Conv2D(4, 1)(pooled)]
    others = [
        keras.layers.Conv2D(4, 3, padding="same")(keras.layers.AveragePooling2D(3, 1, "same")(x))
        for x in (images,)
    ]
    model = keras.Model(images, keras.layers.Concatenate()(twice + others))
    assert sorted(kinds(export.optimize(model, exchange_pools=True))) == sorted(kinds(model))
    strided = keras.layers.Conv2D(4, 1)(keras.layers.AveragePooling2D(3, 2)(images))
    optimized = export.optimize(keras.Model(images, strided), exchange_pools=True)
    assert kinds(optimized)[1:] == ["AveragePooling2D", "Conv2D"]


def test_fold_batch_norm_keeps_the_rest():
    model = a_layer_before_batch_norm(keras.layers.Conv2D(6, 3))
    folded = export.fold_batch_norm(model)
    require_same(model, folded)
    assert kinds(folded)[1:5] == ["Conv2D", "Rescaling", "Dropout", "Activation"]


def test_bfloat16():
    model = export.optimize(a_layer_before_batch_norm(keras.layers.Conv2D(6, 3)))
    half = in_dtype(model, "bfloat16")
    given = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 4)).astype("float32")
    expected, found = np.asarray(model(given)), half(given)
    assert found.dtype == "float32"
    assert half.layers[1].kernel.dtype == "bfloat16"
    scale = np.abs(expected).max()
    assert 1e-4 * scale < np.abs(found - expected).max() < 3e-2 * scale
