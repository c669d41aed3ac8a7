"""Multiply-accumulates of GoogLeNet's modules, with and without the 1x1 reductions."""

import plots

import keras_inception
from keras_inception import layers

MODULES = [f"mixed_{name}" for name in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")]


def counts(model, name):
    """Counts a module as it is, and one with the same four outputs but no reductions."""
    width = {
        box: model.get_layer(f"{name}_branch{box}_conv").filters
        for box in ("0_0_1x1", "1_0_1x1", "1_1_3x3", "2_0_1x1", "2_1_5x5", "3_1_1x1")
    }
    shape = model.get_layer(f"{name}_branch0_0_1x1_conv").input.shape[1:]
    one, r3, three, r5, five, pool = width.values()

    def module(x, name):
        return layers.reduced_module(
            x, one, (r3, three), (r5, five), pool, name, box=layers.biased_conv
        )

    def plain(x, name):
        return layers.concat_branches(
            x,
            name,
            [layers.biased_conv(one, 1)],
            [layers.biased_conv(three, 3)],
            [layers.biased_conv(five, 5)],
            [layers.max_pool(3), layers.biased_conv(pool, 1)],
        )

    return plots.macs(shape, module), plots.macs(shape, plain)


def draw(path):
    """Writes the plot as SVG."""
    model = keras_inception.GoogLeNet(weights=None)
    reduced, plain = zip(*(counts(model, name) for name in MODULES))
    figure, panel = plots.axes()
    places = range(len(MODULES))
    panel.bar([p - 0.2 for p in places], [m / 1e6 for m in plain], 0.38, color=plots.ORANGE,
              label="3x3 and 5x5 on all channels")  # fmt: skip
    panel.bar([p + 0.2 for p in places], [m / 1e6 for m in reduced], 0.38, color=plots.BLUE,
              label="behind 1x1 reductions, as published")  # fmt: skip
    panel.set_xticks(places, MODULES, rotation=30)
    plots.label(panel, "module of GoogLeNet", "million multiply-accumulates")
    plots.legend(panel)
    plots.save(figure, path)
