"""Caffe's GoogLeNet: a real caffemodel, and Caffe's arithmetic on the numbers that stand in it."""

import functools
import re

import keras
import numpy as np
import pytest
from caffe_net import FORMS, HEADS, TABLE_1, add_layer, make_net, net_class, random_weights
from numpy.lib.stride_tricks import sliding_window_view

import keras_inception
from keras_inception.weights import from_caffe
from keras_inception.weights.assignment import assign
from keras_inception.weights.from_caffe import is_caffemodel, plan

WIDTH = 0.1
# Odd sides, for which padding of 3 on both sides is SAME too; the side heads' grids are 2 x 3.
SHAPE = (127, 175, 3)
A_HEAD_TOO_MANY = "a head that the model does not have"


def build(classes=6, auxiliary=True, shape=SHAPE, **arguments):
    model = keras_inception.GoogLeNet(
        weights=None,
        width_multiplier=WIDTH,
        input_shape=shape,
        classes=classes,
        classifier_activation=None,
        **arguments,
    )
    return keras_inception.with_auxiliary_heads(model) if auxiliary else model


@pytest.fixture(scope="module")
def model():
    return build()


@pytest.fixture(scope="module")
def weights(model):
    """Caffe's layer to its [weights, bias]."""
    return random_weights(model, WIDTH, grid=2 * 3, classes=6)


