"""Drawings: what boxes say, which layers they hold, and what may be drawn."""

import keras
import pytest
from drawn_boxes import check, read
from weightless import layer_names, network

import keras_inception
from keras_inception import layers
from keras_inception.analysis.visualize import draw


def test_end_points_and_their_shapes():
    model = network("inception_v4")
    boxes, _ = read(draw(model, repeats=False))
    titles = [box.lines[0] for box in boxes]
    assert titles == ["images", *keras_inception.end_points(model)]
    for box in boxes[1:]:
        shape = keras_inception.end_points(model)[box.lines[0]].shape[1:]
        assert box.lines[-1] == " \u00d7 ".join(map(str, shape))
    titles = [box.lines[0] for box in read(draw(model))[0]]
    assert "mixed_6b to mixed_6h" in titles
    assert len(titles) == 14


def test_equal_modules_need_equal_widths():
    titles = [box.lines[0] for box in read(draw(network("inception_v3")))[0]]
    assert "mixed_6c to mixed_6d" in titles  # 160 filters both; 128 in 6b and 192 in 6e
    assert {"mixed_6b", "mixed_6e"} < set(titles)


def test_a_module():
    model = network("inception_v3")
    names = [name for name in layer_names(model) if name.startswith("mixed_6b")]
    boxes, arrows = check(draw(model, block="mixed_6b"), names)
    assert len(arrows) == 4 + 11  # into each branch, and out of each of the 11 layers
    assert [box.lines[0] for box in boxes if not box.layers] == ["mixed_6a"]
    lines = {name: box.lines for box in boxes for name in box.layers}
    assert lines["mixed_6b_branch2_1_7x1_conv"] == [
        "7 \u00d7 1 conv, 128",
        "17 \u00d7 17 \u00d7 128",
    ]
    assert lines["mixed_6b_branch2_1_7x1_bn"] == lines["mixed_6b_branch2_1_7x1_conv"]
    # Four branches: four columns of boxes.
    (last,) = [box for box in boxes if box.lines[0] == "concatenate"]
    columns = {round(box.left + box.right) for box in boxes if box.layers and box is not last}
    assert len(columns) == 4


def test_what_a_box_says():
    model = network("inception_resnet_v1", output_stride=16)
    lines = {
        name: box.lines
        for box in [
            *read(draw(model, block="block8_1"))[0],
            *read(draw(model, block="mixed_7a"))[0],
        ]
        for name in box.layers
    }
    assert lines["block8_1_linear"][1] == "linear"
    assert lines["block8_1_scale"][0] == "\u00d7 0.2"
    assert lines["block8_1_add"][0] == "add, ReLU"
    assert lines["block8_1_branch1_1_1x3"][1] == "dilation 2"
    assert lines["mixed_7a_branch0_1_3x3"][1] == "valid"
    assert lines["mixed_7a_branch3_0_max_pool"][:2] == ["3 \u00d7 3 max pool", "valid"]


def test_the_stem():
    model = network("inception_v4")
    boxes, _ = read(draw(model, block="stem"))
    assert [box.lines[0] for box in boxes].count("concatenate") == 3
    assert boxes[-1].layers == ["mixed_5a"]
    whole, _ = check(draw(model, expand="stem"), layer_names(model))
    assert len(whole) == len(boxes) + 7
    assert whole[-7].lines[0] == "mixed_5b to mixed_5e"


def test_a_function_of_layers():
    figure = draw(layers.inception_c, input_shape=(8, 8, 1536))
    boxes, _ = read(figure)
    assert sum("conv" in box.lines[0] for box in boxes) == 10
    assert boxes[0].lines == ["input", "8 \u00d7 8 \u00d7 1536"]
    figure = draw(layers.LocalResponseNormalization(), input_shape=(8, 8, 16))
    assert [box.lines[0] for box in read(figure)[0]] == ["input", "local response normalization"]


def test_a_graph_that_is_not_of_branches():
    images = keras.Input((8, 8, 4))

    def conv(x, name):
        return keras.layers.Conv2D(4, 3, padding="same", name=name)(x)

    one, two = conv(images, "one"), conv(images, "two")
    crossed = keras.layers.Add(name="crossed")([one, two])
    deeper = conv(crossed, "deeper")
    three = keras.layers.Add(name="three")([deeper, two])
    model = keras.Model(images, keras.layers.Concatenate(name="all")([one, crossed, three]))
    check(draw(model), layer_names(model))


def test_a_model_in_a_model():
    inner = network("inception_v1", include_top=False)
    images = keras.Input((64, 64, 3), name="pictures")
    x = keras.layers.GlobalAveragePooling2D()(inner(keras.layers.RandomFlip()(images)))
    model = keras.Model(images, keras.layers.Dense(3)(x))
    boxes, _ = read(draw(model))
    assert boxes[0].lines[0] == "pictures"
    assert any(box.lines[0] == "inception_v1/mixed_4b" for box in boxes)


def test_pictures_of_any_size_are_drawn_at_the_native_one():
    model = network("inception_v3", include_top=False)
    assert model.input_shape == (None, None, None, 3)
    assert read(draw(model))[0][0].lines[-1] == "299 \u00d7 299 \u00d7 3"
    figure = draw(model, input_shape=(150, 200, 3))
    assert read(figure)[0][-1].lines[-1] == "3 \u00d7 4 \u00d7 2048"


def test_the_file(tmp_path):
    model = network("inception_v1")
    figure = draw(model, tmp_path / "folder" / "v1.svg", block="mixed_3b")
    assert (tmp_path / "folder" / "v1.svg").read_text(encoding="utf-8") == figure.svg
    assert figure._repr_svg_() == figure.svg
    assert "prefers-color-scheme: dark" in figure.svg


def test_bad_input():
    model = network("inception_v1")
    with pytest.raises(ValueError, match="no end point 'mixed_9z'; its end points are conv2d_1a"):
        draw(model, block="mixed_9z")
    with pytest.raises(ValueError, match="no end point 'mixed_9z'"):
        draw(model, expand=["mixed_3b", "mixed_9z"])
    with pytest.raises(ValueError, match="inception_a is not a model: give input_shape"):
        draw(layers.inception_a)
    with pytest.raises(ValueError, match="expected a model, a layer or a function"):
        draw(3)
    with pytest.raises(ValueError, match=r"takes pictures \(height, width, 3\), not \(64, 64, 1\)"):
        draw(model, input_shape=(64, 64, 1))
    with pytest.raises(ValueError, match="cannot take a grid"):
        draw(network("inception_v3", include_top=False), input_shape=(20, 20, 3))
    images = keras.Input((8, 8, 3))
    plain = keras.Model(images, keras.layers.Conv2D(3, 1, name="conv")(images), name="plain")
    with pytest.raises(ValueError, match="plain has no stem"):
        draw(plain, block="stem")
