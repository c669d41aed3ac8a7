"""What is known of one public weight file."""

import dataclasses

from keras_inception.weights.arithmetic import Arithmetic

NOT_STATED = "not stated"
MIDDLE = (127.5, 127.5, 127.5)  # of the pixels' range, as mean and deviation: the input in [-1, 1]


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """How the publisher makes the network's input of a picture.

    Attributes:
        size: side of the square input, pixels.
        crop_fraction: of the side, kept by the central crop; 1 is no crop.
        crop_of: "each side" (the crop keeps the picture's shape and is then squashed to a square),
            or "shorter side" (a square).
        interpolation: "bilinear", "bicubic", "nearest", or "bilinear_tf1" (TensorFlow 1's, without
            half-pixel centres).
        mean, deviation: for red, green, blue, pixels in [0, 255]: the input is
            `(pixels - mean) / deviation`.
    """

    size: int
    crop_fraction: float
    crop_of: str
    interpolation: str
    mean: tuple = MIDDLE
    deviation: tuple = MIDDLE


@dataclasses.dataclass(frozen=True)
class WeightFile:
    """One public file.

    Attributes:
        tag: what `weights=` calls it.
        network, variant: the architecture that it fits.
        url: where it is published.
        format: "tf_slim" (a checkpoint in a tar.gz), "facenet" (a TF-Slim checkpoint in a zip),
            "keras_h5", "safetensors" (timm's names) or "caffe".
        preprocessing: a `Preprocessing`.
        classes: outputs of its classifier, 1001 with a background class first, 512 for an
            embedding; `None` for a file without one.
        source: who published it.
        licence: of the weights or, failing that, of the publisher's repository; or "not stated".
        size: bytes, or `None` if nobody states it.
        hash_kind, hash: "md5", "sha1", "sha256", "sha384" or "sha256_prefix" (the first digits, as
            torch.hub has them in a file's name), and the hexadecimal digits; `None` as for `size`.
        top1_accuracy, top5_accuracy: published, on ImageNet's validation images, a single crop;
            fractions, or `None`.
        accuracy_source: where these two are published.
        default: whether the constructors load it without being asked.
        pool_counts_padding: whether average pools divide by the whole window at the border, as
            torchvision's Inception-v3 does, and not by the pixels inside the picture.
        gamma: whether batch normalization has a scale where the network here has none.
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

    def __post_init__(self):
        if not self.file:
            object.__setattr__(self, "file", self.url.rsplit("/", 1)[-1])

    @property
    def arithmetic(self):
        """What the weights expect of the network around them, an `Arithmetic`.

        facenet's scale (deviation 128) is left to `preprocess_input`: it is the network's own, not
        a stranger's to it.
        """
        how = self.preprocessing
        own = (how.mean, how.deviation) == (MIDDLE, MIDDLE) or self.format == "facenet"
        scaling = None if own else (how.mean, how.deviation)
        return Arithmetic(self.symmetric_padding, self.pool_counts_padding, scaling)
