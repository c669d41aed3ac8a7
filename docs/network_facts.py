"""Writes the facts on the pages of networks, counted from the networks themselves.

Each variant gets drawings (SVG) of the whole network and of its kinds of modules, and a table of
end points. Each network gets a table of its variants, the differences from the paper that its
module's docstring states, and a table of its public weights. The pages include these files.
"""

import inspect

import keras_inception
from keras_inception.analysis import symbolic_cost
from keras_inception.analysis.visualize import draw
from keras_inception.files import replacing
from keras_inception.models.registry import MODELS

# End points to draw layer by layer, one for each kind of module; "stem" is all before the modules.
DRAWINGS = {
    "googlenet": ["mixed_3b"],
    "inception_v1": ["mixed_3b"],
    "bn_inception": ["mixed_3b", "mixed_4a"],
    "inception_v2_released": [],
    "inception_v2_paper": ["mixed_5b", "mixed_6a", "mixed_6b", "mixed_7b"],
    "inception_v3_released": ["mixed_5b", "mixed_6a", "mixed_6b", "mixed_7a", "mixed_7b"],
    "inception_v3_fid": ["mixed_7c"],
    "inception_v4": ["stem", "mixed_5b", "mixed_6a", "mixed_6b", "mixed_7a", "mixed_7b"],
    "inception_resnet_v1_paper": ["block35_1", "block17_1", "mixed_7a", "block8_1"],
    "inception_resnet_v1_facenet": ["block8"],
    "inception_resnet_v2_released": ["mixed_5b", "block35_1", "block17_1", "mixed_7a", "block8_1"],
    "inception_resnet_v2_paper": [],
    "xception": ["block2_add", "block5_add", "block13_add"],
}
TOP1, TOP5 = "top\u20111", "top\u20115"  # with non-breaking hyphens
DIFFERENCES = "**Differences from the paper.**"


def write(folder):
    """Writes all files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for network, (builder, architectures) in MODELS.items():
        costs = [_drawn(folder, architecture) for architecture in architectures]
        _write(folder / f"{network}_variants.md", _variants(architectures, costs))
        for architecture, cost in zip(architectures, costs):
            _write(folder / f"{_name(architecture)}_end_points.md", _end_points(cost))
        _write(folder / f"{network}_differences.md", differences(builder))
        _write(folder / f"{network}_weights.md", _weights(network))


def differences(builder):
    """Returns the "Differences from the paper" in the docstring of a network's module."""
    text = inspect.getdoc(inspect.getmodule(builder))
    return text.partition(DIFFERENCES)[2].strip()


def _drawn(folder, architecture):
    """Draws a variant and returns its `Cost`, without allocating weights."""
    name = _name(architecture)

    def build():
        variant = {} if architecture.variant is None else {"variant": architecture.variant}
        model = keras_inception.create_model(architecture.id, weights=None, **variant)
        draw(model, folder / f"{name}.svg")
        for block in DRAWINGS[name]:
            draw(model, folder / f"{name}_{block}.svg", block=block)
        return model

    return symbolic_cost(build)


def _name(architecture):
    return "_".join(filter(None, [architecture.id, architecture.variant]))


def _variants(architectures, costs):
    header = ("pixels", "parameters", "multiply-accumulates", "follows", "smallest", "side heads")
    rows = [
        (
            a.size,
            f"{cost.parameters:,}",
            f"{cost.macs / 1e9:.2f} G",
            a.source,
            a.minimum,
            ", ".join(f"on `{point}`" for point in a.auxiliary.values()) or "none",
        )
        for a, cost in zip(architectures, costs)
    ]
    if len(rows) > 1:
        header = ("variant", *header)
        rows = [(f"`{a.variant}`", *row) for a, row in zip(architectures, rows)]
    return _table(header, rows)


def _end_points(cost):
    """Makes a row for each end point: its grid, and the cost of what leads to it from the last."""
    rows = [
        (
            f"`{row.name}`",
            "\u00a0x\u00a0".join(map(str, row.output_shape[:-1])) or "-",  # on one line
            row.output_shape[-1],
            f"{row.trainable + row.non_trainable:,}",
            f"{row.macs / 1e6:,.1f} M",
        )
        for row in cost.by_block().rows[1:]  # the first is the input
    ]
    header = ("end point", "grid", "channels", "parameters", "multiply-accumulates")
    return _table(header, rows)


def _weights(network):
    files = [row for row in keras_inception.weights.CATALOG if row.network == network]
    if not files:
        return "Nobody has published weights of this network in a form that this package reads."
    header = ("`weights=`", "published by", "licence", TOP1, TOP5, "stated in")
    rows = [
        (
            f"`{row.tag}`" + (", the default" if row.default else ""),
            row.source,
            row.licence,
            _percent(row.top1_accuracy),
            _percent(row.top5_accuracy),
            row.accuracy_source or "",
        )
        for row in files
    ]
    if any(row.variant for row in files):
        header = ("`variant=`", *header)
        rows = [(f"`{file.variant}`", *row) for file, row in zip(files, rows)]
    return _table(header, rows)


def _percent(fraction):
    return "" if fraction is None else f"{100 * fraction:.1f} %"


def _table(header, rows):
    """Makes a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _write(path, text):
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
