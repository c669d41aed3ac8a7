"""The papers' arithmetic: the savings of each idea, counted from graphs that are built for it.

Each comparison builds two graphs with the same input. Except for the naive modules, they have the
same output. Only the numbers that a paper prints are typed in, to stand beside the counts.
"""

from __future__ import annotations

import dataclasses

import keras

from keras_inception import layers
from keras_inception.analysis.costs import symbolic_cost
from keras_inception.models.googlenet import GoogLeNet
from keras_inception.models.surgery import end_points

PARAMETERS = "parameters"
MACS = "MACs"  # multiply-accumulates for one picture


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One claim of a paper, counted.

    Attributes:
        claim: the two things that are compared, the expensive one first.
        source: paper, and section or figure, that makes the claim.
        printed: number in the paper; empty if it gives none.
        quantity: `PARAMETERS` or `MACS`.
        before, after: counts of the expensive one and of the cheap one.
    """

    claim: str
    source: str
    printed: str
    quantity: str
    before: int
    after: int

    @property
    def ratio(self) -> float:
        """Cost of the first, in multiples of the second."""
        return self.before / self.after

    @property
    def saving(self) -> float:
        """Fraction of the first that the second saves."""
        return 1 - self.after / self.before


def arithmetic() -> list[Comparison]:
    """Counts the papers' claims, in the order of the papers.

    It takes about a second, and allocates no weights.
    """
    googlenet = symbolic_cost(lambda: GoogLeNet(weights=None))
    return [
        *_reductions(googlenet),
        *_whole_networks(googlenet),
        *_factorizations(),
        *_grid_reductions(),
    ]


def alexnet() -> keras.Model:
    """Builds AlexNet as published (Krizhevsky et al. 2012, section 3.5), split for two GPUs.

    The paper prints 60 million parameters. It says 224 x 224 pixels, but 11 x 11 filters of stride
    4 make its 55 x 55 grid of 227, which are used here. Response normalization is left out: it
    counts none.

    Returns:
        A `keras.Model`, random weights, (batch, 227, 227, 3) to (batch, 1000).
    """
    conv, pool = keras.layers.Conv2D, keras.layers.MaxPooling2D
    images = keras.Input((227, 227, 3), name="images")
    x = conv(96, 11, 4, activation="relu")(images)
    x = pool(3, 2)(x)
    x = conv(256, 5, padding="same", groups=2, activation="relu")(x)
    x = pool(3, 2)(x)
    x = conv(384, 3, padding="same", activation="relu")(x)  # the layer that sees both GPUs
    x = conv(384, 3, padding="same", groups=2, activation="relu")(x)
    x = conv(256, 3, padding="same", groups=2, activation="relu")(x)
    x = pool(3, 2)(x)
    x = keras.layers.Flatten()(x)
    for _ in range(2):
        x = keras.layers.Dense(4096, activation="relu")(x)
        x = keras.layers.Dropout(0.5)(x)
    return keras.Model(images, keras.layers.Dense(1000, activation="softmax")(x), name="alexnet")


def _reductions(googlenet):
    """Counts 1x1 filters in front of large ones (1409.4842 section 4)."""
    grid = (14, 14, 480)  # the input of module 4a
    plain = _cost(grid, layers.biased_conv(48, 5))
    reduced = _cost(grid, layers.biased_conv(16, 1), layers.biased_conv(48, 5))
    naive_3a = _cost((28, 28, 192), lambda x, name: layers.naive_module(x, 64, 128, 32, name))
    reduced_3a = _cost(
        (28, 28, 192),
        lambda x, name: layers.reduced_module(
            x, 64, (96, 128), (16, 32), 32, name, box=layers.biased_conv
        ),
    )
    source = "1409.4842 section 4, Fig. 2"
    yield Comparison(
        "5x5 (48) on 14 x 14 x 480, plain against 16 filters of 1x1 first",
        source,
        "",
        MACS,
        plain.macs,
        reduced.macs,
    )
    yield Comparison(
        "module 3a naive against reduced", source, "", MACS, naive_3a.macs, reduced_3a.macs
    )
    yield Comparison(
        "GoogLeNet of naive modules against reduced ones",
        source,
        "",
        MACS,
        symbolic_cost(_naive_googlenet).macs,
        googlenet.macs,
    )


def _whole_networks(googlenet):
    """Counts GoogLeNet, its predecessors and its contemporary, and the average pool's savings."""
    networks = [symbolic_cost(alexnet), symbolic_cost(_vgg16), googlenet]
    alex, vgg, google = (network.parameters for network in networks)
    grid = (7, 7, 1024)
    flat = _cost(grid, lambda x, name: keras.layers.Flatten()(x), _classifier)
    pooled = _cost(grid, lambda x, name: keras.layers.GlobalAveragePooling2D()(x), _classifier)
    paper = "1409.4842 section "
    yield Comparison("AlexNet against GoogLeNet", f"{paper}1", "12 times", PARAMETERS, alex, google)
    yield Comparison(
        "VGG-16 against GoogLeNet", "1409.1556 Table 2", "138 M", PARAMETERS, vgg, google
    )
    yield Comparison(
        "VGG-16 against AlexNet", "1512.00567 section 1", "about 3 times", PARAMETERS, vgg, alex
    )
    yield Comparison(
        "1000 classes on 7 x 7 x 1024 flattened against averaged",
        f"{paper}5",
        "",
        PARAMETERS,
        flat.parameters,
        pooled.parameters,
    )