@pytest.fixture(scope="module", params=FORMS)
def caffemodel(request, weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("caffe") / "googlenet.caffemodel"
    path.write_bytes(make_net(weights, request.param).SerializeToString())
    return str(path)


def open_caffemodel(path):
    with open(path, "rb") as file:
        return from_caffe.open_caffemodel(file, str(path))


def load(model, path):
    source = open_caffemodel(path)
    return assign(model, source, plan(model, source.shapes))


def variables(weights):
    return [f"{layer}/{kind}" for layer in weights for kind in ("weights", "bias")]


def convolve(x, weights, bias, stride=1):
    """Caffe's Convolution, half of the kernel as padding, and ReLU; (n, channel, row, column)."""
    pad = weights.shape[-1] // 2
    x = np.pad(x, [(0, 0)] * 2 + [(pad, pad)] * 2)
    windows = sliding_window_view(x, weights.shape[2:], (2, 3))[:, :, ::stride, ::stride]
    y = np.einsum("nchwij,ocij->nohw", windows, weights, optimize=True)
    return np.maximum(y + bias[:, None, None], 0)


def inception(x, layers):
    def box(name, x):
        return convolve(x, *layers[name])

    padded = np.pad(x, [(0, 0)] * 2 + [(1, 1)] * 2, constant_values=-np.inf)
    pooled = sliding_window_view(padded, (3, 3), (2, 3)).max((4, 5))
    outputs = [
        box("1x1", x),
        box("3x3", box("3x3_reduce", x)),
        box("5x5", box("5x5_reduce", x)),
        box("pool_proj", pooled),
    ]
    return np.concatenate(outputs, axis=1)


def side_head(x, layers):
    pooled = sliding_window_view(x, (5, 5), (2, 3))[:, :, ::3, ::3].mean((4, 5))
    flat = convolve(pooled, *layers["conv"]).reshape(len(x), -1)
    assert flat.shape[1] == layers["conv"][1].size * 2 * 3
    matrix, bias = layers["fc"]
    return main_head(np.maximum(flat @ matrix.T + bias, 0)[..., None, None], layers)


def main_head(x, layers):
    matrix, bias = layers["classifier"]
    return x.mean((2, 3)) @ matrix.T + bias


def pieces(weights):
    """Yields (end point before, end point after, Caffe's function between them)."""
    one, two, three = (
        weights[layer] for layer in ("conv1/7x7_s2", "conv2/3x3_reduce", "conv2/3x3")
    )
    yield "image", "conv2d_1a_7x7", lambda x: convolve(x[:, ::-1], *one, stride=2)  # BGR
    yield "lrn_2a", "conv2d_2b_1x1", lambda x: convolve(x, *two)
    yield "conv2d_2b_1x1", "conv2d_2c_3x3", lambda x: convolve(x, *three)

    def layers(scope):
        return {n.split("/")[1]: v for n, v in weights.items() if n.startswith(f"{scope}/")}

    for row in TABLE_1:
        before = f"mixed_{row[0]}{row[1]}" if row[1] != "a" else f"maxpool_{row[0]}a_3x3"
        after = f"mixed_{row[0]}{'bcdef'['abcde'.index(row[1])]}"
        yield before, after, functools.partial(inception, layers=layers(f"inception_{row}"))
    for head, (grid, ours) in HEADS.items():
        function = main_head if head == "loss3" else side_head
        yield grid, ours, functools.partial(function, layers=layers(head))


def test_each_piece_computes_what_caffe_does(caffemodel, weights, record_gap):
    model = build()
    report = load(model, caffemodel)
    assert sorted(report.used) == sorted(variables(weights))
    assert (report.skipped, report.new) == ({}, ())
    todo = list(pieces(weights))
    assert len(todo) == 3 + 9 + 3
    names = sorted({name for piece in todo for name in piece[:2]} - {"image"})
    outputs = {name: model.get_layer(name).output for name in names}
    image = np.random.default_rng(1).uniform(-100, 100, (2, *SHAPE)).astype("float32")
    found = {n: v.numpy() for n, v in keras.Model(model.input, outputs)(image).items()}
    found = {"image": image, **found}
    found = {n: v.transpose(0, 3, 1, 2) if v.ndim == 4 else v for n, v in found.items()}
    for before, after, function in todo:
        expected = function(found[before])
        gap = np.abs(found[after] - expected).max() / np.abs(expected).max()
        assert expected.std() > 0, after
        assert gap < 2e-6, (after, gap)
        record_gap("Caffe, by pieces", "googlenet", gap)


def test_the_constructor_suits_the_weights(caffemodel, weights):
    """Even sides, where Caffe's padding is not TensorFlow's, and pixels less their mean."""
    model = keras_inception.GoogLeNet(
        weights=caffemodel, width_multiplier=WIDTH, input_shape=(64, 96, 3), classes=6
    )
    pixels = np.random.default_rng(2).uniform(0, 255, (2, 64, 96, 3))
    first = keras_inception.feature_extractor(model, "conv2d_1a_7x7")
    found = first(model.preprocess_input(pixels.copy()))["conv2d_1a_7x7"]
    bgr = (pixels - (123, 117, 104))[..., ::-1].transpose(0, 3, 1, 2)
    expected = convolve(bgr, *weights["conv1/7x7_s2"], stride=2).transpose(0, 2, 3, 1)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    plain = build(auxiliary=False, shape=(64, 96, 3))
    with pytest.raises(
        ValueError, match="expects strided convolutions padded on both sides, pixels"
    ):
        keras_inception.weights.load(plain, caffemodel)


@pytest.mark.parametrize("include_top", [True, False])
def test_heads_that_the_model_lacks_are_skipped(caffemodel, weights, include_top):
    model = build(auxiliary=False, include_top=include_top, shape=(64, 64, 3))
    report = load(model, caffemodel)
    left = ("loss1", "loss2") if include_top else ("loss1", "loss2", "loss3")
    assert report.skipped == {
        name: A_HEAD_TOO_MANY for name in variables(weights) if name.startswith(left)
    }
    assert len(report.used) == len(variables(weights)) - len(report.skipped)
    assert len(report.used) == len(model.weights)


def test_another_number_of_classes(caffemodel, weights):
    model = build(classes=4)
    before = model.get_layer("predictions").kernel.numpy()
    report = load(model, caffemodel)
    assert sorted(report.new) == sorted(
        f"{ours}/{kind}" for _, ours in HEADS.values() for kind in ("kernel", "bias")
    )
    assert sorted(report.skipped) == sorted(n for n in variables(weights) if "/classifier/" in n)
    np.testing.assert_array_equal(model.get_layer("predictions").kernel, before)
    kernel = model.get_layer("mixed_3b_branch1_1_3x3_conv").kernel
    expected = weights["inception_3a/3x3"][0]
    np.testing.assert_array_equal(kernel[0, 2, 1, 3], expected[3, 1, 0, 2][..., None].squeeze())


def test_one_channel_sees_the_sum_of_three(caffemodel, weights):
    model = build(auxiliary=False, shape=(64, 64, 1))
    load(model, caffemodel)
    kernel = model.get_layer("conv2d_1a_7x7_conv").kernel.numpy()
    expected = weights["conv1/7x7_s2"][0].sum(1).transpose(1, 2, 0)
    np.testing.assert_allclose(kernel[:, :, 0], expected, atol=1e-6)


def test_doubles(tmp_path):
    net = net_class()()
    blob = net.layer.add(name="a").blobs.add(double_data=[1.5, 2.5])
    blob.shape.dim.append(2)
    net.layer[0].blobs.add(data=[3.5])  # no shape at all: a number
    path = tmp_path / "doubles.caffemodel"
    path.write_bytes(net.SerializeToString())
    source = open_caffemodel(str(path))
    assert source.shapes == {"a/weights": (2,), "a/bias": ()}
    assert source.read("a/weights").tolist() == [1.5, 2.5]
    assert source.read("a/bias").tolist() == 3.5
    assert source.read("a/weights").dtype == np.float32


def assert_refused(model, path, *faults):
    """A load fails with one message that names the file and all faults; the model is unchanged."""
    before = model.get_weights()
    with pytest.raises(ValueError, match=re.escape(str(path))) as error:
        load(model, str(path))
    message = str(error.value)
    for fault in faults:
        assert fault in message
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_all_misfits_are_listed(model, weights, tmp_path):
    weights = dict(weights)
    del weights["inception_3b/5x5"], weights["loss1/fc"]
    weights["inception_5b/7x7"] = [np.zeros((1, 1, 7, 7))]
    weights["loss4/classifier"] = [np.zeros((6, 6))]
    # Input and output of a 1x1 box the wrong way round: the same numbers, another convolution.
    weights["inception_3a/pool_proj"] = [
        weights["inception_3a/pool_proj"][0].swapaxes(0, 1),
        np.zeros((2, 4)),
    ]
    weights["loss2/fc"] = [weights["loss2/fc"][0].T, weights["loss2/fc"][1]]
    path = tmp_path / "misfit.caffemodel"
    path.write_bytes(make_net(weights, "layer").SerializeToString())
    assert_refused(
        model,
        path,
        "left over: inception_5b/7x7/weights",
        "left over: loss4/classifier/weights",
        "missing: mixed_3c_branch2_1_5x5_conv/kernel",
        "missing: mixed_3c_branch2_1_5x5_conv/bias",
        "missing: auxiliary_1_dense/kernel",
        "shape: inception_3a/pool_proj/weights (1, 1, 8, 16) for mixed_3b_branch3_1_1x1_conv",
        "shape: inception_3a/pool_proj/bias (2, 4)",
        "shape: loss2/fc/weights",
    )


def test_another_network(caffemodel):
    model = keras_inception.InceptionV1(
        weights=None, width_multiplier=WIDTH, input_shape=(64, 64, 3), classes=6
    )
    assert_refused(model, caffemodel, "left over: inception_4c/1x1/bias", "/beta")


@pytest.mark.parametrize("sixteenths", range(16))
def test_truncated(caffemodel, model, tmp_path, sixteenths):
    with open(caffemodel, "rb") as file:
        content = file.read()
    path = tmp_path / "cut.caffemodel"
    path.write_bytes(content[: len(content) * sixteenths // 16])
    assert_refused(model, path)


def test_flipped_bits(caffemodel, model, tmp_path):
    """Each bit of the first 64 bytes: an error, or the same weights (it stood in a name)."""
    with open(caffemodel, "rb") as file:
        content = file.read()
    whole = open_caffemodel(caffemodel)
    path = tmp_path / "flipped.caffemodel"
    messages = []
    for bit in range(8 * 64):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            source = open_caffemodel(str(path))
        except ValueError as error:
            messages.append(str(error))
            continue
        if source.shapes != whole.shapes:
            assert_refused(model, path)
            continue
        for name in list(source.shapes)[::10]:
            np.testing.assert_array_equal(source.read(name), whole.read(name))
    assert all(message.startswith(str(path)) for message in messages)
    assert len(messages) > 50


def bad_shape(shape, form="layer", **data):
    net = net_class()()
    blob = getattr(net, form).add(name="a").blobs.add(**(data or {"data": [1, 2, 3, 4]}))
    if form == "layer":
        blob.shape.dim.extend(shape)
    else:
        blob.num, blob.channels, blob.height, blob.width = shape
    return net.SerializeToString()


def layers_named(*names, blobs=1):
    net = net_class()()
    for i, name in enumerate(names):
        add_layer(net, FORMS[i % 2], name, [np.ones((1, 1, 1, 2))] * blobs)
    return net.SerializeToString()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "no layer with weights"),
        (b"\x0a\x09GoogleNet", "no layer with weights"),
        (b"\x12\x00" * 1000, "no layer with weights"),
        (np.random.default_rng(2).bytes(5000), "is not"),
        (b"\x12\xff\xff\xff\xff\x0f", "not a readable caffemodel"),
        (b"\x1b" * 100_000, "not a readable caffemodel"),  # groups in groups
        (b"\x12\x00" * 200_000, "more than 100,000 fields"),
        (b"\x12\xc0\x9a\x0c" + b"\x32\x00" * 100_000, "more than 100,000 fields"),  # blobs
        (b"\x12\x03\x32\x04", "it ends within a field"),
        (bad_shape((2, 3)), r"a/weights: the shape is \(2, 3\), and there are 4 numbers"),
        (bad_shape((-2, -2)), r"the shape is \(-2, -2\)"),
        (bad_shape((4, 0)), r"the shape is \(4, 0\)"),
        (bad_shape((2**62, 2**62)), "there are 4 numbers"),
        (bad_shape((2**32 + 2, 2)), "there are 4 numbers"),
        (bad_shape((1,) * 5000), "a shape of 5003 bytes, more than 32 axes need"),
        (bad_shape(()), "there are 4 numbers"),
        (bad_shape((1, 1, 2, 3), "layers"), r"the shape is \(1, 1, 2, 3\)"),
        (bad_shape((-1, -1, 2, 2), "layers"), r"the shape is \(-1, -1, 2, 2\)"),
        (bad_shape((2**31 - 1,) * 4, "layers"), "there are 4 numbers"),
        (bad_shape((4,), data=()), "there are 0 numbers"),
        (layers_named("a", "b", "a"), "two layers with weights are called 'a'"),
        (layers_named("a", blobs=3), "layer 'a' has 3 blobs"),
        (layers_named("ab").replace(b"ab", b"\xff\xfe"), None),  # opens: it is only left over
    ],
)
def test_malformed(tmp_path, model, content, fault):
    path = tmp_path / "malformed.caffemodel"
    path.write_bytes(content)
    if fault is None:
        assert_refused(model, path, r"left over: \xff\xfe/weights")
        return
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}.*{fault}"):
        open_caffemodel(str(path))


