"""Files of weights, told apart by content, opened as a `Source` with the name map that suits it."""

import contextlib
import json
import os
import re
import tarfile

from keras_inception.weights import archives, from_keras
from keras_inception.weights.arithmetic import TENSORFLOW, Arithmetic, of_layers
from keras_inception.weights.catalog import scaling
from keras_inception.weights.checkpoint_index import MAGIC
from keras_inception.weights.hdf5 import NestedLayers, open_keras

KNOWN = (
    "a TF-Slim checkpoint (the prefix, or the tar.gz or zip it is published in), Keras's .keras, "
    ".weights.h5 and .h5, .safetensors, Caffe's .caffemodel"
)
# What to do with PyTorch's own file, at PATH.
CONVERSION = (
    "in Python with PyTorch, make a .safetensors file of it: safetensors.torch.save_file("
    "torch.load(PATH, weights_only=True), 'weights.safetensors')"
)
_CONFIG_LIMIT = 1 << 22  # bytes of a `.keras` file's config.json; the family's have below 1e6


def local(path):
    """Returns a path as text, with the home folder in place of `~`."""
    return os.path.expanduser(os.fspath(path))


def exists(source):
    """Whether `source` is the path of a file or the prefix of a TensorFlow checkpoint."""
    if not isinstance(source, (str, os.PathLike)):
        return False
    path = local(source)
    return os.path.isfile(path) or os.path.isfile(f"{path}.index")


def absence(source):
    """Says of a source of weights that is no file why it is none."""
    if not isinstance(source, (str, os.PathLike)):
        return f"{source!r} is no path or tag, but of type {type(source).__name__}"
    path, name = local(source), repr(os.fspath(source))
    if os.path.isdir(path):
        return f"{name} is a folder; a file of weights is wanted"
    if os.path.exists(path):
        return f"{name} is no plain file"
    return f"{name} is a link to no file" if os.path.islink(path) else f"{name} is no file"


def kind(path):
    """Tells the format of a file by its content.

    Returns:
        "checkpoint", "archive" (of a checkpoint), "keras_zip", "hdf5", "safetensors" or "caffe".

    Raises:
        ValueError: it is of none of them.
    """
    if not os.path.isfile(path):
        return "checkpoint"  # a prefix
    try:
        with open(path, "rb") as file:
            head = file.read(512)
            file.seek(max(0, os.path.getsize(path) - len(MAGIC)))
            end = file.read()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not head:
        raise ValueError(f"{path} is empty")
    # The first bytes of a .safetensors file are a length: of any look, but for the high ones.
    if head[4:8] == bytes(4) and _by_header(head, os.path.getsize(path)) == "safetensors":
        return "safetensors"
    if head.startswith(b"PK"):
        return _kind_of_zip(path)
    if head.startswith(b"\x89HDF"):
        return "hdf5"
    if _checkpoint_prefix(path, end):
        return "checkpoint"
    if head.startswith(b"\x1f\x8b") or _is_tar(head):
        return "archive"
    if re.match(rb"\x80[\x02-\x05]|\(dp", head):
        raise _pickle_error(path)
    found = _by_header(head, os.path.getsize(path))
    if found is None:
        shard = ".data-" in os.path.basename(path)
        reason = "; to a checkpoint's data belongs an .index file beside it" if shard else ""
        raise ValueError(f"{path} is of no known format; known are {KNOWN}{reason}")
    return found


