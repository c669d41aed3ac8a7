"""The public weight files, one row a file; the package holds no weights of its own.

Hashes and sizes are those that the publishers, or projects that use the files, state in their
sources: Keras (`keras/applications`), Intel's Open Model Zoo (`model.yml`, for TF-Slim, facenet and
Caffe). If nobody states one it is `None` here, and `download` remembers what it got.

Files that exist only as a pickle (torchvision's GoogLeNet, timm's Xception), as a frozen graph (the
network of FID) or in another package's private layout do not have a row.
"""

from __future__ import annotations

from keras_inception.weights.conventions import Scaling
from keras_inception.weights.weight_file import Preprocessing, WeightFile

# The bucket behind http://download.tensorflow.org, over TLS: most of the files lack a hash.
_SLIM = "https://storage.googleapis.com/download.tensorflow.org/models/"
_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
_HUB = "https://huggingface.co/timm/"
_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="


def _slim(tag, network, variant, file, pixels=299, accuracy=(None, None), **fields):
    """Makes the row of a TF-Slim checkpoint; preprocessing as in its `inception_preprocessing`."""
    return WeightFile(
        tag,
        network,
        variant,
        _SLIM + file,
        "tf_slim",
        Preprocessing(pixels, 0.875, "each side", "bilinear_tf1"),
        classes=1001,
        licence="Apache-2.0",
        top1_accuracy=accuracy[0],
        top5_accuracy=accuracy[1],
        accuracy_source="tensorflow/models, research/slim/README.md" if accuracy[0] else None,
        **{"source": "TF-Slim model zoo, tensorflow/models", **fields},
    )


def _adversarial(tag, network, file):
    """Makes the row of weights trained on adversarial examples too, without a stated accuracy.

    1611.01236; those called "ens": 1705.07204.
    """
    source = "tensorflow/models, research/adv_imagenet_models"
    return _slim(tag, network, "released", file, source=source)


def _keras(tag, network, variant, md5, licence, accuracy=(None, None), default=False):
    """Makes the row of a `keras.applications` file; its documentation neither crops nor smooths."""
    top = accuracy[0] is not None
    ending = "" if top else "_notop"
    return WeightFile(
        tag,
        network,
        variant,
        f"{_KERAS}{network}/{network}_weights_tf_dim_ordering_tf_kernels{ending}.h5",
        "keras_h5",
        Preprocessing(299, 1.0, "each side", "nearest"),
        classes=1000 if top else None,
        source="keras.applications",
        licence=licence,
        hash_kind="md5",
        hash=md5,
        top1_accuracy=accuracy[0],
        top5_accuracy=accuracy[1],
        accuracy_source="keras.io/api/applications" if top else None,
        default=default,
    )


def _timm(tag, network, variant, name, accuracy, crop=0.875, scaling=(), **fields):
    """Makes the row of a timm file on the Hugging Face hub; its figures are for bicubic resizing.

    All have a batch-norm gamma. `pool_counts_padding` is set for weights that were trained so.
    Those from TensorFlow were not, although timm runs Inception-v3 so with them too: the networks
    of "timm_tf" and "imagenet" are the same.
    """
    return WeightFile(
        tag,
        network,
        variant,
        f"{_HUB}{name}/resolve/main/model.safetensors",
        "safetensors",
        Preprocessing(299, crop, "shorter side", "bicubic", *scaling),
        classes=1000,
        source="timm, huggingface.co/timm",
        licence="Apache-2.0",
        top1_accuracy=accuracy[0],
        top5_accuracy=accuracy[1],
        accuracy_source="timm, results/results-imagenet.csv",
        gamma=True,
        file=f"timm_{name}.safetensors",
        **fields,
    )


def _facenet(tag, drive_id, file, **fields):
    """Makes the row of David Sandberg's face embeddings, for faces cut out by his MTCNN."""
    return WeightFile(
        tag,
        "inception_resnet_v1",
        "facenet",
        _DRIVE + drive_id,
        "facenet",
        Preprocessing(160, 1.0, "each side", "bilinear", deviation=(128.0, 128.0, 128.0)),
        classes=512,
        source="davidsandberg/facenet",
        licence="MIT",
        file=file,
        **fields,
    )


