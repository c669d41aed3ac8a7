"""Parameters and multiply-accumulates of the networks: exactly the references', and the papers'."""

import functools

import keras
import pytest
import reference_rule as reference

import keras_inception
from keras_inception import analysis, layers

NETWORKS = {  # reference: (id, arguments, size of the second reference)
    "inception_v1": ("inception_v1", {"classes": 1001}, 193),
    "inception_v2": ("inception_v2", {"classes": 1001}, 193),
    "inception_v3": ("inception_v3", {"classes": 1001}, 267),
    "inception_v4": ("inception_v4", {"classes": 1001}, 267),
    "inception_resnet_v1": ("inception_resnet_v1", {"variant": "facenet"}, 139),
    "inception_resnet_v2": ("inception_resnet_v2", {"classes": 1001}, 267),
    "xception": ("xception", {}, 267),
}
AUXILIARY = ("inception_v3", "inception_v4", "inception_resnet_v2")  # those with a reference


@functools.cache
def cost_of(id, auxiliary=False, side=None, **arguments):
    """Cost of a network; with `side` it is built for any size and counted at that one."""

    def build():
        shape = {} if side is None else {"input_shape": (None, None, 3)}
        model = keras_inception.create_model(id, weights=None, **shape, **arguments)
        return keras_inception.with_auxiliary_heads(model) if auxiliary else model

    return analysis.symbolic_cost(build, None if side is None else (side, side, 3))


def counts(cost, blocks=None, without=()):
    """What the references count, of all rows or those of some blocks."""
    rows = [
        r for r in cost.rows if (blocks is None or r.block in blocks) and r.block not in without
    ]
    trainable, fixed = sum(row.trainable for row in rows), sum(row.non_trainable for row in rows)
    return {"trainable": trainable, "non_trainable": fixed, "total": trainable + fixed}


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_are_the_references(name):
    id, arguments, other_side = NETWORKS[name]
    expected = reference.facts(name)["parameters"]
    side = reference.facts(name)["image_size"]
    found = cost_of(id, name in AUXILIARY, side, **arguments)
    top = ("predictions", "bottleneck", "embeddings")
    assert counts(found) == expected["all"]
    assert counts(found, without=["auxiliary"]) == expected["no_aux"]
    assert counts(found, without=["auxiliary", *top]) == expected["no_aux_no_top"]
    assert counts(found, ["auxiliary"]) == expected["aux_only"]
    assert counts(found, top) == expected["top_only"]
    # The network that never had an auxiliary head; no parameter depends on the size.
    assert counts(cost_of(id, side=other_side, **arguments)) == expected["no_aux"]


@pytest.mark.parametrize("name", NETWORKS)
def test_macs_are_the_references(name):
    id, arguments, other_side = NETWORKS[name]
    expected = reference.facts(name)["macs"]
    side = reference.facts(name)["image_size"]
    found = cost_of(id, name in AUXILIARY, side, **arguments).by_block()
    macs = {row.name: row.macs for row in found.rows}
    assert found.macs == expected["total_with_aux"]
    assert found.macs - macs.get("auxiliary", 0) == expected["total_no_aux"]
    assert macs.get("auxiliary", 0) == expected["aux"]
    assert macs.get("predictions", 0) + macs.get("bottleneck", 0) == expected["top"]

    other = reference.facts(f"{name}_at{other_side}")
    assert other["image_size"] == other_side
    found = cost_of(id, side=other_side, **arguments)
    assert found.macs == other["macs"]["total_no_aux"]


def test_without_the_classifier():
    found = cost_of("inception_v1", side=224, include_top=False)
    expected = reference.facts("inception_v1")
    assert counts(found) == expected["parameters"]["no_aux_no_top"]
    assert found.macs == expected["macs"]["total_no_aux"] - expected["macs"]["top"]


TABLE_1 = {  # end points: (row, parameters in units of 1024, millions of operations), 1409.4842
    ("conv2d_1a_7x7",): ("convolution", 2.7, 34),
    ("conv2d_2b_1x1", "conv2d_2c_3x3"): ("convolution", 112, 360),
    ("mixed_3b",): ("inception (3a)", 159, 128),
    ("mixed_3c",): ("inception (3b)", 380, 304),
    ("mixed_4b",): ("inception (4a)", 364, 73),
    ("mixed_4c",): ("inception (4b)", 437, 88),
    ("mixed_4d",): ("inception (4c)", 463, 100),
    ("mixed_4e",): ("inception (4d)", 580, 119),
    ("mixed_4f",): ("inception (4e)", 840, 170),
    ("mixed_5b",): ("inception (5a)", 1072, 54),
    ("mixed_5c",): ("inception (5b)", 1388, 71),
    ("predictions",): ("linear", 1000, 1),
}
# What the table prints against the widths in the same row: (parameters, operations) of the widths.
WIDTHS_SAY = {
    ("conv2d_1a_7x7",): (7 * 7 * 3 * 64, 112**2 * 7 * 7 * 3 * 64),
    ("mixed_4d",): (512 * (128 + 128 + 24 + 64) + 9 * 128 * 256 + 25 * 24 * 64, None),
    ("mixed_5b",): (
        832 * (256 + 160 + 32 + 128) + 9 * 160 * 320 + 25 * 32 * 128,
        49 * (832 * (256 + 160 + 32 + 128) + 9 * 160 * 320 + 25 * 32 * 128),
    ),
}


