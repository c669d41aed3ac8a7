"""Counting rules of analysis/costs.py, on small graphs whose costs are worked out by hand."""

import gc
import math
import weakref

import keras
import pytest
from keras import layers

import keras_inception
from keras_inception import analysis

SMALL = {"weights": None, "width_multiplier": 0.25, "classes": 10}


def model_of(layer, shape):
    images = keras.Input(shape)
    return keras.Model(images, layer(images))


@pytest.mark.parametrize(
    ("layer", "shape", "macs", "parameters"),
    [
        (layers.Conv2D(16, 3), (9, 7, 8), 7 * 5 * 9 * 8 * 16, 9 * 8 * 16 + 16),
        (layers.Conv2D(16, (1, 7), 2, "same"), (9, 7, 8), 5 * 4 * 7 * 8 * 16, 7 * 8 * 16 + 16),
        (layers.Conv2D(16, 3, dilation_rate=2), (9, 7, 8), 5 * 3 * 9 * 8 * 16, 9 * 8 * 16 + 16),
        (layers.Conv2D(16, 3, groups=4), (9, 7, 8), 7 * 5 * 9 * 2 * 16, 9 * 2 * 16 + 16),
        (
            layers.Conv2D(16, 3, data_format="channels_first", use_bias=False),
            (8, 9, 7),
            7 * 5 * 9 * 8 * 16,
            9 * 8 * 16,
        ),
        (layers.DepthwiseConv2D(3, 2, depth_multiplier=2), (9, 7, 8), 4 * 3 * 9 * 16, 9 * 16 + 16),
        (
            layers.SeparableConv2D(16, 3, 2, depth_multiplier=2),
            (9, 7, 8),
            4 * 3 * (9 * 16 + 16 * 16),
            9 * 16 + 16 * 16 + 16,
        ),
        # Each of the 9 x 7 pixels meets each entry of the kernel once.
        (layers.Conv2DTranspose(16, 3, 2), (9, 7, 8), 9 * 7 * 9 * 8 * 16, 9 * 8 * 16 + 16),
        (layers.Conv1D(16, 3), (9, 8), 7 * 3 * 8 * 16, 3 * 8 * 16 + 16),
        (layers.Conv3D(4, 2), (3, 3, 3, 2), 8 * 8 * 2 * 4, 8 * 2 * 4 + 4),
        (layers.Dense(16), (8,), 8 * 16, 8 * 16 + 16),
        (layers.Dense(16), (9, 7, 8), 9 * 7 * 8 * 16, 8 * 16 + 16),
        (layers.BatchNormalization(), (9, 7, 8), 0, 4 * 8),
        (layers.AveragePooling2D(3), (9, 7, 8), 0, 0),
    ],
)
def test_one_layer(layer, shape, macs, parameters):
    model = model_of(layer, shape)
    found = analysis.cost(model)
    row = found.row(layer.name)
    assert row.macs == found.macs == macs
    assert row.trainable + row.non_trainable == found.parameters == parameters
    assert parameters == model.count_params()
    assert (row.type, row.output_shape) == (type(layer).__name__, model.output_shape[1:])


def test_a_layer_called_twice_has_its_parameters_once():
    images = keras.Input((6, 6, 4))
    conv = layers.Conv2D(4, 3, name="shared")
    found = analysis.cost(keras.Model(images, conv(conv(images))))
    assert [row.macs for row in found.rows] == [0, 16 * 144, 4 * 144]
    assert [row.trainable for row in found.rows] == [0, 148, 0]


def nested_model():
    conv = layers.Conv2D(2, 1, name="c")
    inner = keras.Sequential([keras.Input((None, None, 4)), conv], name="inner")
    grid = keras.Input((None, None, 2))
    fork = {"b": layers.Conv2D(3, 1, name="d")(grid), "a": layers.Dense(5, name="e")(grid)}
    forked = keras.Model(grid, fork, name="forked")
    images = keras.Input((None, None, 4), name="images")
    outputs = forked(inner(images) * 2)
    return keras.Model(images, [outputs["a"], outputs["b"], inner(images)], name="nested")


def test_nested_models_operations_and_several_outputs():
    found = analysis.cost(nested_model(), (6, 5, 4))
    assert [(row.name, row.macs, row.trainable) for row in found.rows] == [
        ("images", 0, 0),
        ("inner/c", 30 * 8, 10),
        (found.rows[2].name, 0, 0),  # the multiplication by 2, named by Keras
        ("forked/e", 30 * 10, 15),
        ("forked/d", 30 * 6, 9),
        ("inner/c", 30 * 8, 0),
    ]
    assert found.row("forked/d").output_shape == (6, 5, 3)


def test_counting_leaves_the_model_as_it_was():
    model = nested_model()
    calls = [len(layer._inbound_nodes) for layer in model.layers]
    analysis.cost(model, (6, 5, 4))
    assert [len(layer._inbound_nodes) for layer in model.layers] == calls
    assert model.output_shape[0] == (None, None, None, 5)


def test_several_inputs():
    a, b = keras.Input((None, 4)), keras.Input((3,))
    outputs = [layers.Dense(2)(a), layers.Dense(2)(b)]
    model = keras.Model([a, b], outputs)
    assert analysis.cost(model, [(7, 4), (3,)]).macs == 7 * 8 + 6
    with pytest.raises(ValueError, match="does not fit the inputs"):
        analysis.cost(model, (7, 4))


@pytest.fixture(scope="module")
def network():
    return keras_inception.InceptionV1(input_shape=(None, None, 3), **SMALL)


def test_size_that_is_not_known(network):
    with pytest.raises(ValueError, match=r"conv2d_1a_7x7_conv.* unknown; give input_shape="):
        analysis.cost(network)


