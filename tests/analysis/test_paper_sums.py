"""The papers' arithmetic: counted figures against those worked out by hand, and the printed."""

import pytest

from keras_inception import analysis


@pytest.fixture(scope="module")
def comparisons():
    return {comparison.claim: comparison for comparison in analysis.arithmetic()}


COUNTS = {  # beginning of the claim: (before, after)
    "5x5 (48) on 14 x 14 x 480": (
        14**2 * 25 * 480 * 48,
        14**2 * (480 * 16 + 25 * 16 * 48),
    ),
    "module 3a": (
        28**2 * 192 * (64 + 9 * 128 + 25 * 32),
        28**2 * (192 * (64 + 96 + 16 + 32) + 9 * 96 * 128 + 25 * 16 * 32),
    ),
    "AlexNet against GoogLeNet": (60_965_224, 6_998_552),
    "VGG-16 against GoogLeNet": (138_357_544, 6_998_552),
    "VGG-16 against AlexNet": (138_357_544, 60_965_224),
    "1000 classes on 7 x 7 x 1024": (49 * 1024 * 1000 + 1000, 1024 * 1000 + 1000),
    "5x5 against 3x3 + 3x3": (35**2 * 64**2 * 25, 35**2 * 64**2 * 18),
    "3x3 against 2x2 + 2x2": (35**2 * 64**2 * 9, 35**2 * 64**2 * 8),
    "3x3 against 1x3 + 3x1": (35**2 * 64**2 * 9, 35**2 * 64**2 * 6),
    "3x3 (768), then pool, against pool": (
        35**2 * 9 * 288 * 768,
        17**2 * 9 * 288 * 768,
    ),
    "3x3 (768), then pool, against both": (
        35**2 * 9 * 288 * 768,
        35**2 * (288 * (192 + 64) + 9 * 64 * 96) + 17**2 * 9 * (192 * 384 + 96 * 96),
    ),
}


@pytest.mark.parametrize("claim", COUNTS)
def test_counts(comparisons, claim):
    (found,) = [c for name, c in comparisons.items() if name.startswith(claim)]
    assert (found.before, found.after) == COUNTS[claim]


def test_naive_modules_blow_up(comparisons):
    """Each naive module hands its whole input on, so that every next one is dearer."""
    found = comparisons["GoogLeNet of naive modules against reduced ones"]
    assert found.after == 1_582_671_872
    channels, before = 192, 112**2 * 7 * 7 * 3 * 64 + 56**2 * (64 * 64 + 9 * 64 * 192)
    for side, f1, f3, f5 in (
        (28, 64, 128, 32),
        (28, 128, 192, 96),
        (14, 192, 208, 48),
        (14, 160, 224, 64),
        (14, 128, 256, 64),
        (14, 112, 288, 64),
        (14, 256, 320, 128),
        (7, 256, 320, 128),
        (7, 384, 384, 128),
    ):
        before += side**2 * channels * (f1 + 9 * f3 + 25 * f5)
        channels += f1 + f3 + f5
    assert found.before == before + channels * 1000


@pytest.mark.parametrize(
    ("claim", "printed", "saving"),
    [
        ("5x5 against 3x3 + 3x3", "28 % less", 0.28),
        ("3x3 against 2x2 + 2x2", "11 % less", 0.11),
        ("3x3 against 1x3 + 3x1", "33 % less", 0.33),
    ],
)
def test_savings_are_as_printed(comparisons, claim, printed, saving):
    assert comparisons[claim].printed == printed
    assert round(comparisons[claim].saving, 2) == saving


def test_every_claim_names_its_source(comparisons):
    for comparison in comparisons.values():
        assert comparison.source[:4].isdigit()
        assert comparison.ratio > 1
        assert comparison.quantity in ("parameters", "MACs")


def test_alexnet_has_two_groups():
    found = analysis.symbolic_cost(analysis.alexnet)
    convolutions = [row for row in found.rows if row.type == "Conv2D"]
    assert [row.output_shape for row in convolutions] == [
        *((55, 55, 96), (27, 27, 256), (13, 13, 384), (13, 13, 384), (13, 13, 256)),
    ]
    assert convolutions[1].trainable == 25 * 48 * 256 + 256
    assert found.macs == 724_406_816
