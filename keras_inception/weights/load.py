"""Files of weights into models: told apart by content, checked as a whole, then assigned."""

import os
import pathlib
import shutil
import tarfile
import tempfile
import warnings
import zlib

from keras_inception.weights import catalog, download
from keras_inception.weights.assign import assign

_TABLE_MAGIC = bytes.fromhex("57fb808b247547db")  # at the end of TensorFlow's sorted tables


def exists(source):
    """Whether `source` is the path of a file or the prefix of a TensorFlow checkpoint."""
    if not isinstance(source, (str, os.PathLike)):
        return False
    path = os.fspath(source)
    return os.path.isfile(path) or os.path.isfile(f"{path}.index")


def load(model, source):
    """Loads weights into a model of this package.

    Args:
        model: made by a constructor of this package.
        source: a public tag ("imagenet"), the prefix of a TF-Slim checkpoint or the `tar.gz` it is
            published in, or a file that `model.save` or `model.save_weights` wrote.

    Returns:
        A `LoadReport` for TF-Slim's checkpoints, `None` for Keras's own files.

    Raises:
        ValueError: the file is of no known format, or does not fit; the message lists all that is
            missing, left over or of another shape, and the model is unchanged.
        OSError: a public file could not be fetched.
    """
    if exists(source):
        return _load_file(model, os.fspath(source))
    architecture = getattr(model, "architecture", None)
    tags = architecture.weights if architecture else ()
    if source not in tags:
        raise ValueError(
            f"no file {source!r}, and no public weights of that name for {model.name}; "
            f"there are: {', '.join(map(repr, tags)) or 'none'}"
        )
    row = catalog.find(architecture.id, architecture.variant, source)
    return _load_file(model, download.fetch(row))


def _load_file(model, path):
    if not os.path.isfile(path):
        return _load_tf_slim(model, path)
    with open(path, "rb") as file:
        magic = file.read(8)
        file.seek(max(0, os.path.getsize(path) - 8))
        end = file.read()
    if magic.startswith(b"\x1f\x8b") or tarfile.is_tarfile(path):
        return _load_archive(model, path)
    if magic.startswith((b"\x89HDF", b"PK\x03\x04")):
        return _load_keras(model, path)
    if os.path.isfile(f"{path}.index") or end == _TABLE_MAGIC:
        # An .index file ends as a checkpoint of the first format does, which is one file.
        return _load_tf_slim(model, path.removesuffix(".index"))
    if ".data-" in path and os.path.isfile(path.rsplit(".data-", 1)[0] + ".index"):
        return _load_tf_slim(model, path.rsplit(".data-", 1)[0])
    raise ValueError(
        f"{path} is of no known format; known are TF-Slim's checkpoints (the prefix, or the "
        "tar.gz), Keras's .keras and .weights.h5"
    )


def _load_archive(model, path):
    """Loads the one checkpoint of a tar file, of which only plain files are unpacked, by name."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with tarfile.open(path) as archive:
                names = []
                for member in archive:
                    if not member.isfile():
                        continue
                    names.append(pathlib.PurePosixPath(member.name).name)
                    with open(os.path.join(folder, names[-1]), "wb") as file:
                        shutil.copyfileobj(archive.extractfile(member), file)
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise ValueError(f"{path} is no readable tar file: {error}") from error
        prefixes = {name.removesuffix(".index") for name in names if name.endswith(".index")}
        prefixes |= {name for name in names if name.endswith(".ckpt")}
        if len(prefixes) != 1:
            raise ValueError(f"{path} should hold one checkpoint, and holds {sorted(prefixes)}")
        return _load_tf_slim(model, os.path.join(folder, prefixes.pop()))


def _load_keras(model, path):
    """Loads one of Keras's own files, which Keras assigns as it reads: undone where it fails."""
    before = model.get_weights()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one for each layer of a file of another network
            model.load_weights(path)
    except Exception as error:  # Keras, h5py and zipfile each have their own
        model.set_weights(before)
        raise ValueError(
            f"{path} does not fit {model.name}, which is unchanged: {str(error)[:300]}"
        ) from error


def _load_tf_slim(model, prefix):
    from keras_inception.weights import from_tf_slim

    source = from_tf_slim.open_checkpoint(prefix)
    return assign(model, source, from_tf_slim.plan(model, source.shapes))