@pytest.mark.parametrize("names", TABLE_1, ids=lambda names: TABLE_1[names][0])
def test_googlenet_row_by_row(names):
    _, parameters, operations = TABLE_1[names]
    rows = [row for row in cost_of("googlenet").rows if row.block in names]
    biases = sum(row.output_shape[-1] for row in rows if row.trainable)
    weights, macs = sum(row.trainable for row in rows) - biases, sum(row.macs for row in rows)
    by_width, macs_by_width = WIDTHS_SAY.get(names, (None, None))
    if by_width is None:
        assert weights / 1024 == pytest.approx(parameters, rel=0.02)
    else:
        assert weights == by_width
        assert weights / 1024 != pytest.approx(parameters, rel=0.04)
    if macs_by_width is None:
        assert macs / 1e6 == pytest.approx(operations, rel=0.01, abs=0.5)
    else:
        assert macs == macs_by_width
        assert macs / 1e6 != pytest.approx(operations, rel=0.04)


def test_googlenet_in_all():
    assert cost_of("googlenet").parameters == 6_998_552
    assert cost_of("googlenet", auxiliary=True).parameters == 13_378_280
    assert round(cost_of("googlenet").macs / 1e9, 3) == 1.583


def test_the_first_row_that_table_1_prints_is_a_separable_convolution():
    row = cost_of("bn_inception").row("conv2d_1a_7x7_conv")
    assert (row.trainable / 1000, row.macs / 1e6) == pytest.approx((2.7, 34), rel=0.01)


def test_bn_inception_is_inception_v2_with_gamma():
    ours, released = cost_of("bn_inception"), cost_of("inception_v2")
    normalized = released.non_trainable // 2
    assert normalized == reference.facts("inception_v2")["parameters"]["all"]["non_trainable"] // 2
    # The first layer has beta in place of the bias, and gamma; the others gain gamma.
    assert ours.trainable == released.trainable + normalized + 64
    assert ours.trainable == 11_188_288
    assert ours.macs == released.macs


def test_inception_v2_of_the_paper_from_the_released_modules():
    """24.39 M and 6.05 G are the printed stem under the modules of v3, each of 288 channels."""
    paper = cost_of("inception_v2", variant="paper")
    macs = {row.name: row.macs for row in paper.by_block().rows}
    fives = 3 * 48 * 64 * (25 - 9)  # three modules with a 5x5 where the paper has a 3x3
    fifth = paper.by_block().row("mixed_6d").trainable  # v3 has four modules on this grid
    # Reductions of Fig. 10: a 1x1 (192) before the 3x3, a 3x3 for v3's 1x7 and 7x1, both padded.
    reduce, strided, padded = 288 * 192, 9 * (192 - 288) * 384, (9 - 14) * 192 * 192
    v3 = paper.trainable + fives - fifth - reduce - strided - padded
    v3_macs = paper.macs + 35**2 * (fives - reduce) - macs["mixed_6d"] - 17**2 * (strided + padded)
    assert (round(v3 / 1e6, 2), round(v3_macs / 1e9, 2)) == (24.39, 6.05)

    plain = cost_of("inception_v2", variant="paper", factorized_7x7=False)
    stem = [f"conv2d_{box}_3x3" for box in ("1a", "2a", "2b")]
    assert paper.macs - sum(macs[name] for name in stem) == plain.macs - 147**2 * 7 * 7 * 3 * 64


def test_inception_v3_for_small_pictures_costs_the_same():
    """1512.00567 Table 2: the same cost at 299, 151 and 79 pixels."""
    large, middle, small = (
        cost_of("inception_v3", receptive_field=side) for side in (299, 151, 79)
    )
    assert large.trainable == middle.trainable == small.trainable == 23_817_352
    assert large.macs == middle.macs
    assert small.macs == pytest.approx(large.macs, rel=0.07)


def test_inception_v4():
    assert cost_of("inception_v4").trainable == 42_648_232


def test_inception_resnet_v1_of_the_paper_is_facenets_without_its_sixth_block():
    facts = reference.facts("inception_resnet_v1")
    kernels = 2 * 1792 * 192 + 2 * 3 * 192 * 192 + 384 * 1792
    sixth = kernels + 4 * 192 + 1792  # beta of four convolutions, bias of the linear one
    trunk = cost_of("inception_resnet_v1", side=160, include_top=False)
    expected = facts["parameters"]["no_aux_no_top"]
    assert trunk.trainable == expected["trainable"] - sixth
    assert trunk.macs == facts["macs"]["total_no_aux"] - facts["macs"]["top"] - 3 * 3 * kernels
    assert cost_of("inception_resnet_v1").trainable == 22_742_808


def test_inception_resnet_v2_of_the_paper():
    paper = cost_of("inception_resnet_v2", variant="paper")
    assert round(paper.trainable / 1e6, 1) == 32.4
    assert round(paper.macs / 1e9, 2) == 9.26


def deep_inception_resnet_v2():
    """The paper's network with as many blocks as the released one."""
    images = keras.Input((299, 299, 3))
    x = layers.inception_v4_stem(images)
    for i in range(10):
        x = layers.inception_resnet_v2_a(x, name=f"a{i}")
    x = layers.reduction_a(x, k=256, l=256, m=384, n=384, name="reduction_a")
    for i in range(20):
        x = layers.inception_resnet_v2_b(x, name=f"b{i}")
    x = layers.inception_resnet_v2_reduction_b(x, name="reduction_b")
    for i in range(10):
        x = layers.inception_resnet_v2_c(x, name=f"c{i}")
    return keras.Model(images, layers.classifier_head(x, 1000, 0.2))


def test_inception_resnet_v2_with_the_stem_of_v4_and_the_released_depth():
    found = analysis.symbolic_cost(deep_inception_resnet_v2)
    assert (round(found.trainable / 1e6, 2), round(found.macs / 1e9, 2)) == (55.26, 14.14)
