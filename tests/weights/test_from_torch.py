import functools

import numpy as np
import pytest
import torch_rule
from safetensors.numpy import save_file

import keras_inception
from keras_inception import weights
from keras_inception.weights import from_torch, open_file
from keras_inception.weights.assignment import Source, assign
from keras_inception.weights.places import model_places


@pytest.fixture
def file_of(tmp_path):
    """Makes the file of a network's made-up weights; it does not outlive the test."""
    paths = []

    def make(name):
        shapes, _ = torch_rule.recorded(name)
        paths.append(tmp_path / f"{name}.safetensors")
        save_file(torch_rule.values(shapes), paths[-1])
        return str(paths[-1])

    yield make
    for path in paths:
        path.unlink()


@pytest.mark.parametrize("name", torch_rule.NETWORKS)
def test_outputs_are_those_of_the_other_network(name, file_of, record_gap):
    _, outputs = torch_rule.recorded(name)
    gaps = torch_rule.gaps(name, file_of(name), outputs)
    record_gap(f"{name.split('_')[0]}, recorded outputs", name, max(gaps.values()))
    assert max(gaps.values()) < 2e-5


def names_of(name):
    shapes, _ = torch_rule.recorded(name)
    return {key: shape for key, shape in shapes.items() if not key.endswith("_tracked")}


@functools.cache
def narrow(name, **options):
    """The network that fits, narrow, and at the size that its auxiliary head needs."""
    constructor = getattr(keras_inception, torch_rule.NETWORKS[name][0])
    return constructor(weights=None, width_multiplier=0.05, **options)


def made_up_source(plan, names):
    """A source in which every variable has the shape that the narrow model wants."""
    shapes = dict.fromkeys(names, ())
    for rule in plan.rules:
        shape = tuple(rule.target.shape)
        if rule.target.name == "depthwise_kernel":
            shape = (shape[2], 1, *shape[:2])
        elif len(shape) > 1:
            shape = (*shape[::-1][:2], *shape[:-2])
        shapes[rule.sources[0]] = shape
        for other in rule.sources[1:]:
            shapes[other] = shape[:1]
    return Source("made up", shapes, lambda name: torch_rule.value(name, shapes[name], shapes))


@pytest.mark.parametrize("name", torch_rule.NETWORKS)
def test_every_variable_is_used_once_and_gammas_where_they_go(name):
    model, names = narrow(name), names_of(name)
    if name == "torchvision_inception_v3":
        model = keras_inception.with_auxiliary_heads(model)
    plan = from_torch.plan(model, names)
    assert [rule.target.path for rule in plan.rules] == [v.path for v in model.weights]
    used = [rule.sources[0] for rule in plan.rules]
    gammas = {source for rule in plan.rules for source in rule.sources[1:]} - set(used)
    assert len(used) == len(set(used))
    assert set(used) | gammas | set(plan.skipped) == set(names)
    assert all(gamma.endswith(".bn.weight") for gamma in gammas)
    assert bool(gammas) == (name != "timm_legacy_xception")
    reasons = {key.split(".")[0]: reason for key, reason in plan.skipped.items()}
    kind = "an auxiliary head of another kind"
    expected = {"torchvision_googlenet": {"aux1": kind, "aux2": kind}}
    assert reasons == expected.get(name, {})


def test_a_gamma_goes_into_kernel_and_mean():
    model, names = narrow("timm_inception_v4"), names_of("timm_inception_v4")
    plan = from_torch.plan(model, names)
    source = made_up_source(plan, names)
    report = assign(model, source, plan)
    assert set(report.used) == set(names)
    assert not report.skipped
    kernel, gamma, mean, variance, beta = (
        source.read(f"features.6.branch1.1.{name}")
        for name in ("conv.weight", "bn.weight", "bn.running_mean", "bn.running_var", "bn.bias")
    )
    ours = model.get_layer("mixed_5b_branch1_1_3x3_conv").kernel.numpy()
    norm = model.get_layer("mixed_5b_branch1_1_3x3_bn")
    np.testing.assert_array_equal(ours[0, 2, 3, 5], kernel[5, 3, 0, 2] * gamma[5])
    np.testing.assert_array_equal(norm.moving_mean, mean * gamma)
    np.testing.assert_array_equal(norm.moving_variance, variance)
    np.testing.assert_array_equal(norm.beta, beta)


