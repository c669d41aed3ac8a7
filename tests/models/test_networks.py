"""Every variant of every network: shapes, names, sizes, saving, training, arguments."""

import inspect
import math

import keras
import numpy as np
import pytest
import quickly

import keras_inception
from keras_inception.models.inception_v3 import RECEPTIVE_FIELDS
from keras_inception.models.registry import MODELS

VARIANTS = [(a.id, a.variant) for _, architectures in MODELS.values() for a in architectures]
WITH_OWN_LAYERS = [("googlenet", None), ("inception_resnet_v1", "facenet")]
HEADS = ("avg_pool", "bottleneck", "embeddings", "predictions")
NARROW = {"weights": None, "width_multiplier": 0.25}
RNG = np.random.default_rng(0)


def architecture(id, variant):
    return next(a for a in MODELS[id][1] if a.variant == variant)


def narrow(id, variant, **arguments):
    """A quarter-width network on the smallest odd pictures."""
    side = architecture(id, variant).minimum | 1
    arguments = {"input_shape": (side, side, 3), "classes": 7, **NARROW, **arguments}
    return keras_inception.create_model(id, variant=variant, **arguments)


def pictures(model, count=2):
    return RNG.uniform(-1, 1, (count, *model.input_shape[1:])).astype("float32")


def scatter(model):
    """Moves every bias and every statistic of batch normalization off its initial value."""
    for variable in model.weights:
        if variable.ndim == 1:
            value = RNG.normal(0, 0.1, variable.shape)
            around_one = variable.path.endswith(("gamma", "moving_variance"))
            variable.assign(1 + value if around_one else value)


COUNTS = {  # (parameters, trainable, convolutions) with the default classes, and the source
    ("googlenet", None): (6_998_552, 6_998_552, 57),  # 1409.4842 Table 1 with 5x5, biases
    ("inception_v1", None): (6_632_184, 6_617_624, 57),  # TF-Slim
    ("inception_v2", "released"): (11_198_112, 11_178_336, 69),  # TF-Slim
    ("inception_v3", "released"): (23_851_784, 23_817_352, 94),  # keras.applications
    ("inception_v4", None): (42_711_400, 42_648_232, 149),  # timm, tf2cv without gamma
    ("inception_resnet_v2", "released"): (55_873_736, 55_813_192, 244),  # keras.applications
    ("xception", None): (22_910_480, 22_855_952, 40),  # keras.applications
    # The rest as the papers' tables were read here; no other implementation counts them.
    ("bn_inception", None): (11_208_192, 11_188_288, 69),
    ("inception_v2", "paper"): (25_512_712, 25_474_184, 105),
    ("inception_v3", "fid"): (23_868_176, 23_833_744, 94),
    ("inception_resnet_v1", "paper"): (22_769_848, 22_742_808, 127),
    ("inception_resnet_v1", "facenet"): (23_497_424, 23_467_824, 132),
    ("inception_resnet_v2", "paper"): (32_450_360, 32_417_496, 132),
}


@pytest.mark.parametrize(("id", "variant"), VARIANTS)
def test_a_network_is_the_papers_table(id, variant):
    """Every grid's rows, columns and channels, and what is counted, of the network as it is."""
    expected = architecture(id, variant)
    model = keras_inception.create_model(id, variant=variant, weights=None)
    found = keras_inception.end_points(model)
    grids = {name: grid.shape[1:] for name, grid in found.items() if name not in HEADS}
    assert list(grids.items()) == list(expected.end_points.items())
    convolutions = (keras.layers.Conv2D, keras.layers.SeparableConv2D)
    counted = (
        model.count_params(),
        sum(math.prod(v.shape) for v in model.trainable_weights),
        sum(isinstance(layer, convolutions) for layer in model.layers),
    )
    assert counted == COUNTS[id, variant]


def test_every_network_is_counted():
    assert set(COUNTS) == set(VARIANTS)


