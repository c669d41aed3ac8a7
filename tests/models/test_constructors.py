"""The nine constructors are literal functions: what an editor reads in the source is what runs.

The arguments that all share are documented in each, so that a hover shows them. `SHARED` is that
text once more, with the numbers of each network filled in; a constructor's docstring must equal it.
"""

import ast
import inspect
import pathlib
import re

import pytest

import keras_inception
from keras_inception import weights
from keras_inception.models.registry import MODELS

INTRODUCTION = "The first eight arguments are those of `keras.applications`."
SHARED = {
    "include_top": "whether the network ends with its classifier.",
    "weights": "{default}{tags} The path of a weights file works too "
    "(`keras_inception.weights.load` lists the formats). `None` means random initial weights.",
    "input_tensor": "Keras tensor to build on, instead of a new input.",
    "input_shape": "(height, width, channels). Each side must be `None` or at least {minimum} "
    "pixels. Odd sides and any number of channels work. Default: {size}, or (None, None, 3) "
    "without the classifier.",
    "pooling": 'used without the classifier. "avg" or "max" returns a vector (batch, channels), '
    "`None` the last grid (batch, rows, columns, channels).",
    "classes": "number of classes; `None` means {classes}.",
    "classifier_activation": "activation of the last layer; `None` returns logits.",
    "name": "name of the model.",
    "variant": None,  # each network describes its own
    "dropout_rate": "fraction dropped before the classifier, from 0 to below 1; `None` means "
    "{dropout_rate}.",
    "width_multiplier": "factor of the number of filters of every convolution. Each result is "
    "rounded to a multiple of 8 and is at least 8.",
    "output_stride": "side of the images divided by the side of the last grid: 32, 16 or 8. Below "
    "32, strides become dilation, and the weights stay the same (for detection and segmentation).",
}
RETURNS = (
    "A `keras.Model` from images (batch, height, width, channels) in [-1, 1], as its "
    "`preprocess_input` makes them, to probabilities (batch, classes). Without the classifier it "
    "returns what `pooling` says."
)
RAISES = (
    "ValueError: an argument is not allowed; the message says what is. "
    "OSError: public weights could not be downloaded."
)
OWN_DEFAULTS = ("name", "variant")  # the defaults and the types of the rest are the same for all


def source_of(id):
    """Returns the `def` of a constructor, as the source has it."""
    builder, _ = MODELS[id]
    tree = ast.parse(pathlib.Path(inspect.getfile(builder)).read_text("utf-8"))
    (found,) = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == builder.__name__
    ]
    return found


def parameters_of(node):
    """Returns the parameters of a `def`: (name, keyword only?, type, default) each, as source."""
    positional, keyword = node.args.args, node.args.kwonlyargs
    none = [None] * (len(positional) - len(node.args.defaults))
    defaults = [*none, *node.args.defaults, *node.args.kw_defaults]
    return [
        (
            argument.arg,
            argument in keyword,
            argument.annotation and ast.unparse(argument.annotation),
            default and ast.unparse(default),
        )
        for argument, default in zip([*positional, *keyword], defaults)
    ]


def sections_of(node):
    """Returns the text of each section of a docstring, on one line; "Args" as a dict."""
    text = ast.get_docstring(node)
    start, *rest = re.split(r"^(Args|Returns|Raises):\n", text, flags=re.MULTILINE)
    sections = {name: body for name, body in zip(rest[::2], rest[1::2])}
    entries = re.split(r"^ {4}(\w+): ", sections.pop("Args"), flags=re.MULTILINE)[1:]
    arguments = {name: _one_line(body) for name, body in zip(entries[::2], entries[1::2])}
    return {"": start, "Args": arguments, **{n: _one_line(t) for n, t in sections.items()}}


def facts(id):
    """Returns the numbers of a network for `SHARED`."""
    architectures = MODELS[id][1]
    return {
        "default": _default_weights(architectures),
        "tags": _tags(architectures),
        "minimum": _each(architectures, lambda a: a.minimum),
        "size": _each(architectures, lambda a: (a.size, a.size, 3)),
        "classes": _each(architectures, lambda a: a.classes),
        "dropout_rate": _each(architectures, lambda a: a.dropout_rate),
    }