def _factorizations():
    """Counts large filters made of small ones, 64 channels everywhere (1512.00567 section 3)."""
    for before, after, section, printed in (
        ([5], [3, 3], "3.1", "28 % less"),
        ([3], [2, 2], "3.2", "11 % less"),
        ([3], [(1, 3), (3, 1)], "3.2", "33 % less"),
    ):
        counts = [
            _cost((35, 35, 64), *(layers.conv(64, size) for size in sizes)).macs
            for sizes in (before, after)
        ]
        claim = f"{_words(before)} against {_words(after)}"
        yield Comparison(claim, f"1512.00567 section {section}", printed, MACS, *counts)


def _grid_reductions():
    """Counts three ways from 35 x 35 x 288 to 17 x 17 x 768 (1512.00567 section 5, Figs. 9, 10)."""
    grid = (35, 35, 288)
    pool = layers.max_pool(3, 2, "valid")
    conv = layers.conv(768, 3)
    expensive = _cost(grid, conv, pool).macs
    cheap = _cost(grid, pool, conv).macs
    parallel = _cost(grid, _figure_10).macs
    # 2 d^2 k^2 against 2 (d / 2)^2 k^2 in the text, "3 times" below Fig. 9.
    yield Comparison(
        "3x3 (768), then pool, against pool, then 3x3 (768)",
        "1512.00567 section 5, Fig. 9",
        "4 times; 3 times",
        MACS,
        expensive,
        cheap,
    )
    yield Comparison(
        "3x3 (768), then pool, against both side by side (Fig. 10)",
        "1512.00567 section 5, Fig. 10",
        "",
        MACS,
        expensive,
        parallel,
    )


def _figure_10(x, name):
    """Reduces to 17 x 17 as `InceptionV2(variant="paper")` does."""
    return layers.grid_reduction(x, (192, 384), (64, 96), name=name)


def _cost(shape, *steps):
    """Counts a chain of steps, such as `layers.conv` makes, on a grid of the given shape."""

    def build():
        x = grid = keras.Input(shape, name="grid")
        for i, step in enumerate(steps):
            x = step(x, name=f"step_{i}")
        return keras.Model(grid, x)

    return symbolic_cost(build)


def _classifier(x, name):
    return keras.layers.Dense(1000, name=name)(x)


def _vgg16():
    return keras.applications.VGG16(weights=None)


def _naive_googlenet():
    """Builds GoogLeNet of the modules of Fig. 2a, their convolutions as wide as in Table 1."""
    model = GoogLeNet(weights=None)
    names = list(end_points(model))
    x = model.get_layer("maxpool_3a_3x3").output
    for name in names[names.index("maxpool_3a_3x3") + 1 : names.index("mixed_5c") + 1]:
        if name.startswith("mixed"):
            boxes = ("0_0_1x1", "1_1_3x3", "2_1_5x5")
            widths = [model.get_layer(f"{name}_branch{box}_conv").filters for box in boxes]
            x = layers.naive_module(x, *widths, name=f"naive_{name}")
        else:
            x = keras.layers.MaxPooling2D(3, 2, "same")(x)
    return keras.Model(model.inputs, layers.classifier_head(x, 1000, 0.4), name="naive_googlenet")


def _words(kernel_sizes):
    pairs = ((size, size) if isinstance(size, int) else size for size in kernel_sizes)
    return " + ".join(f"{rows}x{columns}" for rows, columns in pairs)