def test_a_gamma_makes_up_for_another_epsilon():
    model, names = narrow("timm_legacy_xception"), names_of("timm_legacy_xception")
    plan = from_torch.plan(model, names)
    source = made_up_source(plan, names)
    assign(model, source, plan)
    norm = model.get_layer("block14_sepconv2_bn")
    gamma, variance = source.read("bn4.weight"), source.read("bn4.running_var")
    ours = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    np.testing.assert_allclose(ours, gamma / np.sqrt(variance + 1e-5), rtol=1e-6)
    np.testing.assert_array_equal(norm.moving_variance, variance)


@pytest.mark.parametrize(
    "name", ["torchvision_inception_v3", "timm_inception_v4", "torchvision_googlenet"]
)
def test_without_its_heads(name):
    model, names = narrow(name, include_top=False), names_of(name)
    plan = from_torch.plan(model, names)
    report = assign(model, made_up_source(plan, names), plan)
    assert not report.new
    heads = {key.split(".")[0] for key in report.skipped}
    assert heads <= {"fc", "last_linear", "classif", "AuxLogits", "aux1", "aux2"}
    assert set(report.skipped.values()) <= {
        "a head that the model does not have",
        "an auxiliary head of another kind",
    }


def test_another_number_of_classes_gets_a_new_classifier():
    name = "timm_inception_resnet_v2"
    full, names = narrow(name), names_of(name)
    source = made_up_source(from_torch.plan(full, names), names)
    model = narrow(name, classes=7)
    before = model.get_layer("predictions").get_weights()
    report = assign(model, source, from_torch.plan(model, names))
    assert report.new == ("predictions/kernel", "predictions/bias")
    assert set(report.skipped) == {"classif.weight", "classif.bias"}
    for kept, value in zip(before, model.get_layer("predictions").get_weights()):
        np.testing.assert_array_equal(kept, value)
    trunk = model.get_layer("conv2d_7b_1x1_bn").beta
    np.testing.assert_array_equal(trunk, source.read("conv2d_7b.bn.bias"))


