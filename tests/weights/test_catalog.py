"""The rows of the catalogue: complete, of one mind with the networks, nothing without a source."""

import collections
import dataclasses
import re
import string

import pytest

import keras_inception
from keras_inception.weights.catalog import CATALOG, default_tag, find, scaling, tags

ALL = ("tf_slim", "facenet", "keras_h5", "safetensors", "caffe")
DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha384": 96}
SIZES = {(info.id, info.variant): info.size for info in keras_inception.list_models()}
IDS = [f"{row.network}-{row.tag}" for row in CATALOG]


def test_tags_are_unique_and_files_too():
    keys = collections.Counter((row.network, row.variant, row.tag) for row in CATALOG)
    assert max(keys.values()) == 1
    assert max(collections.Counter(row.url for row in CATALOG).values()) == 1
    assert max(collections.Counter(row.file for row in CATALOG).values()) == 1


@pytest.mark.parametrize("row", CATALOG, ids=IDS)
def test_row(row):
    assert row.format in ALL
    assert SIZES[row.network, row.variant] == row.preprocessing.size
    assert re.fullmatch(r"[a-z0-9_]+", row.tag)
    assert re.fullmatch(r"[\w.-]+\.(tar\.gz|zip|h5|safetensors|caffemodel)", row.file)
    assert row.source
    assert row.licence
    assert row.classes == {"tf_slim": 1001, "facenet": 512}.get(
        row.format, None if row.tag.endswith("_notop") else 1000
    )
    assert (row.top1_accuracy is None) == (row.top5_accuracy is None)
    assert (row.top1_accuracy is None) == (row.accuracy_source is None)
    if row.top1_accuracy is not None:
        assert 0.6 < row.top1_accuracy < row.top5_accuracy < 1
    assert 0.8 < row.preprocessing.crop_fraction <= 1
    assert row.preprocessing.crop_of in ("each side", "shorter side")
    assert row.preprocessing.interpolation in ("bilinear", "bicubic", "nearest", "bilinear_tf1")
    for values in (row.preprocessing.mean, row.preprocessing.deviation):
        assert len(values) == 3
        assert all(1 <= value <= 128 for value in values)  # of pixels in [0, 255]


@pytest.mark.parametrize("row", CATALOG, ids=IDS)
def test_hash_and_transport(row):
    assert (row.hash is None) == (row.hash_kind is None)
    if row.hash is not None:
        assert len(row.hash) == DIGITS[row.hash_kind]
        assert set(row.hash) <= set(string.hexdigits.lower())
    if not row.url.startswith("https://"):  # then the hash must tell a forgery
        assert row.url.startswith("http://")
        assert row.hash_kind in ("sha256", "sha384")


def test_rows_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CATALOG[0].url = "http://example.org"


def test_the_default_comes_first():
    assert tags("inception_v3", "released")[:3] == ("imagenet", "adversarial", "ens3_adversarial")
    assert tags("xception", None) == ("imagenet", "keras_notop")
    with pytest.raises(ValueError, match=r"'mars' for inception_v3 \(released\); there are: 'ima"):
        find("inception_v3", "released", "mars")


def test_defaults():
    expected = {
        "googlenet": None,
        "inception_v1": None,
        "inception_v2": "released",
        "inception_v3": "released",
        "inception_v4": None,
        "inception_resnet_v2": "released",
        "xception": None,
    }
    for architecture in SIZES:
        has_default = architecture in expected.items()
        assert default_tag(*architecture) == ("imagenet" if has_default else None)
        assert tags(*architecture)[:1] == ("imagenet",) or not has_default
    assert sum(row.default for row in CATALOG) == len(expected)
    assert tags("inception_resnet_v1", "facenet") == ("vggface2", "casia")
    assert tags("inception_resnet_v2", "paper") == ()


def test_conventions():
    padded = {row.tag for row in CATALOG if row.pool_counts_padding}
    assert padded == {"torchvision", "timm_gluon"}
    assert all(row.gamma == (row.format == "safetensors") for row in CATALOG)
    assert [row.network for row in CATALOG if row.symmetric_padding] == ["googlenet"]
    scaled = {(row.network, row.tag) for row in CATALOG if row.conventions.scaling}
    assert scaled == {("googlenet", "imagenet"), ("inception_v3", "timm_gluon")}
    assert scaling("googlenet") == ((123.0, 117.0, 104.0), (1.0, 1.0, 1.0))
    assert scaling("xception") is None
    casia = find("inception_resnet_v1", "facenet", "casia").preprocessing
    assert (casia.mean, casia.deviation) == ((127.5,) * 3, (128.0,) * 3)


def test_find():
    row = find("inception_v1", None, "imagenet")
    assert row.file == "inception_v1_2016_08_28.tar.gz"
    assert (row.classes, row.size) == (1001, 24_642_554)
    with pytest.raises(ValueError, match="'imagenet' for bn_inception; there are: none"):
        find("bn_inception", None, "imagenet")