@pytest.mark.parametrize(("id", "variant"), VARIANTS)
def test_smaller_pictures_are_refused(id, variant):
    minimum = architecture(id, variant).minimum
    with pytest.raises(ValueError, match=f"at least {minimum} pixels"):
        narrow(id, variant, input_shape=(minimum, minimum - 1, 3))


@pytest.mark.parametrize("receptive_field", RECEPTIVE_FIELDS)
def test_receptive_fields(receptive_field):
    *_, minimum = RECEPTIVE_FIELDS[receptive_field]
    arguments = {**NARROW, "receptive_field": receptive_field}
    model = keras_inception.InceptionV3(**arguments)
    assert model.input_shape == (None, receptive_field, receptive_field, 3)
    grids = keras_inception.end_points(model)
    assert grids["mixed_6e"].shape[1:3] == (17, 17)
    assert grids["mixed_7c"].shape[1:3] == (8, 8)
    assert ("maxpool_3a_3x3" in grids) == (receptive_field != 79)
    small = keras_inception.InceptionV3(
        **arguments, input_shape=(minimum, minimum, 3), include_top=False
    )
    assert small.output_shape[1:3] == (1, 1)
    with pytest.raises(ValueError, match=f"at least {minimum} pixels"):
        keras_inception.InceptionV3(**arguments, input_shape=(minimum - 1, minimum, 3))


