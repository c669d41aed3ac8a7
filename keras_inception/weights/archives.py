"""Archives that weights are published in: only what is wanted comes out, and no more than fits."""

import contextlib
import gzip
import os
import pathlib
import shutil
import tarfile
import tempfile
import zipfile
import zlib

_BLOCK = 1 << 20  # bytes in memory at a time


@contextlib.contextmanager
def unpacked(path, limit, wanted=None):
    """Unpacks a tar (compressed or not) or zip file for the time of a `with` statement.

    Args:
        path: of the archive.
        limit: bytes that its files may have in all.
        wanted: names of the files to unpack; default all.

    Yields:
        A folder (`pathlib.Path`) with the files, without the archive's folders.

    Raises:
        ValueError: it is damaged or too large, or has links, devices, absolute paths, paths with
            "..", or two files of one name.
    """
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        try:
            with _members(path, limit) as members:
                for name, size, open_member in members:
                    target = folder / _safe_name(path, name)
                    if wanted is not None and target.name not in wanted:
                        continue
                    limit -= size
                    if limit < 0:
                        raise ValueError(f"{path} unpacks to more than any file of the network")
                    if target.exists():
                        raise ValueError(f"{path} holds two files {target.name!r}")
                    with open_member() as source, open(target, "xb") as file:
                        shutil.copyfileobj(source, file, _BLOCK)
                    if target.stat().st_size != size:
                        raise ValueError(f"{path} is cut within {name!r}")
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise ValueError(f"{path} is no readable archive: {error}") from error
        except (NotImplementedError, RuntimeError, KeyError) as error:  # encrypted, odd methods
            raise ValueError(f"{path} cannot be unpacked: {error}") from error
        yield folder


@contextlib.contextmanager
def _members(path, limit):
    """Yields (name, size, function that opens it) of each plain file of an archive."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            yield ((i.filename, i.file_size, lambda i=i: archive.open(i)) for i in infos)
        return
    with _decompressed(path, limit) as file, tarfile.open(fileobj=file, mode="r:") as archive:
        yield (
            (member.name, _plain_size(path, member), lambda m=member: archive.extractfile(m))
            for member in archive
            if not member.isdir()
        )


@contextlib.contextmanager
def _decompressed(path, limit):
    """A tar file without its gzip, in full before `tarfile` sees it: headers may be of any size."""
    with open(path, "rb") as file:
        if file.read(2) != b"\x1f\x8b":
            file.seek(0)
            yield file
            return
    with gzip.open(path) as packed, tempfile.TemporaryFile() as plain:
        while block := packed.read(_BLOCK):
            limit -= len(block)
            if limit < 0:
                raise ValueError(f"{path} unpacks to more than any file of the network")
            plain.write(block)
        plain.seek(0)
        yield plain


def _plain_size(path, member):
    if not member.isfile():
        raise ValueError(f"{path}: {member.name!r} is a link or a device, not a file")
    return member.size


def _safe_name(path, name):
    parts = pathlib.PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or ":" in parts[0]:
        raise ValueError(f"{path}: {name!r} points outside of the archive")
    return os.path.basename(parts[-1])


def names(path):
    """Returns the names of a zip file's members, without their folders."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [pathlib.PurePosixPath(name).name for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ValueError(f"{path} is no readable zip file: {error}") from error
