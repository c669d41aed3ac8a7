"""Loads public weights and files into a model."""

from __future__ import annotations

import keras

from keras_inception.types import PathLike
from keras_inception.weights import catalog
from keras_inception.weights.assignment import LoadReport
from keras_inception.weights.formats import absence, exists
from keras_inception.weights.opening import open_file
from keras_inception.weights.weight_file import WeightFile


def load(
    model: keras.Model, source: PathLike | WeightFile, use_ema: bool = False
) -> LoadReport | None:
    """Loads weights into a model of this package.

    Args:
        model: a network that a constructor of this package made, or the part of one.
        source: a public tag ("imagenet"), a row of `CATALOG`, or a path: a TF-Slim checkpoint (its
            prefix, or the tar.gz or zip it is published in); what Keras saved, of this package or
            of `keras.applications` (`.keras`, `.weights.h5`, `.h5`); `.safetensors` with the names
            of timm, torchvision or this package; Caffe's `bvlc_googlenet.caffemodel`.
        use_ema: whether to take the moving averages that a checkpoint has.

    Returns:
        The report, which becomes `model.load_report`; `None` for a file of Keras with layers within
        layers, which Keras reads.

    Raises:
        ValueError: the file has an unknown format, is damaged, does not fit (the message lists all
            that is missing, left over or of another shape), or expects other conventions than the
            model was built for. The model is unchanged.
        ImportError: it is a `.safetensors` file, and that package is not installed.
        OSError: a public file could not be downloaded.
    """
    architecture = getattr(model, "architecture", None)
    network, variant = getattr(architecture, "id", None), getattr(architecture, "variant", None)
    has_classifier = "predictions" in {layer.name for layer in model.layers}
    with open_file(source_for(source, network, variant, has_classifier), use_ema=use_ema) as file:
        return file.assign(model)


def source_for(
    source: PathLike | WeightFile,
    network: str | None,
    variant: str | None,
    has_classifier: bool,
) -> PathLike | WeightFile:
    """Returns what `open_file` is to open: the row of a tag, which goes before a file, or a path.

    Args:
        source: as in `load`.
        network, variant: the architecture whose tags count; `None` for an unknown network.
        has_classifier: whether the network to be filled has its classifier.

    Raises:
        ValueError: there is neither such a tag nor such a file, or the public file does not have a
            classifier and the network has one.
    """
    if isinstance(source, str) and network and source in catalog.tags(network, variant):
        source = catalog.find(network, variant, source)
    if isinstance(source, WeightFile):
        if source.classes is None and has_classifier:
            raise ValueError(
                f"the {source.tag!r} weights do not have a classifier: use include_top=False"
            )
        return source
    if exists(source):
        return source
    if network is None:
        raise ValueError(
            f"{absence(source)}; tags are for models that a constructor of this package made"
        )
    tags = ", ".join(map(repr, catalog.tags(network, variant))) or "none"
    name = network + (f" ({variant})" if variant else "")
    raise ValueError(
        f"{absence(source)}, and {name} has no public weights with that name; there are: {tags}"
    )