# ImageNet's mean and deviation over all pixels: `IMAGENET_DEFAULT_MEAN` and `_STD` in timm, (0.485,
# 0.456, 0.406) and (0.229, 0.224, 0.225) in [0, 1], here times 255.
_IMAGENET_SCALING = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))

CATALOG: tuple[WeightFile, ...] = (
    WeightFile(  # squashed to 256 x 256, then the central 224 x 224
        "imagenet",
        "googlenet",
        None,
        "http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel",
        "caffe",
        Preprocessing(224, 0.875, "each side", "bilinear", (123.0, 117.0, 104.0), (1.0, 1.0, 1.0)),
        classes=1000,
        source="BVLC Caffe model zoo, bvlc_googlenet",
        licence="unrestricted",
        size=53_533_754,
        hash_kind="sha256",
        hash="6f7101e3a2183738a7125a0c5021ba82a1feb4228c5ca0924d991b6daf6f6fad",
        top1_accuracy=0.687,
        top5_accuracy=0.889,
        accuracy_source="BVLC/caffe, models/bvlc_googlenet/readme.md",
        default=True,
        symmetric_padding=True,
    ),
    _slim(
        "imagenet",
        "inception_v1",
        None,
        "inception_v1_2016_08_28.tar.gz",
        224,
        (0.698, 0.896),
        size=24_642_554,
        hash_kind="sha256",
        hash="7a620c430fcaba8f8f716241f5148c4c47c035cce4e49ef02cfbe6cd1adf96a6",
        default=True,
    ),
    _slim(
        "imagenet",
        "inception_v2",
        "released",
        "inception_v2_2016_08_28.tar.gz",
        224,
        (0.739, 0.918),
        size=41_577_079,
        hash_kind="sha384",
        hash="c0b2efbae8fc5e237ae67637dca3f311d4b4f7da576b56067e83d95c398a2fcc"
        "d50baff9cc0de64335f4d7b78e1adb07",
        default=True,
    ),
    _slim(
        "imagenet",
        "inception_v3",
        "released",
        "inception_v3_2016_08_28.tar.gz",
        accuracy=(0.780, 0.939),
        default=True,
    ),
    _adversarial("adversarial", "inception_v3", "adv_inception_v3_2017_08_18.tar.gz"),
    _adversarial("ens3_adversarial", "inception_v3", "ens3_adv_inception_v3_2017_08_18.tar.gz"),
    _adversarial("ens4_adversarial", "inception_v3", "ens4_adv_inception_v3_2017_08_18.tar.gz"),
    _keras(
        "keras",
        "inception_v3",
        "released",
        "9a0d58056eeedaa3f26cb7ebd46da564",
        "Apache-2.0",
        (0.779, 0.937),
    ),
    _keras(
        "keras_notop",
        "inception_v3",
        "released",
        "bcbd6486424b2319ff4ef7d526e38f63",
        "Apache-2.0",
    ),
    _timm(  # torchvision publishes only a pickle; its network undoes the mean and deviation
        "torchvision",
        "inception_v3",
        "released",
        "inception_v3.tv_in1k",
        (0.77472, 0.93468),
        pool_counts_padding=True,
    ),
    _timm("timm_tf", "inception_v3", "released", "inception_v3.tf_in1k", (0.77866, 0.93644)),
    _timm(
        "timm_tf_adversarial",
        "inception_v3",
        "released",
        "inception_v3.tf_adv_in1k",
        (0.77598, 0.93726),
    ),
    _timm(
        "timm_gluon",
        "inception_v3",
        "released",
        "inception_v3.gluon_in1k",
        (0.78806, 0.94372),
        scaling=_IMAGENET_SCALING,
        pool_counts_padding=True,
    ),
    _slim(
        "imagenet",
        "inception_v4",
        None,
        "inception_v4_2016_09_09.tar.gz",
        accuracy=(0.802, 0.952),
        default=True,
    ),
    _timm("timm_tf", "inception_v4", None, "inception_v4.tf_in1k", (0.80144, 0.94982)),
    _facenet("vggface2", "1EXPBSXwTaqrSC0OhUdXNmKSh9qJUQ55-", "20180402-114759.zip"),
    _facenet(
        "casia",
        "1R77HmFADxe87GmoLwzfgMu_HY0IhcyBz",
        "20180408-102900.zip",
        size=195_479_980,
        hash_kind="sha256",
        hash="2a32a4d6b797b0e35e065c674dfa2d60e9eb2372aa10728bd0b221abe12490ac",
    ),
    _slim(
        "imagenet",
        "inception_resnet_v2",
        "released",
        "inception_resnet_v2_2016_08_30.tar.gz",
        accuracy=(0.804, 0.953),
        default=True,
    ),
    _adversarial("adversarial", "inception_resnet_v2", "adv_inception_resnet_v2_2017_12_18.tar.gz"),
    _adversarial(
        "ens_adversarial", "inception_resnet_v2", "ens_adv_inception_resnet_v2_2017_08_18.tar.gz"
    ),
    _keras(
        "keras",
        "inception_resnet_v2",
        "released",
        "e693bd0210a403b3192acc6073ad2e96",
        "Apache-2.0",
        (0.803, 0.953),
    ),
    _keras(
        "keras_notop",
        "inception_resnet_v2",
        "released",
        "d19885ff4a710c122648d3b5c3b684e4",
        "Apache-2.0",
    ),
    _timm(
        "timm_tf",
        "inception_resnet_v2",
        "released",
        "inception_resnet_v2.tf_in1k",
        (0.80434, 0.95312),
        crop=0.8975,
    ),
    _timm(
        "timm_tf_ens_adversarial",
        "inception_resnet_v2",
        "released",
        "inception_resnet_v2.tf_ens_adv_in1k",
        (0.79998, 0.94940),
        crop=0.8975,
    ),
    _keras(
        "imagenet",
        "xception",
        None,
        "0a58e3b7378bc2990ea3b43d5981f1f6",
        "MIT",
        (0.790, 0.945),
        default=True,
    ),
    _keras("keras_notop", "xception", None, "b0042744bf5b25fce3cb969f33bebb97", "MIT"),
)