def _is_tar(head):
    """Whether a file's first block is the header of a tar file, old ones without a magic too."""
    try:
        return bool(tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape"))
    except tarfile.HeaderError:
        return False


def _by_header(head, size):
    from keras_inception.weights.from_caffe import is_caffemodel
    from keras_inception.weights.safetensors_file import is_safetensors

    if is_safetensors(head, size):
        return "safetensors"
    return "caffe" if is_caffemodel(head) else None


def _kind_of_zip(path):
    names = archives.names(path)
    if "model.weights.h5" in names:
        return "keras_zip"
    if any(name.endswith(".index") for name in names):
        return "archive"
    if any(name.endswith(".pkl") for name in names):
        raise _pickle_error(path)
    raise ValueError(f"{path} is a zip file without weights; known are {KNOWN}")


def _pickle_error(path):
    return ValueError(
        f"{path} is a pickle, which can run any code and is never loaded; {CONVERSION}"
    )


def _checkpoint_prefix(path, end):
    """The prefix of a checkpoint that `path` is a file of; empty if it is of none."""
    prefix = path.removesuffix(".index")
    for stem in (path.rsplit(".data-", 1)[0], path.removesuffix(".meta")):
        if stem != path and os.path.isfile(f"{stem}.index"):
            return stem
    # An .index file ends as a checkpoint of the first format does, which is one file.
    return prefix if end == MAGIC or os.path.isfile(f"{path}.index") else ""


@contextlib.contextmanager
def opened(path, limit, use_ema=False):
    """Opens a file of weights for the time of a `with` statement.

    Args:
        path: of any of the known formats.
        limit: bytes that an archive may unpack to.
        use_ema: whether a checkpoint's moving averages are taken, of the variables that have one.

    Yields:
        (`Source`, name map): `name_map(model, names)` makes the `Plan`.

    Raises:
        ValueError: the file is of no known format, damaged, or refused.
    """
    opener = {"checkpoint": _checkpoint, "archive": _archive, "keras_zip": _keras_zip}.get(
        found := kind(path)
    )
    if opener is not None:
        with opener(path, limit, use_ema) as pair:
            yield pair
    elif found == "hdf5":
        with open_keras(path) as source:
            yield source, from_keras.plan
    elif found == "safetensors":
        from keras_inception.weights import from_torch, safetensors_file

        source = safetensors_file.open_safetensors(path)
        yield source, (from_torch if from_torch.names_fit(source.shapes) else from_keras).plan
    else:
        from keras_inception.weights import from_caffe

        yield from_caffe.open_caffemodel(path), from_caffe.plan


@contextlib.contextmanager
def _checkpoint(path, limit, use_ema, archive=None):
    from keras_inception.weights import from_tf_slim

    end = b""
    if os.path.isfile(path):
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - len(MAGIC)))
            end = file.read()
    prefix = _checkpoint_prefix(path, end) or path
    yield from_tf_slim.open_checkpoint(prefix, use_ema, archive), from_tf_slim.plan


@contextlib.contextmanager
def _archive(path, limit, use_ema):
    with archives.unpacked(path, limit) as folder:
        names = sorted(file.name for file in folder.iterdir())
        prefixes = {name.removesuffix(".index") for name in names if name.endswith(".index")}
        prefixes |= {name for name in names if name.endswith(".ckpt")}
        if len(prefixes) != 1:
            raise ValueError(f"{path} should hold one checkpoint, and holds {sorted(prefixes)}")
        with _checkpoint(str(folder / prefixes.pop()), limit, use_ema, path) as pair:
            yield pair


@contextlib.contextmanager
def _keras_zip(path, limit, use_ema):
    name = "model.weights.h5"
    with (
        archives.unpacked(path, limit, (name,)) as folder,
        open_keras(folder / name, path) as source,
    ):
        yield source, from_keras.plan


def arithmetic_of(path, network, variant=None):
    """What a file's weights expect of the network around them.

    Names tell PyTorch's weights from others, not who trained them: those that timm made of
    TensorFlow's get timm's arithmetic here, and TensorFlow's under their public tag. The network of
    FID has TensorFlow's pools in PyTorch too.

    Args:
        path: of any of the known formats.
        network, variant: of the network that they are for, "inception_v3" and "fid" for example.

    Returns:
        An `Arithmetic`; `None` for a file of Keras's that only Keras can read.
    """
    found = kind(path)
    if found == "caffe":
        return Arithmetic(symmetric_padding=True, scaling=scaling(network))
    if found == "hdf5":
        try:
            with opened(path, 0) as (source, _):
                return of_layers(source.layers, scaling(network))
        except NestedLayers:
            return None
    if found == "keras_zip":
        return of_layers(_layer_names(path), scaling(network))
    if found == "safetensors":
        from keras_inception.weights import from_torch, safetensors_file

        source = safetensors_file.open_safetensors(path)
        if from_torch.names_fit(source.shapes):
            counts = network == "inception_v3" and variant != "fid"
            return Arithmetic(network == "inception_v1", pool_counts_padding=counts)
        return of_layers(source.layers, scaling(network))
    return TENSORFLOW


def _layer_names(path):
    """Names of the layers of a `.keras` file, without its weights."""
    content = archives.read(path, "config.json", _CONFIG_LIMIT)
    try:
        config = json.loads(content)
        names = [layer["config"]["name"] for layer in config["config"].get("layers", ())]
        if not all(isinstance(name, str) for name in names):
            raise TypeError("a layer's name is no text")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is no readable .keras file: {error}") from error
    return names