def expected_arguments(id):
    """Returns the text of each shared argument of a network; `None` for its own `variant`."""
    return {name: text and text.format(**facts(id)) for name, text in SHARED.items()}


def _one_line(text):
    return " ".join(text.split())


def _each(architectures, value):
    """Returns words for a value that may differ between variants."""
    words = {}
    for architecture in architectures:
        words.setdefault(str(value(architecture)), []).append(f'"{architecture.variant}"')
    if len(words) == 1:
        return next(iter(words))
    return " or ".join(f"{word} ({', '.join(variants)})" for word, variants in words.items())


def _default_weights(architectures):
    having = [a.variant for a in architectures if weights.default_tag(a.id, a.variant)]
    if not having:
        return '"default" means random ones: no ImageNet weights of this network are public.'
    if len(having) == len(architectures):
        return '"default" means the public ImageNet weights.'
    (variant,) = having
    return f'"default" means the public ImageNet weights for "{variant}", random ones otherwise.'


def _tags(architectures):
    having = [a for a in architectures if a.weights]
    if not having:
        return ""
    (architecture,) = having  # no network has public weights of two variants
    tags = ", ".join(f'"{tag}"' for tag in architecture.weights)
    which = "" if len(architectures) == 1 else f' for "{architecture.variant}"'
    return f" Public weights{which}: {tags}."


def test_there_are_nine():
    assert len(MODELS) == 9
    assert {builder.__name__ for builder, _ in MODELS.values()} <= set(keras_inception.__all__)


@pytest.mark.parametrize("id", MODELS)
def test_what_runs_is_what_the_source_says(id):
    builder, _ = MODELS[id]
    node = source_of(id)
    assert not node.decorator_list
    assert node.args.vararg is None
    assert node.args.kwarg is None
    assert ast.unparse(node.returns) == "keras.Model"
    signature = inspect.signature(builder)
    assert [(n, k) for n, k, *_ in parameters_of(node)] == [
        (p.name, p.kind == p.KEYWORD_ONLY) for p in signature.parameters.values()
    ]
    for name, _, type_, default in parameters_of(node):
        assert type_ is not None, name
        assert ast.literal_eval(default) == signature.parameters[name].default, name
    assert inspect.getdoc(builder) == ast.get_docstring(node)


@pytest.mark.parametrize("id", MODELS)
def test_the_shared_part_of_the_signatures_is_equal(id):
    shared, first = (
        [
            (name, keyword, *(("", "") if name in OWN_DEFAULTS[1:] else (type_, "")))
            if name in OWN_DEFAULTS
            else (name, keyword, type_, default)
            for name, keyword, type_, default in parameters_of(source_of(network))[: len(SHARED)]
        ]
        for network in (id, next(iter(MODELS)))
    )
    assert shared == first
    assert [name for name, *_ in shared] == list(SHARED)
    own = {n: (t, ast.literal_eval(d)) for n, _, t, d in parameters_of(source_of(id))}
    variants = [architecture.variant for architecture in MODELS[id][1]]
    names = ", ".join(repr(variant) for variant in variants)
    assert own["name"] == ("str", id)
    assert own["variant"] == ("None" if variants == [None] else f"Literal[{names}]", variants[0])


@pytest.mark.parametrize("id", MODELS)
def test_every_constructor_documents_the_shared_arguments_alike(id):
    node = source_of(id)
    sections = sections_of(node)
    assert list(sections["Args"]) == [name for name, *_ in parameters_of(node)]
    for name, expected in expected_arguments(id).items():
        if expected is not None:
            assert sections["Args"][name] == expected
    for variant in (a.variant for a in MODELS[id][1]):
        assert (f'"{variant}"' if variant else "`None`") in sections["Args"]["variant"]
    assert sections["Returns"].startswith(RETURNS)
    assert sections["Raises"] == RAISES
    assert INTRODUCTION in _one_line(sections[""])


@pytest.mark.parametrize("id", MODELS)
def test_the_first_line_names_the_network_and_its_paper(id):
    line = ast.get_docstring(source_of(id)).splitlines()[0]
    assert line.startswith("Builds ")
    assert line.endswith(".")
    assert re.search(r"\b1\d{3}\.\d{4,5}\b", line), line