def _rows(network: str, variant: str | None) -> list[WeightFile]:
    return [row for row in CATALOG if (row.network, row.variant) == (network, variant)]


def tags(network: str, variant: str | None) -> tuple[str, ...]:
    """Returns the tags of the public weights of an architecture, the default first.

    Args:
        network: its id, "inception_v4" for example.
        variant: its variant; `None` if there is only one.
    """
    rows = sorted(_rows(network, variant), key=lambda row: not row.default)
    return tuple(row.tag for row in rows)


def default_tag(network: str, variant: str | None) -> str | None:
    """Returns the tag of the weights that are loaded by default, or `None`; arguments as `tags`."""
    return next((row.tag for row in _rows(network, variant) if row.default), None)


def find(network: str, variant: str | None, tag: str) -> WeightFile:
    """Returns the row of an architecture's tag.

    Raises:
        ValueError: the architecture has no such tag; the message lists those that it has.
    """
    for row in _rows(network, variant):
        if row.tag == tag:
            return row
    name = network + (f" ({variant})" if variant else "")
    known = ", ".join(map(repr, tags(network, variant))) or "none"
    raise ValueError(f"no public weights {tag!r} for {name}; there are: {known}")


def scaling(network: str | None) -> Scaling | None:
    """Returns the (mean, deviation) of a network's public weights, `None` for that of [-1, 1]."""
    found = {row.conventions.scaling for row in CATALOG if row.network == network} - {None}
    return found.pop() if found else None
