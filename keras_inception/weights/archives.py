"""Archives that weights are published in, unpacked within limits."""

from __future__ import annotations

import contextlib
import functools
import gzip
import lzma
import os
import pathlib
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import IO, Any, BinaryIO

Member = tuple[str, int, Callable[[], Any]]  # name, bytes, function that opens it

_BLOCK = 1 << 20  # bytes in memory at a time
# Our choice; published archives have six files, and what Keras saves has four.
_MOST_FILES = 1000
_TABLE = 1 << 20  # bytes of a zip file's table of contents
_ZIP_END = struct.Struct("<4s4H2LH")  # end of a zip file: PKWARE's APPNOTE, 4.3.16
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")  # 4.3.14, before that
_ZIP64_PLACE = struct.Struct("<4sLQL")  # 4.3.15, between the two: where the other begins
_ZIP_HEAD = b"PK"
_ZIP_MAGIC, _ZIP64_MAGIC, _ZIP64_PLACE_MAGIC = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_ZIP64 = _ZIP64_END.size + _ZIP64_PLACE.size
_ZIP_TAIL = _ZIP64 + _ZIP_END.size + (1 << 16)  # with what may stand before and after it
_FAULTS = (  # what the modules here raise if an archive is not what it claims to be
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


@contextlib.contextmanager
def unpacked(
    file: BinaryIO, path: str, limit: int, chosen: Collection[str] | None = None
) -> Iterator[pathlib.Path]:
    """Unpacks a tar (compressed or not) or zip file for the time of a `with` statement.

    Args:
        file: the archive, open.
        path: what messages call it.
        limit: how many bytes its files may have in all.
        chosen: names of the files to unpack; default all.

    Yields:
        A folder with the files, without the archive's own folders.

    Raises:
        ValueError: the archive is damaged or too large, or has links, devices, absolute paths,
            paths with "..", or two files of one name.
    """
    with tempfile.TemporaryDirectory() as folder:
        with _faults_named(path), _members(file, limit) as members:
            _unpack(members, pathlib.Path(folder), limit, chosen)
        yield pathlib.Path(folder)


def names(file: BinaryIO, path: str) -> list[str]:
    """Returns the names of an open zip file's members, without their folders.

    Raises:
        ValueError: the archive, which messages call `path`, is damaged.
    """
    with _faults_named(path), _open_zip(file) as archive:
        return [pathlib.PurePosixPath(name).name for name in archive.namelist()]


def read(file: BinaryIO, path: str, name: str, limit: int) -> bytes:
    """Returns the content of a member of an open zip file, of at most `limit` bytes.

    Raises:
        ValueError: the member is larger or missing, or the archive, which messages call `path`, is
            damaged.
    """
    with _faults_named(path), _open_zip(file) as archive:
        info = archive.getinfo(name)
        if info.file_size > limit:
            raise ValueError(f"{name!r} has {info.file_size:,} bytes, over {limit:,}")
        with _open_member(archive, info) as member:
            return member.read(limit)


@contextlib.contextmanager
def _faults_named(path: str) -> Iterator[None]:
    """Re-raises any failure as one ValueError that names the archive."""
    try:
        yield
    except _FAULTS as error:
        raise ValueError(f"{path} is not a readable archive: {error}") from error


def _unpack(
    members: Iterable[Member], folder: pathlib.Path, limit: int, chosen: Collection[str] | None
) -> None:
    for number, (name, size, open_member) in enumerate(members):
        if number >= _MOST_FILES:
            raise ValueError(f"it has more than {_MOST_FILES} files")
        target = folder / _safe_name(name)
        if chosen is not None and target.name not in chosen:
            continue
        limit -= size
        if limit < 0:
            raise ValueError("it unpacks to more than a file of weights can have")
        if target.exists():
            raise ValueError(f"it holds two files {target.name!r}")
        with open_member() as source, open(target, "xb") as file:
            shutil.copyfileobj(source, file, _BLOCK)
        if target.stat().st_size != size:
            raise ValueError(f"it is cut off within {name!r}")


@contextlib.contextmanager
def _members(file: BinaryIO, limit: int) -> Iterator[Iterator[Member]]:
    """Yields the plain files of an archive."""
    file.seek(0)
    if file.read(len(_ZIP_HEAD)) == _ZIP_HEAD:
        with _open_zip(file) as archive:
            yield _zip_members(archive)
        return
    with _decompressed(file, limit) as plain:
        blocks: Any = _ByBlocks(plain)
        with tarfile.open(fileobj=blocks, mode="r:") as tar:
            yield _tar_members(tar)


def _zip_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    for info in archive.infolist():
        if not info.is_dir():
            yield info.filename, info.file_size, functools.partial(_open_member, archive, info)


def _tar_members(archive: tarfile.TarFile) -> Iterator[Member]:
    for number, member in enumerate(archive):
        if number >= _MOST_FILES:  # `tarfile` remembers each, folders included
            raise ValueError(f"it has more than {_MOST_FILES} files")
        if member.isdir():
            continue
        if not member.isfile() or member.issparse():
            raise ValueError(f"{member.name!r} is a link or a device, not a file")
        yield member.name, member.size, functools.partial(archive.extractfile, member)


def _open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """Opens a zip file after a look at its table of contents, which `zipfile` reads at once."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _ZIP_TAIL))
    tail = file.read()
    start = len(tail) - _ZIP_END.size  # `zipfile` looks there first
    if tail[max(0, start) :][:4] != _ZIP_MAGIC or tail[-2:] != bytes(2):
        start = tail.rfind(_ZIP_MAGIC)
    if 0 <= start <= len(tail) - _ZIP_END.size:
        *_, length, _, _ = _ZIP_END.unpack_from(tail, start)
        if tail[max(0, start - _ZIP64_PLACE.size) : start].startswith(_ZIP64_PLACE_MAGIC):
            length = _zip64_length(tail[:start], size - len(tail))
        if length > _TABLE:
            raise ValueError("its table of contents is too long")
    return zipfile.ZipFile(file)


def _zip64_length(tail: bytes, offset: int) -> int:
    """Returns the bytes of a table of contents whose length is stated in 64 bits, as in PyTorch's.

    Args:
        tail: the file's last bytes, up to the end of the record that points to the one with the
            length.
        offset: where `tail` begins in the file.
    """
    start = len(tail) - _ZIP64
    if start < 0:
        raise ValueError("its end is cut off")
    place = _ZIP64_PLACE.unpack_from(tail, start + _ZIP64_END.size)[2]
    magic, *_, length, _ = _ZIP64_END.unpack_from(tail, start)
    if magic != _ZIP64_MAGIC or place != offset + start:  # where `zipfile` looks for it
        raise ValueError("the record of its table of contents is not where it should be")
    return length


def _open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """Opens a member if it is stored plainly or packed so that `zipfile` unpacks it piecemeal."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename!r} is packed by another method than deflate")
    return archive.open(info)


@contextlib.contextmanager
def _decompressed(file: BinaryIO, limit: int) -> Iterator[Any]:
    """Yields a tar file without its gzip, as a file of no more than `limit` bytes."""
    file.seek(0)
    gzipped = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if not gzipped:
        yield file
        return
    with gzip.GzipFile(fileobj=file) as packed, tempfile.TemporaryFile() as plain:
        while block := packed.read(_BLOCK):
            limit -= len(block)
            if limit < 0:
                raise ValueError("it unpacks to more than a file of weights can have")
            plain.write(block)
        plain.seek(0)
        yield plain


class _ByBlocks:
    """A file for `tarfile`, which would read a header of any claimed length at once."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.seek, self.tell = file, file.seek, file.tell

    def read(self, size: int) -> bytes:
        if size > _BLOCK:
            raise ValueError(f"a header claims {size} bytes")
        return self.file.read(size)


def _safe_name(name: str) -> str:
    parts = pathlib.PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or ":" in parts[0]:
        raise ValueError(f"{name!r} points outside of the archive")
    return os.path.basename(parts[-1])