# What is done to a file of Inception-v3, and what the error then lists.
FAULTS = {
    "a gamma is missing": (
        lambda shapes: shapes.pop("Mixed_5b.branch_pool.bn.weight"),
        "missing: mixed_5b_branch3_1_1x1_conv/kernel",
    ),
    "a kernel is missing": (
        lambda shapes: shapes.pop("Mixed_7c.branch3x3_2b.conv.weight"),
        "missing: mixed_7c_branch1_1b_3x1_conv/kernel",
    ),
    "one is unknown": (
        lambda shapes: shapes.update({"Mixed_5b.branch1x1.conv.bias": (8,)}),
        "left over: Mixed_5b.branch1x1.conv.bias",
    ),
    "a module is unknown": (
        lambda shapes: shapes.update({"stem.scale": (8,)}),
        "left over: stem.scale",
    ),
    "a second classifier": (
        lambda shapes: shapes.update({"last_linear.bias": (1000,)}),
        "left over: (fc|last_linear).bias",
    ),
    "a gamma of another length": (
        lambda shapes: shapes.update({"Conv2d_1a_3x3.bn.weight": (1,)}),
        r"(?s)Conv2d_1a_3x3.bn.weight.* \(1,\)|gamma of shape \(1,\)",
    ),
    "a kernel without its last axes": (
        lambda shapes: shapes.update({"Conv2d_2a_3x3.conv.weight": (8, 8)}),
        r"shape: Conv2d_2a_3x3.conv.weight.*\(8, 8\)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_listed_and_nothing_assigned(fault):
    change, words = FAULTS[fault]
    model, names = narrow("timm_inception_v3"), names_of("timm_inception_v3")
    source = made_up_source(from_torch.plan(model, names), names)
    change(source.shapes)
    before = model.get_weights()
    with pytest.raises(ValueError, match=words):
        assign(model, source, from_torch.plan(model, source.shapes))
    for kept, value in zip(before, model.get_weights()):
        np.testing.assert_array_equal(kept, value)


def zeros(shapes, name):
    return np.zeros(shapes[name], np.float32)


@pytest.mark.parametrize("name", torch_rule.NETWORKS)
def test_weights_of_another_network_are_refused(name):
    model = narrow(name)
    for other, (constructor, *_) in torch_rule.NETWORKS.items():
        if constructor != torch_rule.NETWORKS[name][0]:
            names = names_of(other)
            source = Source("other", names, functools.partial(zeros, names))
            with pytest.raises(ValueError, match="missing"):
                assign(model, source, from_torch.plan(model, names))


def test_names_tell_a_state_dict_from_our_own_files():
    for name in torch_rule.NETWORKS:
        assert from_torch.names_fit(names_of(name))
    assert not from_torch.names_fit(["conv2d_1a_3x3_conv/kernel", "predictions/bias"])
    assert not from_torch.names_fit(["fc.weight", "predictions/bias"])
    assert not from_torch.names_fit([])


def port_shapes(model):
    """Names and shapes of the port of FID's network, of a narrow model's widths.

    They are torchvision's without the auxiliary head.
    """
    names, _ = torch_rule.recorded("torchvision_inception_v3")
    names = [name for name in names if not name.startswith("AuxLogits")]
    shapes = dict.fromkeys(names, ())
    for rule in from_torch.plan(model, [n for n in names if not n.endswith("_tracked")]).rules:
        shape = tuple(rule.target.shape)
        shape = (*shape[::-1][:2], *shape[:-2]) if len(shape) > 1 else shape
        shapes[rule.sources[0]] = shape
        for other in rule.sources[1:]:
            shapes[other] = shape[:1]
    return shapes


def test_the_network_of_fid(tmp_path):
    how = {"variant": "fid", "width_multiplier": 0.05, "input_shape": (75, 75, 3)}
    model = keras_inception.InceptionV3(weights=None, **how)
    arrays = torch_rule.values(port_shapes(model))
    path = str(tmp_path / "port.safetensors")
    save_file(arrays, path)
    report = weights.load(model, path)
    counters = {name for name in arrays if name.endswith("_tracked")}
    assert set(report.used) == set(arrays) - counters
    assert dict(report.skipped) == dict.fromkeys(counters, "step counter")
    assert not report.new
    gamma = arrays["Mixed_7c.branch_pool.bn.weight"]
    kernel = arrays["Mixed_7c.branch_pool.conv.weight"].transpose(2, 3, 1, 0) * gamma
    np.testing.assert_array_equal(model_places(model)["mixed_7c", 3, 0, False, "kernel"], kernel)
    np.testing.assert_array_equal(model.get_layer("predictions").bias, arrays["fc.bias"])
    # By its constructor, which here builds TensorFlow's pools, and torchvision's otherwise.
    built = keras_inception.InceptionV3(weights=path, **how)
    assert not any(layer.name.endswith("_avg_pool_pad") for layer in built.layers)
    for ours, again in zip(model.get_weights(), built.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, again)
    with open_file(path) as file:
        assert file.conventions_for("inception_v3").pool_counts_padding
    how |= {"variant": "released", "classes": 1008}
    other = keras_inception.InceptionV3(weights=None, **how)
    with pytest.raises(ValueError, match="expects .* and inception_v3 has"):
        weights.load(other, path)