@pytest.mark.parametrize(
    "shape", [(64, 64, 4), (64, 64), (None, 64, 3), (0, 64, 3), 64, [(64, 64, 3)], (64.0, 64, 3)]
)
def test_size_that_does_not_fit(network, shape):
    with pytest.raises(ValueError, match=r"input_shape .* does not fit|is unknown"):
        analysis.cost(network, shape)


def test_size_that_is_too_small_for_the_network():
    def build():
        return keras_inception.InceptionV3(input_shape=(None, None, 3), **SMALL)

    with pytest.raises(ValueError, match=r"mixed_6a_.* cannot take a grid of .*2, 2, "):
        analysis.symbolic_cost(build, (40, 40, 3))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize("layer", [layers.TimeDistributed(layers.Dense(3)), Subclassed()])
def test_layers_whose_inner_layers_cannot_be_counted(layer):
    with pytest.raises(ValueError, match="inside and no graph"):
        analysis.cost(model_of(layer, (5, 4)))


def test_blocks_are_the_end_points(network):
    found = analysis.cost(network, (64, 64, 3))
    blocks = found.by_block()
    assert [row.name for row in blocks.rows] == ["images", *keras_inception.end_points(network)]
    assert (blocks.parameters, blocks.macs) == (found.parameters, found.macs)
    inside = [row for row in found.rows if row.name.split("_branch")[0] == "mixed_4b"]
    row = blocks.row("mixed_4b")
    assert row.macs == sum(row.macs for row in inside) > 0
    assert (row.trainable, row.type) == (sum(row.trainable for row in inside), "20 layers")
    assert row.output_shape == inside[-1].output_shape == (4, 4, 136)
    with pytest.raises(ValueError, match=r"no row 'mixed_4z'.*mixed_4b"):
        blocks.row("mixed_4z")


def test_blocks_of_heads_features_and_models_around(network):
    native = keras_inception.InceptionV1(input_shape=(64, 64, 3), **SMALL)
    heads = analysis.cost(keras_inception.with_auxiliary_heads(native)).by_block()
    names = [row.name for row in heads.rows]
    assert names[-2:] == ["avg_pool", "predictions"]
    assert "auxiliary" in names
    assert heads.macs - analysis.cost(native).macs == heads.row("auxiliary").macs > 0

    features = keras_inception.feature_extractor(network, ["mixed_3b", "mixed_4c"])
    assert analysis.cost(features, (64, 64, 3)).by_block().rows[-1].name == "mixed_4c"

    images = keras.Input((70, 70, 3))
    mine = layers.Dense(2, name="mine")(network(layers.Resizing(64, 64)(images)))
    around = analysis.cost(keras.Model(images, mine)).by_block()
    assert around.row("inception_v1/mixed_4b").macs == (
        analysis.cost(network, (64, 64, 3)).by_block().row("mixed_4b").macs
    )
    assert around.rows[-1].name == "mine"


def test_blocks_of_other_models_are_their_layers():
    model = model_of(layers.Conv2D(2, 1, name="c"), (4, 4, 3))
    assert [row.name for row in analysis.cost(model).by_block().rows][1:] == ["c"]


def test_frozen_layers_are_not_trainable():
    network = keras_inception.InceptionV1(input_shape=(64, 64, 3), **SMALL)
    before = analysis.cost(network).by_block()
    after = analysis.cost(keras_inception.freeze(network, "mixed_4b")).by_block()
    assert after.parameters == before.parameters
    assert after.row("mixed_4b").trainable == 0
    assert after.row("mixed_4c") == before.row("mixed_4c")


def test_counts_another_library_of_networks():
    model = keras.applications.MobileNetV2(weights=None, alpha=0.35, input_shape=(96, 96, 3))
    found = analysis.cost(model)
    assert found.trainable == sum(math.prod(w.shape) for w in model.trainable_weights)
    assert found.parameters == model.count_params()


def test_the_table():
    lines = str(analysis.cost(model_of(layers.Conv2D(64, 7, 2, name="c"), (224, 224, 3)))).split(
        "\n"
    )
    assert "9,472 parameters, 111,776,448 multiply-accumulates" in lines[0]
    header, rule, _, conv, _, total = lines[2:]
    assert conv.split() == [
        *("c", "Conv2D", "109", "x", "109", "x", "64", "9,472", "0", "111,776,448")
    ]
    assert total.split() == ["total", "9,472", "0", "111,776,448"]
    # Numbers end where their column ends.
    assert len(header) == len(rule) == len(conv) == len(total)
    assert conv.index("9,472") + 5 == header.index("trainable") + len("trainable")


def test_symbolic_cost_is_the_cost():
    def build():
        return keras_inception.InceptionV1(input_shape=(None, None, 3), name="n", **SMALL)

    assert analysis.symbolic_cost(build, (64, 64, 3)) == analysis.cost(build(), (64, 64, 3))


def test_symbolic_cost_allocates_nothing_and_leaves_nothing():
    models, name = [], keras.layers.Activation("relu").name

    def build():
        model = model_of(layers.Dense(10**6), (10**6,))  # 4 TB of weights
        layers.Activation("relu")
        models.append(weakref.ref(model))
        return model

    assert analysis.symbolic_cost(build).parameters == 10**12 + 10**6
    gc.collect()
    assert models[0]() is None
    with keras.StatelessScope():  # on leaving one, Keras initializes what is waiting for it
        pass
    number = int(name.removeprefix("activation").removeprefix("_") or 0)
    assert keras.layers.Activation("relu").name == f"activation_{number + 1}"


def test_symbolic_cost_passes_errors_on():
    with pytest.raises(ValueError, match="no network 'inception_v9'"):
        analysis.symbolic_cost(lambda: keras_inception.create_model("inception_v9"))
