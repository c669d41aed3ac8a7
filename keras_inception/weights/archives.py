"""Archives that weights are published in: only what is wanted comes out, and no more than fits."""

import contextlib
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

_BLOCK = 1 << 20  # bytes in memory at a time
# Our choice; published archives have six files, and what Keras saves has four.
_MOST_FILES = 1000
_TABLE = 1 << 20  # bytes of a zip file's table of contents
_ZIP_END = struct.Struct("<4s4H2LH")  # of a zip file: PKWARE's APPNOTE, 4.3.16
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")  # 4.3.14, before
_ZIP64_PLACE = struct.Struct("<4sLQL")  # 4.3.15, between the two, says where that is
_ZIP_MAGIC, _ZIP64_MAGIC, _ZIP64_PLACE_MAGIC = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_ZIP64 = _ZIP64_END.size + _ZIP64_PLACE.size
_ZIP_TAIL = _ZIP64 + _ZIP_END.size + (1 << 16)  # with what may stand before and after it
_FAULTS = (  # of the modules here, of an archive that is not what it says it is
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
        with _faults_named(path), _members(path, limit) as members:
            _unpack(members, pathlib.Path(folder), limit, wanted)
        yield pathlib.Path(folder)


def names(path):
    """Returns the names of a zip file's members, without their folders."""
    with _faults_named(path), _open_zip(path) as archive:
        return [pathlib.PurePosixPath(name).name for name in archive.namelist()]


def read(path, name, limit):
    """Returns the content of a zip file's member, which may have so many bytes."""
    with _faults_named(path), _open_zip(path) as archive:
        info = archive.getinfo(name)
        if info.file_size > limit:
            raise ValueError(f"{name!r} has {info.file_size:,} bytes, over {limit:,}")
        with _open_member(archive, info) as file:
            return file.read(limit)


@contextlib.contextmanager
def _faults_named(path):
    """Makes one error that names the archive of whatever goes wrong, and of what is said here."""
    try:
        yield
    except _FAULTS as error:
        raise ValueError(f"{path} is no readable archive: {error}") from error


def _unpack(members, folder, limit, wanted):
    for number, (name, size, open_member) in enumerate(members):
        if number >= _MOST_FILES:
            raise ValueError(f"it has more than {_MOST_FILES} files")
        target = folder / _safe_name(name)
        if wanted is not None and target.name not in wanted:
            continue
        limit -= size
        if limit < 0:
            raise ValueError("it unpacks to more than any file of the network")
        if target.exists():
            raise ValueError(f"it holds two files {target.name!r}")
        with open_member() as source, open(target, "xb") as file:
            shutil.copyfileobj(source, file, _BLOCK)
        if target.stat().st_size != size:
            raise ValueError(f"it is cut within {name!r}")


@contextlib.contextmanager
def _members(path, limit):
    """Yields (name, size, function that opens it) of each plain file of an archive."""
    if zipfile.is_zipfile(path):
        with _open_zip(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            yield ((i.filename, i.file_size, lambda i=i: _open_member(archive, i)) for i in infos)
        return
    with (
        _decompressed(path, limit) as file,
        tarfile.open(fileobj=_ByBlocks(file), mode="r:") as archive,
    ):
        yield (
            (member.name, _plain_size(member), lambda m=member: archive.extractfile(m))
            for member in _counted(archive)
            if not member.isdir()
        )


def _open_zip(path):
    """Opens a zip file whose table of contents, which `zipfile` reads at once, is not too long."""
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - _ZIP_TAIL))
        tail = file.read()
    start = len(tail) - _ZIP_END.size  # `zipfile` looks there first
    if tail[max(0, start) :][:4] != _ZIP_MAGIC or tail[-2:] != bytes(2):
        start = tail.rfind(_ZIP_MAGIC)
    if 0 <= start <= len(tail) - _ZIP_END.size:
        *_, length, _, _ = _ZIP_END.unpack_from(tail, start)
        if tail[max(0, start - _ZIP64_PLACE.size) : start].startswith(_ZIP64_PLACE_MAGIC):
            length = _zip64_length(tail[:start], os.path.getsize(path) - len(tail))
        if length > _TABLE:
            raise ValueError("its table of contents is too long")
    return zipfile.ZipFile(path)


def _zip64_length(tail, offset):
    """Bytes of the table of contents of a zip file that says so in 64 bits, as PyTorch's do.

    Args:
        tail: of the file, up to the end of the record that tells where the one with the length is.
        offset: of `tail` in the file.
    """
    start = len(tail) - _ZIP64
    if start < 0:
        raise ValueError("its end is cut")
    place = _ZIP64_PLACE.unpack_from(tail, start + _ZIP64_END.size)[2]
    magic, *_, length, _ = _ZIP64_END.unpack_from(tail, start)
    if magic != _ZIP64_MAGIC or place != offset + start:  # where `zipfile` looks for it
        raise ValueError("the record of its table of contents is not where it should be")
    return length


def _open_member(archive, info):
    """Opens a member; of the packed ones only those that `zipfile` unpacks by small pieces."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename!r} is packed by another method than deflate")
    return archive.open(info)


@contextlib.contextmanager
def _decompressed(path, limit):
    """A tar file without its gzip, as a file of no more than `limit` bytes."""
    with open(path, "rb") as file:
        if file.read(2) != b"\x1f\x8b":
            file.seek(0)
            yield file
            return
    with gzip.open(path) as packed, tempfile.TemporaryFile() as plain:
        while block := packed.read(_BLOCK):
            limit -= len(block)
            if limit < 0:
                raise ValueError("it unpacks to more than any file of the network")
            plain.write(block)
        plain.seek(0)
        yield plain


class _ByBlocks:
    """A file for `tarfile`, which reads a header of whatever length that claims at once."""

    def __init__(self, file):
        self.file, self.seek, self.tell = file, file.seek, file.tell

    def read(self, size):
        if size > _BLOCK:
            raise ValueError(f"a header claims {size} bytes")
        return self.file.read(size)


def _counted(archive):
    """The members of a tar file, folders and all, each of which `tarfile` remembers."""
    for number, member in enumerate(archive):
        if number >= _MOST_FILES:
            raise ValueError(f"it has more than {_MOST_FILES} files")
        yield member


def _plain_size(member):
    if not member.isfile() or member.issparse():
        raise ValueError(f"{member.name!r} is a link or a device, not a file")
    return member.size


def _safe_name(name):
    parts = pathlib.PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or ":" in parts[0]:
        raise ValueError(f"{name!r} points outside of the archive")
    return os.path.basename(parts[-1])