@pytest.mark.parametrize(
    ("id", "variant"),
    quickly.rows(VARIANTS, [*WITH_OWN_LAYERS, ("inception_v3", "fid"), ("xception", None)]),
)
def test_saving_and_loading(id, variant, tmp_path):
    model = narrow(id, variant, classifier_activation=None)
    scatter(model)
    x = pictures(model)
    expected = model(x).numpy()
    assert np.abs(expected[0] - expected[1]).max() > 1e-6
    # The older format holds the same configuration: the networks with layers of our own will do.
    older = ["model.h5"] if (id, variant) in WITH_OWN_LAYERS else []
    for name in ["model.keras", *older]:
        model.save(tmp_path / name)
        np.testing.assert_array_equal(keras.models.load_model(tmp_path / name)(x), expected)
    model.save_weights(tmp_path / "a.weights.h5")
    scatter(model)
    assert np.abs(model(x) - expected).max() > 1e-6
    keras_inception.weights.load(model, tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(model(x), expected)


@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5"])
def test_weights_argument_takes_a_file(name, tmp_path):
    model = narrow("inception_v1", None)
    scatter(model)
    (model.save_weights if "weights" in name else model.save)(tmp_path / name)
    other = narrow("inception_v1", None, weights=str(tmp_path / name))
    x = pictures(model)
    np.testing.assert_array_equal(other(x), model(x))


@pytest.mark.parametrize(("id", "variant"), VARIANTS)
def test_names_are_stable_and_bfloat16_runs_on_the_smallest_pictures(id, variant):
    minimum = architecture(id, variant).minimum
    first = narrow(id, variant)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = narrow(id, variant, input_shape=(minimum, minimum + 2, 5))
        out = model(pictures(model))
    finally:
        keras.config.set_dtype_policy("float32")
    names = [layer.name for layer in first.layers]
    assert names == [layer.name for layer in model.layers]
    assert len(set(names)) == len(names)
    assert [w.path for w in first.weights] == [w.path for w in model.weights]
    assert first.name == id
    assert model.input_shape == (None, minimum, minimum + 2, 5)
    assert model.layers[1].compute_dtype == "bfloat16"
    assert np.isfinite(np.asarray(out, "float32")).all()
    assert out.dtype == "float32"
    sums = np.linalg.norm(out, axis=1) if variant == "facenet" else np.sum(out, axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-5)


@pytest.mark.parametrize("id", ["googlenet", "xception"])
def test_training_lowers_the_loss(id):
    model = narrow(id, MODELS[id][1][0].variant, dropout_rate=0.0)
    x, y = pictures(model, 8), np.arange(8) % 7
    model.compile(keras.optimizers.Adam(0.001), "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)  # else Keras traces the step twice
    losses = [float(model.train_on_batch(x, y)) for _ in range(12)]
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize(("id", "variant"), VARIANTS)
def test_arguments_of_keras_applications(id, variant):
    builder = MODELS[id][0]
    ours = list(inspect.signature(builder).parameters.values())
    theirs = list(inspect.signature(keras.applications.InceptionV3).parameters.values())
    assert [p.name for p in ours[:8]] == [p.name for p in theirs]
    same = (0, 2, 3, 4, 6)  # "classes" is `None` here, which means the variant's own number
    assert [ours[i].default for i in same] == [theirs[i].default for i in same]
    assert all(p.kind == p.KEYWORD_ONLY for p in ours[8:])
    assert all(f"{p.name}" in builder.__doc__ for p in ours)
    tensor = keras.Input((None, None, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(tensor)
    arguments = {"variant": variant, "include_top": False, **NARROW}
    model = builder(input_tensor=scaled, name="mine", **arguments)
    assert model.inputs[0] is tensor
    assert model.name == "mine"
    assert model.output_shape[:3] == (None, None, None)
    if id == "inception_v1":
        assert builder(**arguments).input_shape == (None, None, None, 3)


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_pooling_in_place_of_the_classifier(pooling):
    channels = architecture("inception_v1", None).end_points["mixed_5c"][-1] // 4
    model = keras_inception.InceptionV1(include_top=False, pooling=pooling, **NARROW)
    assert model.output_shape == (None, channels)


BAD = [  # (arguments, what the message has to name)
    ({"pooling": "min"}, "pooling must be None or 'avg' or 'max', got 'min'"),
    ({"classes": 0}, "classes must be a whole number of at least 1, got 0"),
    ({"classes": 2.5}, "classes must be a whole number"),
    ({"dropout_rate": 1.0}, "dropout_rate must be at least 0 and below 1"),
    ({"dropout_rate": "0.5"}, "dropout_rate must be at least 0 and below 1"),
    ({"width_multiplier": 0}, "width_multiplier must be a positive number"),
    ({"width_multiplier": float("nan")}, "width_multiplier must be a positive number"),
    ({"output_stride": 4}, "output_stride must be 8 or 16 or 32, got 4"),
    ({"variant": "nonsense"}, "variant must be .*, got 'nonsense'"),
    ({"variant": ["released"]}, "variant must be .*, got"),
    ({"weights": "nonsense"}, "weights='nonsense' is not a file, and .* allowed: .*None"),
    ({"weights": 5}, "weights=5 is of type int, not a path or a tag"),
    ({"input_shape": (299, 299)}, "takes images of shape"),
    ({"input_shape": (3, 299, 299)}, "takes images of shape"),
    ({"input_shape": 299}, "takes images of shape"),
    ({"input_shape": "299"}, "takes images of shape"),
    ({"input_shape": (299, 299, 0)}, "takes images of shape"),
    ({"input_tensor": np.zeros((1, 299, 299, 3))}, "input_tensor must be a Keras tensor"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
@pytest.mark.parametrize("id", MODELS)
def test_bad_arguments(id, arguments, message):
    with pytest.raises(ValueError, match=message):
        MODELS[id][0](**{**NARROW, **arguments})


@pytest.mark.parametrize("id", MODELS)
def test_misspelt_keyword(id):
    with pytest.raises(TypeError, match="unexpected keyword argument 'width_multiplyer'"):
        MODELS[id][0](width_multiplyer=0.5)
    with pytest.raises(TypeError, match="'width_multiplyer'; allowed: include_top.*output_stride"):
        keras_inception.create_model(id, width_multiplyer=0.5)


@pytest.mark.parametrize(
    ("id", "arguments", "message"),
    [
        ("inception_v3", {"receptive_field": 100}, "receptive_field must be 299 or 151 or 79"),
        ("inception_v3", {"receptive_field": 79, "variant": "fid"}, "goes with variant='released'"),
        ("inception_v2", {"factorized_7x7": False}, "belong to variant='paper'"),
        ("inception_resnet_v2", {"residual_scale": -1}, "residual_scale must be a positive number"),
        ("inception_resnet_v1", {"residual_scale": (1, 2)}, "or three for the A, B and C blocks"),
    ],
)
def test_bad_options(id, arguments, message):
    with pytest.raises(ValueError, match=message):
        keras_inception.create_model(id, **NARROW, **arguments)


def test_unknown_network():
    with pytest.raises(ValueError, match="no network 'inception_v5'; there are: googlenet, "):
        keras_inception.create_model("inception_v5")


def test_channels_first_is_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="only the channels_last data format is supported"):
            keras_inception.InceptionV4(weights=None)
    finally:
        keras.config.set_image_data_format("channels_last")


def test_residual_scale():
    for scales in (0.5, (0.1, 0.2, 0.3)):
        model = narrow("inception_resnet_v2", "paper", residual_scale=scales)
        found = [
            model.get_layer(f"{n}_scale").scale for n in ("block35_1", "block17_1", "block8_1")
        ]
        assert found == ([0.5] * 3 if scales == 0.5 else [0.1, 0.2, 0.3])


def test_table_3_of_inception_v2():
    """The stem with a 7x7 has the same grids below it; the last row has no bias in its head."""
    seven = narrow("inception_v2", "paper", factorized_7x7=False, input_shape=(299, 299, 3))
    three = narrow("inception_v2", "paper", input_shape=(299, 299, 3))
    assert keras_inception.end_points(seven)["conv2d_1a_7x7"].shape[1:3] == (147, 147)
    grids = [keras_inception.end_points(m)["maxpool_3a_3x3"].shape for m in (seven, three)]
    assert grids[0] == grids[1]
    for batch_norm in (True, False):
        model = narrow("inception_v2", "paper", batch_norm_auxiliary=batch_norm)
        heads = keras_inception.with_auxiliary_heads(model)
        names = {layer.name for layer in heads.layers}
        assert ("auxiliary_dense_bn" in names) == batch_norm
        assert heads.get_layer("auxiliary_dense").use_bias != batch_norm


def test_numbers_and_shapes_of_other_libraries():
    model = keras_inception.InceptionResNetV1(
        weights=None,
        classes=np.int64(5),
        width_multiplier=np.float32(0.1),
        input_shape=np.array([80, 81, 3]),
        residual_scale=np.float32(0.2),
    )
    assert (model.input_shape, model.output_shape) == ((None, 80, 81, 3), (None, 5))


def test_batch_norm_momentum():
    for variant, momentum in (("paper", 0.9997), ("facenet", 0.995)):
        model = narrow("inception_resnet_v1", variant)
        norms = [i for i in model.layers if isinstance(i, keras.layers.BatchNormalization)]
        assert {norm.momentum for norm in norms} == {momentum}
    norm = narrow("xception", None).get_layer("block2_sepconv1_bn")
    assert (norm.momentum, norm.scale, norm.epsilon) == (0.99, True, 0.001)


def test_facenet_embeddings_have_unit_length():
    model = keras_inception.InceptionResNetV1(variant="facenet", **NARROW)
    assert model.output_shape == (None, 512)
    np.testing.assert_allclose(np.linalg.norm(model(pictures(model)), axis=1), 1, atol=1e-5)


def test_fid_differs_by_its_last_pool():
    model = narrow("inception_v3", "fid")
    assert isinstance(model.get_layer("mixed_7c_branch3_0_max_pool"), keras.layers.MaxPooling2D)


@pytest.mark.parametrize("classes", [None, 1000, 1008])
def test_classes_by_default_are_the_variants_own(classes):
    model = keras_inception.InceptionV3(variant="fid", classes=classes, **NARROW)
    assert model.output_shape == (None, classes or 1008)