def test_too_large(tmp_path):
    path = tmp_path / "large.caffemodel"
    with open(path, "wb") as file:
        file.truncate(2**27 + 1)  # a hole: no space on the disk
    with pytest.raises(ValueError, match="large.caffemodel has 134217729 bytes; .* 134217728"):
        open_caffemodel(str(path))


def test_told_by_content(caffemodel):
    with open(caffemodel, "rb") as file:
        head = file.read(256)
    assert all(is_caffemodel(head[:length]) for length in range(4, 256))
    old_first = layers_named("a", "b")
    assert is_caffemodel(old_first)
    assert is_caffemodel(old_first[2 + old_first[1] :])
    assert is_caffemodel(net_class()(name="x" * 100).SerializeToString()[:64])


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x0a",
        b"\x89HDF\r\n\x1a\n",
        b"PK\x03\x04",
        b"\x1f\x8b\x08\x00",
        b"\x80\x04\x95",
        b"\x0a\x10\x00\x00\x00\x00\x00\x00{",  # safetensors with a header of 4106 bytes
        b"\x12\x00\x00\x00\x00\x00\x00\x00{",
        b"\x12\x27\x00\x00\x00\x00\x00\x00{",
        b"\x0a\x2f\x0a\x05input\x12\x0bPlaceholder",  # TensorFlow's GraphDef
        b"\x08\x07\x12\x07pytorch",  # ONNX
        b"\n\nname: 'GoogleNet'\nlayer {",
        b"\x0a\x09GoogleNetXY",  # a name, and then no field of a net
        b"\x00" * 64,
    ],
)
def test_told_from_others(head):
    assert not is_caffemodel(head)
