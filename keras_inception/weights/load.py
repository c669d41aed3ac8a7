"""Files of weights into models: checked as a whole, then assigned."""

import contextlib
import math
import warnings

from keras_inception.weights import archives, catalog, download
from keras_inception.weights.arithmetic import TENSORFLOW, of_layers
from keras_inception.weights.assign import assign
from keras_inception.weights.formats import absence, arithmetic_of, exists, kind, local, opened
from keras_inception.weights.hdf5 import NestedLayers, audit

# An archive may hold optimizer slots and moving averages of each variable, and a graph beside.
_COPIES = 8
_BESIDE = 1 << 26  # bytes


def load(model, source, use_ema=False):
    """Loads weights into a model of this package.

    Args:
        model: made by a constructor of this package.
        source: a public tag ("imagenet"), or a path: a TF-Slim checkpoint (its prefix, or the
            tar.gz or zip it is published in); what Keras saved, of this package or of
            `keras.applications` (`.keras`, `.weights.h5`, `.h5`); `.safetensors` with the names of
            timm, torchvision or this package; Caffe's `bvlc_googlenet.caffemodel`.
        use_ema: whether the moving averages in a checkpoint are taken where there are any.

    Returns:
        A `LoadReport`; `None` for a file of Keras's with layers within layers, which Keras reads.

    Raises:
        ValueError: the file is of no known format, is damaged, does not fit (the message lists all
            that is missing, left over or of another shape) or wants other arithmetic than the
            model has. The model is unchanged.
        ImportError: it is a `.safetensors` file, and the package for these is not installed.
        OSError: a public file could not be fetched.
    """
    row = _row(model, source)
    has_classifier = "predictions" in {layer.name for layer in model.layers}
    if row is not None and row.classes is None and has_classifier:
        raise ValueError(f"the {row.tag!r} weights have no classifier: use include_top=False")
    path = local(source) if row is None else download.fetch(row)
    architecture = getattr(model, "architecture", None)
    network, variant = getattr(architecture, "id", None), getattr(architecture, "variant", None)
    wanted = arithmetic_of(path, network, variant) if row is None else row.arithmetic
    _check_arithmetic(model, wanted, path, network)
    values = sum(math.prod(variable.shape) for variable in model.weights)
    limit = _COPIES * 4 * values + _BESIDE
    try:
        with opened(path, limit, use_ema) as (opened_source, name_map):
            _check_pools(model, opened_source)
            return assign(model, opened_source, name_map(model, opened_source.shapes))
    except NestedLayers:
        return _load_by_keras(model, path, limit)


def arithmetic(source, network, variant):
    """What a tag's or a file's weights expect of the network around them, an `Arithmetic`."""
    if source is None:
        return TENSORFLOW
    if exists(source) and not _is_tag(source, catalog.tags(network, variant)):
        return arithmetic_of(local(source), network, variant) or TENSORFLOW
    return catalog.find(network, variant, source).arithmetic


def _is_tag(source, tags):
    return isinstance(source, str) and source in tags


def _row(model, source):
    """The row of a tag, which goes before a file of that name; `None` for a path."""
    architecture = getattr(model, "architecture", None)
    tags = () if architecture is None else architecture.weights
    if _is_tag(source, tags):
        return catalog.find(architecture.id, architecture.variant, source)
    if exists(source):
        return None
    why = absence(source)
    if architecture is None:
        raise ValueError(
            f"{why}; public weights are for models that a constructor of this package made, "
            f"and {model.name} is none"
        )
    raise ValueError(
        f"{why}, and no public weights of {model.name} have that name; "
        f"there are: {', '.join(map(repr, tags)) or 'none'}"
    )


def _check_arithmetic(model, wanted, path, network):
    has = of_layers([layer.name for layer in model.layers], catalog.scaling(network))
    if wanted is not None and wanted != has:
        raise ValueError(
            f"{path} wants {wanted}, and {model.name} has {has}: build the network with "
            "weights=PATH (or weights=TAG), which makes it suit them"
        )


def _check_pools(model, source):
    """Variants may differ in pools alone (`variant="fid"`), which have no weights to tell them."""
    names = {layer.name for layer in model.layers}
    pools = [n for n in source.layers if "_branch" in n and n.endswith(("_max_pool", "_avg_pool"))]
    foreign = sorted(set(pools) - names)
    if foreign:
        raise ValueError(
            f"{source.path} is of another network or variant than {model.name}, which has no "
            f"{', '.join(foreign)}"
        )


def _load_by_keras(model, path, limit):
    """Lets Keras read a file, which it assigns as it reads: undone where it fails."""
    with contextlib.ExitStack() as stack:
        file = path
        if kind(path) == "keras_zip":
            inner = "model.weights.h5"
            file = stack.enter_context(archives.unpacked(path, limit, (inner,))) / inner
        _read_by_keras(model, file, path, limit)


def _read_by_keras(model, file, path, limit):
    size = audit(file, path)
    if size > limit:
        raise ValueError(f"{path} declares {size} bytes, far more than the model has")
    before = model.get_weights()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one for each layer of a file of another network
            model.load_weights(file)
    except Exception as error:  # Keras and h5py each have their own
        model.set_weights(before)
        raise ValueError(
            f"{path} does not fit {model.name}, which is unchanged: {str(error)[:300]}"
        ) from error
