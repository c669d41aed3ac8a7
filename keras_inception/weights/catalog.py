"""The public weight files, one row a file."""

import dataclasses

_SLIM = "http://download.tensorflow.org/models/"


@dataclasses.dataclass(frozen=True)
class WeightFile:
    """One public file.

    Attributes:
        tag: what `weights=` calls it.
        network, variant: the architecture that it fits.
        url: where it is published.
        classes: outputs of its classifier; 1001 has a background class first.
    """

    tag: str
    network: str
    variant: str | None
    url: str
    classes: int = 1001


CATALOG = (
    WeightFile("imagenet", "inception_v1", None, _SLIM + "inception_v1_2016_08_28.tar.gz"),
    WeightFile("imagenet", "inception_v2", "released", _SLIM + "inception_v2_2016_08_28.tar.gz"),
    WeightFile("imagenet", "inception_v3", "released", _SLIM + "inception_v3_2016_08_28.tar.gz"),
    WeightFile("imagenet", "inception_v4", None, _SLIM + "inception_v4_2016_09_09.tar.gz"),
    WeightFile(
        "imagenet",
        "inception_resnet_v2",
        "released",
        _SLIM + "inception_resnet_v2_2016_08_30.tar.gz",
    ),
)


def tags(network, variant):
    """Returns the names of the public weights of an architecture, the default first."""
    return tuple(row.tag for row in CATALOG if (row.network, row.variant) == (network, variant))


def find(network, variant, tag):
    """Returns the row of a tag of an architecture."""
    return next(r for r in CATALOG if (r.tag, r.network, r.variant) == (tag, network, variant))
