"""One meaning of "functional" for all that looks into a model, and the calls of its graph."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_inception
from keras_inception import analysis, export, graph
from keras_inception.analysis.visualize.network import Network

SHAPE = (6, 5, 3)


@keras.saving.register_keras_serializable("test_graph")
class OwnStep(keras.Model):
    """Trains in its own way, computes as its graph says."""

    def train_step(self, data):
        return super().train_step(data)


@keras.saving.register_keras_serializable("test_graph")
class OwnCall(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(2, 1)

    def call(self, x):
        return self.conv(x)


class GraphAndOwnCall(keras.Model):
    def call(self, x):
        return 2 * super().call(x)


class SequentialAndOwnCall(keras.Sequential):
    def call(self, x, training=None, mask=None):
        return 2 * super().call(x, training=training)


def model_of(function, kind=keras.Model):
    images = keras.Input(SHAPE, name="images")
    return kind(images, function(images), name="mine")


def plain(**arguments):
    return model_of(lambda x: layers.Conv2D(4, 1, name="conv")(x), **arguments)


def block(name="inner"):
    given = keras.Input((None, None, 4), name=f"{name}_given")
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, name="conv")(given))
    return keras.Model(given, x, name=name)


def nested(**keywords):
    return model_of(lambda x: block()(layers.Conv2D(4, 1, name="conv")(x), **keywords))


def siamese():
    shared = block()

    def both(x):
        x = layers.Conv2D(4, 1, name="stem")(x)
        return layers.Concatenate(name="both")([shared(x), shared(keras.ops.flip(x, 1))])

    return model_of(both)


def operators():
    def residual(x):
        y = layers.Conv2D(3, 3, padding="same", name="conv")(x)
        return layers.Conv2D(2, 1, name="end")(keras.ops.relu(x + 0.5 * y))

    return model_of(residual)


def shared():
    conv = layers.Conv2D(3, 1, name="shared")
    return model_of(lambda x: layers.Add(name="sum")([conv(x), conv(conv(x))]))


def cut():
    """Begins in the middle of another model, whose layers it calls again."""
    whole = model_of(
        lambda x: layers.Conv2D(2, 1, name="b")(layers.Conv2D(3, 1, name="a")(2.0 * x))
    )
    return keras.Model(whole.get_layer("a").input, whole.output, name="mine")


def in_a_sequential():
    return keras.Sequential([keras.Input(SHAPE), layers.Conv2D(4, 1), block()], name="mine")


def added():
    model = keras.Sequential(name="mine")  # which calls its layers anew with each that it is given
    for layer in (keras.Input(SHAPE), *(layers.Conv2D(3, 1, name=name) for name in "abc")):
        model.add(layer)
    return model


def built(how):
    model = keras.Sequential([layers.Conv2D(4, 1), layers.ReLU()], name="mine")
    how(model)
    return model


FUNCTIONAL = {
    "plain": plain,
    "own train_step": lambda: plain(kind=OwnStep),
    "nested": nested,
    "nested in training": lambda: nested(training=True),
    "nested not functional": lambda: model_of(lambda x: layers.ReLU()(OwnCall(name="own")(x))),
    "siamese": siamese,
    "operators": operators,
    "shared": shared,
    "cut": cut,
    "sequential": in_a_sequential,
    "sequential, layer by layer": added,
    "sequential, built": lambda: built(lambda model: model.build((None, *SHAPE))),
    "sequential, called": lambda: built(lambda model: model(np.zeros((1, *SHAPE)))),
    "sequential, called in a graph": lambda: built(lambda model: model(keras.Input(SHAPE))),
}
NOT_FUNCTIONAL = {
    "own call": lambda: OwnCall(name="mine"),
    "graph and own call": lambda: plain(kind=GraphAndOwnCall),
    "sequential and own call": lambda: SequentialAndOwnCall(
        [keras.Input(SHAPE), layers.Conv2D(4, 1, name="conv")], name="mine"
    ),
    "sequential, not built": lambda: built(lambda model: None),
}


@pytest.fixture(params=FUNCTIONAL)
def functional(request):
    model = FUNCTIONAL[request.param]()
    generator = np.random.default_rng(0)
    model.set_weights([generator.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    return model


@pytest.fixture
def pictures():
    return np.random.default_rng(1).uniform(-1, 1, (1, *SHAPE)).astype("float32")


def require_same(found, expected):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-5, atol=1e-5)


def test_all_look_into_functional_models(functional, pictures):
    assert graph.is_functional(functional)
    expected = functional(pictures)
    require_same(export.optimize(functional)(pictures), expected)
    if not any(isinstance(layer, OwnCall) for layer in functional.layers):
        assert analysis.cost(functional).parameters == functional.count_params()
    network = Network(functional)
    (found,) = network.run(network.outputs, pictures)
    require_same(found, functional(pictures, training=False))
    name = functional.layers[-1].name
    features = keras_inception.feature_extractor(functional, name)
    require_same(features(pictures)[name], expected)
    assert not keras_inception.freeze(functional, name).trainable_weights


def test_models_from_files(functional, pictures, tmp_path):
    functional.save(tmp_path / "mine.keras")
    loaded = keras.models.load_model(tmp_path / "mine.keras")
    assert graph.is_functional(loaded)
    require_same(export.optimize(loaded)(pictures), functional(pictures))


@pytest.mark.parametrize("kind", ["plain", "nested", "shared", "sequential"])
def test_models_from_files_of_keras_2(kind, pictures, tmp_path):
    model = FUNCTIONAL[kind]()
    model.save(tmp_path / "mine.h5")
    loaded = keras.models.load_model(tmp_path / "mine.h5", compile=False)
    assert graph.is_functional(loaded)
    require_same(export.optimize(loaded)(pictures), model(pictures))


@pytest.mark.parametrize("kind", NOT_FUNCTIONAL)
def test_all_refuse_models_without_a_graph_of_all_they_compute(kind):
    model = NOT_FUNCTIONAL[kind]()
    assert not graph.is_functional(model)
    name = model.layers[-1].name
    for look in (
        export.optimize,
        export.fold_batch_norm,
        analysis.cost,
        analysis.visualize.draw,
        lambda model: keras_inception.feature_extractor(model, name),
        lambda model: keras_inception.freeze(model, name),
    ):
        with pytest.raises(ValueError, match=r"mine \(of class \w+\) is not a functional model"):
            look(model)
    assert all(weight.trainable for weight in model.weights)
    assert keras_inception.end_points(model) == {}
    assert keras_inception.freeze(model, None) is model


def test_other_objects_are_not_functional():
    several = keras.Sequential([layers.Add()])
    several([np.zeros((1, 2)), np.zeros((1, 2))])
    for other in (several, layers.Dense(2), keras.Model, None, "mine"):
        assert not graph.is_functional(other)


def names(model):
    return [call.name for call in graph.calls(model)]


def test_calls_are_listed_branch_after_branch():
    def fork(x):
        stem = layers.ReLU(name="stem")(x)
        left = layers.ReLU(name="left_2")(layers.ReLU(name="left_1")(stem))
        return layers.Add(name="sum")([left, layers.ReLU(name="right")(stem)])

    calls = graph.calls(model_of(fork))
    assert [c.name for c in calls] == ["images", "stem", "left_1", "left_2", "right", "sum"]
    assert [c.is_input for c in calls] == [True] + 5 * [False]
    assert calls[-1].inputs == [calls[3].outputs[0], calls[4].outputs[0]]


def test_calls_are_those_of_the_model_alone():
    whole = model_of(lambda x: layers.ReLU(name="b")(layers.ReLU(name="a")(x)))
    part = keras.Model(whole.get_layer("b").input, whole.output)
    whole.get_layer("b")(keras.Input(SHAPE))
    assert names(whole) == ["images", "a", "b"]
    assert names(part)[1:] == ["b"]
    assert graph.layer_outputs(part)["b"] is part.output
    assert graph.layer_outputs(whole)["b"] is whole.output
    assert names(added())[1:] == ["a", "b", "c"]
    assert graph.layer_outputs(added())["c"].shape == (None, 6, 5, 3)


def test_operators_and_arguments():
    model = operators()
    assert names(model)[:2] == ["images", "conv"]
    add = next(call for call in graph.calls(model) if len(call.inputs) == 2)
    assert add.arguments_of(dict(zip(add.inputs, "xy"))) == (("x", "y"), {})
    assert not any(call.in_training for call in graph.calls(nested()))
    assert [call.in_training for call in graph.calls(nested(training=True))][-1]


def test_dicts_of_inputs_and_outputs():
    given = {name: keras.Input((3,), name=name) for name in ("z", "a")}
    heads = {name: layers.Dense(2, name=f"{name}_head")(x) for name, x in given.items()}
    model = keras.Model(given, heads, name="mine")
    assert names(model) == ["a", "a_head", "z", "z_head"]
    assert graph.structure_of(model) == (given, heads)
    optimized = export.optimize(model)
    values = {name: np.full((1, 3), i, "float32") for i, name in enumerate(given)}
    for name, expected in model(values).items():
        require_same(optimized(values)[name], expected)


def test_an_input_that_is_not_used():
    used, unused = keras.Input((3,), name="used"), keras.Input((3,), name="unused")
    head = layers.Dense(2, name="head")(used)
    try:
        model = keras.Model([used, unused], head)
    except ValueError:
        pytest.skip("this Keras refuses it")
    assert names(model) == ["used", "head"]
    assert graph.layer_outputs(model) == {"used": used, "unused": unused, "head": head}
    assert [tensor.name for tensor in export.optimize(model).inputs] == ["used", "unused"]


def difference(declared):
    """A model of z - a, with its inputs declared as a list or as a dict."""
    z, a = keras.Input((3,), name="z"), keras.Input((3,), name="a")
    inputs = {"list": [z, a], "dict": {"z": z, "a": a}}[declared]
    return keras.Model(inputs, layers.Subtract()([z, a]), name="difference")


@pytest.mark.parametrize(
    ("declared", "called"), [("list", "list"), ("list", "dict"), ("dict", "dict")]
)
@pytest.mark.parametrize("by_keyword", [False, True])
def test_inputs_of_a_model_inside_are_paired_as_keras_does(declared, called, by_keyword):
    p, q = keras.Input((3,), name="p"), keras.Input((3,), name="q")
    given = [p, q] if called == "list" else {"a": q, "z": p}
    inner = difference(declared)
    model = keras.Model([p, q], inner(inputs=given) if by_keyword else inner(given))
    values = [np.full((1, 3), 5.0, "float32"), np.full((1, 3), 2.0, "float32")]
    require_same(model(values), np.full((1, 3), 3.0))
    require_same(export.optimize(model)(values), np.full((1, 3), 3.0))


@pytest.mark.parametrize(
    ("shape", "dtype", "inner"), [(SHAPE, "uint8", SHAPE), ((3, 1), "float32", (3,))]
)
def test_a_model_inside_converts_its_input(shape, dtype, inner):
    given, images = keras.Input(inner), keras.Input(shape, dtype=dtype)
    kernel = layers.Conv2D(2, 1) if len(inner) == 3 else layers.Dense(2)
    x = layers.BatchNormalization()(kernel(given))
    model = keras.Model(images, keras.Model(given, x)(images))
    values = np.random.default_rng(0).integers(0, 9, (1, *shape)).astype(dtype)
    optimized = export.optimize(model)
    require_same(optimized(values), model(values))
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in optimized.layers)


def test_ancestors():
    def fork(x):
        left = layers.ReLU(name="left")(x)
        right = layers.ReLU(name="right")(x)
        shared = layers.ReLU(name="shared")
        outputs = [shared(left), layers.ReLU(name="behind")(shared(right))]
        return [*outputs, layers.ReLU(name="apart")(x)]

    model = model_of(fork)
    assert graph.ancestors(model, "left") == {"images", "left"}
    assert graph.ancestors(model, "shared") == {"images", "left", "right", "shared"}
    assert graph.ancestors(model, "behind") == {"images", "right", "shared", "behind"}
    inputs = graph.ancestors(cut(), "b") - {"a", "b"}
    assert all(name.endswith("CLONE") for name in inputs)


def test_layers_inside():
    bidirectional = layers.TimeDistributed(block())
    kinds = [type(layer).__name__ for layer in graph.layers_inside(bidirectional)]
    assert {"Functional", "Conv2D", "BatchNormalization"} <= set(kinds)
    assert graph.layers_inside(layers.Dense(2)) == []


def test_shapes_that_a_layer_cannot_take():
    pool = layers.MaxPooling2D(3, name="pool")
    (found,) = graph.output_specs(pool, [keras.KerasTensor((None, 7, 9, 4))], {})
    assert found.shape == (None, 2, 3, 4)
    with pytest.raises(ValueError, match=r"pool cannot take a grid of \(None, 2, 9, 4\): "):
        graph.output_specs(pool, [keras.KerasTensor((None, 2, 9, 4))], {})
