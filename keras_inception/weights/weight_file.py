"""Facts about a public file of weights."""

from __future__ import annotations

import dataclasses

from keras_inception.renamed import say_renamed
from keras_inception.weights.conventions import Conventions, Rgb

NOT_STATED = "not stated"
MIDDLE = (127.5, 127.5, 127.5)  # as mean and deviation: takes pixels in [0, 255] to [-1, 1]


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """How the publisher turns a picture into the network's input.

    Attributes:
        size: side of the square input, pixels.
        crop_fraction: fraction of the side that the central crop keeps; 1 means no crop.
        crop_of: "each side" (the crop keeps the picture's shape and is then squashed to a square),
            or "shorter side" (the crop is a square).
        interpolation: "bilinear", "bicubic", "nearest", or "bilinear_tf1" (TensorFlow 1's, without
            half-pixel centres).
        mean, deviation: values for red, green and blue of pixels in [0, 255]: the input is
            `(pixels - mean) / deviation`.
    """

    size: int
    crop_fraction: float
    crop_of: str
    interpolation: str
    mean: Rgb = MIDDLE
    deviation: Rgb = MIDDLE


@dataclasses.dataclass(frozen=True)
class WeightFile:
    """A public file of weights, a row of `CATALOG`.

    Attributes:
        tag: its name as the argument `weights` of a constructor.
        network, variant: the architecture that it fits.
        url: where it is published.
        format: "tf_slim" (a checkpoint in a tar.gz), "facenet" (a TF-Slim checkpoint in a zip),
            "keras_h5", "safetensors" (timm's names) or "caffe".
        preprocessing: how its publisher prepares pictures.
        classes: outputs of its classifier: 1001 with a background class first, 512 for an
            embedding; `None` for a file without a classifier.
        source: who published it.
        licence: licence of the weights or, if they have none, of the publisher's repository; or
            "not stated".
        size: bytes, or `None` if nobody states them.
        hash_kind, hash: "md5", "sha1", "sha256", "sha384" or "sha256_prefix" (the first digits, as
            torch.hub puts them into a file's name), and the hexadecimal digits; both `None` if
            nobody states a hash.
        top1_accuracy, top5_accuracy: published accuracies on ImageNet's validation images with a
            single crop, as fractions; or `None`.
        accuracy_source: where the accuracies are published.
        default: whether the constructors load it by default.
        pool_counts_padding: whether average pools divide by the whole window at the border, as
            torchvision's Inception-v3 does, or only by the pixels inside the picture.
        gamma: whether batch normalization has a scale that the network here does not have.
        symmetric_padding: whether strided convolutions are padded on both sides alike.
        file: name in the cache; by default the end of the URL.
    """

    tag: str
    network: str
    variant: str | None
    url: str
    format: str
    preprocessing: Preprocessing
    classes: int | None
    source: str
    licence: str = NOT_STATED
    size: int | None = None
    hash_kind: str | None = None
    hash: str | None = None
    top1_accuracy: float | None = None
    top5_accuracy: float | None = None
    accuracy_source: str | None = None
    default: bool = False
    pool_counts_padding: bool = False
    gamma: bool = False
    symmetric_padding: bool = False
    file: str = ""

    def __post_init__(self) -> None:
        if not self.file:
            object.__setattr__(self, "file", self.url.rsplit("/", 1)[-1])

    @property
    def conventions(self) -> Conventions:
        """Expectations that the weights have of the network around them.

        facenet's scale (deviation 128) is left to `preprocess_input`: it is the network's own, not
        a foreign one.
        """
        how = self.preprocessing
        own = (how.mean, how.deviation) == (MIDDLE, MIDDLE) or self.format == "facenet"
        scaling = None if own else (how.mean, how.deviation)
        return Conventions(self.symmetric_padding, self.pool_counts_padding, scaling)

    @property
    def arithmetic(self) -> Conventions:
        """The old name of `conventions`."""
        say_renamed("WeightFile.arithmetic", "WeightFile.conventions")
        return self.conventions
