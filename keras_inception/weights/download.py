"""Downloads public files into the cache: resumed, checked, and by one process at a time.

Beside a file NAME of the cache there may be

- `NAME.part` and `NAME.part.json`: what has come so far, and of which version of the file it is;
- `NAME.lock`: held by the process that is downloading the file;
- `NAME.sha256`: the SHA-256 that the file had when it was checked, as `sha256sum -c` reads it.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from typing import Any

from absl import logging

from keras_inception.files import Lock, write_text
from keras_inception.types import PathLike
from keras_inception.weights.weight_file import WeightFile

OFFLINE = "KERAS_INCEPTION_OFFLINE"

_BLOCK = 1 << 20  # bytes in memory at a time
_LARGEST = 1 << 30  # bytes of a file whose size nobody states; the largest there is has 0.25e9
_TIMEOUT = 30.0  # seconds without a byte
_TRIES = 5  # in a row, each with less than a block of progress
_DELAY = 0.5  # seconds before the second try, doubled before each further one
_TRANSIENT = (408, 416, 425, 429, 500, 502, 503, 504)  # HTTP statuses worth another try


class DownloadError(OSError):
    """A public file cannot be downloaded; the message names the URL, the fault and what to do."""


class _Fault(Exception):
    """Why a try failed.

    Args:
        text: the reason.
        transient: whether another try may help.
        delay: seconds that the server asks to wait before that.
        spoilt: whether what has come so far is of no use to it.
    """

    def __init__(
        self, text: str, transient: bool = False, delay: float = 0.0, spoilt: bool = False
    ) -> None:
        super().__init__(text)
        self.transient, self.delay, self.spoilt = transient, delay, spoilt


def cache_folder() -> pathlib.Path:
    """Returns the folder of the cache: `models` in KERAS_HOME, which is `~/.keras` by default."""
    return pathlib.Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def fetch(row: WeightFile, cache_dir: PathLike | None = None, verbose: bool | None = None) -> str:
    """Downloads a public file unless the cache holds it; checks its size and hash in any case.

    A download that was interrupted, in whatever way, goes on where it stopped. Proxies are those of
    the environment (`https_proxy`, `no_proxy`). KERAS_INCEPTION_OFFLINE=1 forbids the network.

    Args:
        row: a row of `CATALOG`.
        cache_dir: folder of the file; default `cache_folder()`.
        verbose: whether to show a progress bar on stderr; default: if that is a terminal.

    Returns:
        The path of the file in the cache.

    Raises:
        DownloadError: the file cannot be downloaded, or is not what was published; or it, or what
            is published, has changed since its SHA-256 was remembered.
    """
    path = pathlib.Path(cache_dir or cache_folder()) / row.file
    try:
        if path.is_file():
            _check(row, path, path)
        elif os.environ.get(OFFLINE, "0") not in ("", "0"):
            raise _Fault(f"it is not in the cache, and {OFFLINE} is set")
        else:
            _fetch_alone(row, path, sys.stderr.isatty() if verbose is None else verbose)
    except (_Fault, OSError) as error:
        raise DownloadError(
            f"the {row.tag} weights of {row.network}, published at {row.url}: {error}. "
            f"Download that file by other means and save it as {path}, or give its path as "
            "weights=PATH; or weights=None for a random network"
        ) from error
    return str(path)


def _fetch_alone(row: WeightFile, path: pathlib.Path, verbose: bool) -> None:
    """Downloads to `path`, in as many tries as help, unless another process does so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Lock(path.with_name(path.name + ".lock")) as lock:
        if path.is_file():
            return _check(row, path, path)
        part = _Part(path, row.url)
        failures, best = 0, 0
        while True:
            try:
                return _try(row, part, lock, verbose)
            except _Fault as fault:
                failures = 1 if part.size() >= best + _BLOCK else failures + 1
                best = max(best, part.size())
                if fault.spoilt:
                    part.discard()
                if not fault.transient:
                    raise
                if failures >= _TRIES:
                    raise _Fault(f"{fault} ({failures} tries without progress)") from fault
                logging.info("%s: %s; trying again", row.url, fault)
                time.sleep(max(fault.delay, _DELAY * 2 ** (failures - 1)))


def _try(row: WeightFile, part: _Part, lock: Lock, verbose: bool) -> None:
    """Downloads what is missing of the file, checks it and gives it its name."""
    offset, validator, total = part.resume()
    glued = offset > 0
    if not glued or offset != total:  # else a process was killed just before the check
        glued = _receive(row, part, lock, offset, validator, verbose)
    try:
        _check(row, part.path, part.finished)
    except _Fault as fault:
        raise _Fault(str(fault), transient=glued, spoilt=True) from fault
    _check_lock(lock)
    part.path.replace(part.finished)
    part.discard()


def _check_lock(lock: Lock) -> None:
    if not lock.is_held():
        raise _Fault("another process took the download over from this one, which stood still")


def _receive(
    row: WeightFile,
    part: _Part,
    lock: Lock,
    offset: int,
    validator: str | None,
    verbose: bool,
) -> bool:
    """Appends a response to the part; returns whether there was something to append to."""
    with _open(row.url, offset, validator) as response:
        start, total = _range(response)
        now = _validators(response)
        if start and (start != offset or (now and validator not in now)):
            raise _Fault("the server sent another range or version", transient=True, spoilt=True)
        if response.headers.get_content_type() == "text/html":
            raise _Fault("a web page came instead of the file")
        if total is None and row.size is None and not response.chunked:
            raise _Fault("the server does not say how long the file is")
        if row.size is not None and total not in (None, row.size):
            raise _Fault(f"the server has {total} bytes, {row.size} are published", spoilt=True)
        limit = row.size or total or _LARGEST
        if limit > _LARGEST:
            raise _Fault(f"{limit} bytes are more than a file of weights has ({_LARGEST})")
        if not start:
            part.begin(now[0] if now else None, total)
        with _bar(row, start, total or row.size, verbose) as bar:
            size = _copy(response, part, limit, lock, bar)
        if total is not None and size < total:
            raise _Fault(f"the connection ended after {size} of {total} bytes", transient=True)
    return start > 0


def _copy(response: Any, part: _Part, limit: int, lock: Lock, bar: Any) -> int:
    """Appends the body to the part, a block at a time; returns the part's size after that."""
    size = part.size()
    with open(part.path, "ab") as file:
        while True:
            try:
                block = response.read1(_BLOCK)
            except (OSError, http.client.HTTPException) as error:
                raise _Fault(f"the connection broke ({error!r})", transient=True) from error
            size += len(block)
            if size > limit:
                raise _Fault(f"more came than the {limit} bytes of the file", spoilt=True)
            if not block:
                break
            _check_lock(lock)
            file.write(block)
            bar.update(len(block))
        file.flush()
        os.fsync(file.fileno())
    return size


def _bar(row: WeightFile, start: int, total: int | None, verbose: bool) -> Any:
    from tqdm import tqdm

    bar = {"desc": row.file, "initial": start, "total": total, "disable": not verbose}
    return tqdm(file=sys.stderr, unit="B", unit_scale=True, **bar)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows few redirections, none to other protocols, none from https to http."""

    max_redirections = 5

    def redirect_request(
        self, request: Any, file: Any, code: int, message: str, headers: Any, new_url: str
    ) -> Any:
        _check_protocol(new_url, ("https",) if request.type == "https" else ("http", "https"))
        return super().redirect_request(request, file, code, message, headers, new_url)


def _check_protocol(url: str, allowed: Collection[str] = ("http", "https")) -> None:
    if url.split(":")[0].lower() not in allowed:
        raise _Fault(f"the protocol of {url} is not {' or '.join(allowed)}")


def _open(url: str, offset: int, validator: str | None) -> Any:
    """Sends a request; returns the response, whose status is 200 or 206."""
    _check_protocol(url)
    headers = {"User-Agent": "keras_inception", "Accept-Encoding": "identity"}
    if offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": str(validator)}
    try:
        opener = urllib.request.build_opener(_Redirects)  # proxies are read here
        return opener.open(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        delay = error.headers.get("Retry-After", "")  # heeded up to 99 seconds
        raise _Fault(
            " ".join(f"HTTP status {error.code}, {error.reason}".split()),
            transient=error.code in _TRANSIENT,
            delay=float(delay) if re.fullmatch("[0-9]{1,2}", delay) else 0.0,
            spoilt=error.code == 416,  # the file ends before the range that was asked for
        ) from error
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        reason = getattr(error, "reason", error)
        refused = isinstance(reason, ssl.SSLCertVerificationError)
        raise _Fault(f"no connection ({reason})", transient=not refused) from error


def _range(response: Any) -> tuple[int, int | None]:
    """Returns the first byte's position and the size of the file, `None` if it is not stated."""
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not match:
            raise _Fault("status 206 without a range of bytes", transient=True, spoilt=True)
        return int(match[1]), None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _validators(response: Any) -> list[str]:
    """Returns what tells this version of the file from others, for If-Range, the best first."""
    tag = response.headers.get("ETag", "")
    strong = tag if tag.startswith('"') else ""  # a weak one does not vouch for each byte
    return [value for value in (strong, response.headers.get("Last-Modified")) if value]


class _Part:
    """The part of a file that has come so far, and notes of the file's version."""

    def __init__(self, finished: pathlib.Path, url: str) -> None:
        self.finished, self.url = finished, url
        self.path = finished.with_name(finished.name + ".part")
        self.notes = finished.with_name(finished.name + ".part.json")

    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def resume(self) -> tuple[int, str | None, int | None]:
        """Returns (bytes so far, what tells the version, size of the file); may start anew."""
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            notes = json.loads(self.notes.read_text(encoding="utf-8"))
            if notes["url"] == self.url and notes["validator"]:
                return self.size(), notes["validator"], notes["total"]
        self.discard()
        return 0, None, None

    def begin(self, validator: str | None, total: int | None) -> None:
        self.discard()
        notes = {"url": self.url, "validator": validator, "total": total}
        write_text(self.notes, json.dumps(notes))

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)


def _check(row: WeightFile, path: pathlib.Path, finished: pathlib.Path) -> None:
    """Checks the file at `path`, which is or becomes `finished`; remembers its SHA-256."""
    stat = path.stat()
    name = f"{path} (delete it to download it again)" if path == finished else "what came"
    if row.size not in (None, stat.st_size):
        raise _Fault(f"{name} has {stat.st_size} bytes, {row.size} are published")
    memory = finished.with_name(finished.name + ".sha256")
    state = f"# checked: {stat.st_size} bytes, time {stat.st_mtime_ns}, {row.hash_kind} {row.hash}"
    lines = memory.read_text("utf-8", "replace").splitlines() if memory.is_file() else []
    if lines[1:] == [state]:
        return
    kind = (row.hash_kind or "sha256").removesuffix("_prefix")
    digests = _digests(path, {kind, "sha256"})
    digest, remembered = digests["sha256"], lines[0].split(" ")[0] if lines else None
    if row.hash is not None:
        digits = len(row.hash) if str(row.hash_kind).endswith("_prefix") else None
        if digests[kind][:digits] != row.hash:
            raise _Fault(f"the {kind} hash of {name} is {digests[kind]}, {row.hash} is published")
    elif remembered is None:
        logging.warning("%s: no hash is published; its SHA-256 is %s", row.url, digest)
    elif remembered != digest:
        raise _Fault(
            f"the SHA-256 of {name} is {digest}, it was {remembered} when the file first came; "
            f"if the new one is right, delete {memory}"
        )
    try:
        write_text(memory, f"{digest}  {row.file}\n{state}\n")
    except OSError as error:  # a shared cache that is read-only: the file is hashed each time
        logging.info("the SHA-256 of %s is not remembered: %s", path, error)


def _digests(path: pathlib.Path, kinds: Collection[str]) -> dict[str, str]:
    """Reads a file once; returns its hashes, hexadecimal digits by kind."""
    hashes = {kind: hashlib.new(kind, usedforsecurity=False) for kind in kinds}
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            for value in hashes.values():
                value.update(block)
    return {kind: value.hexdigest() for kind, value in hashes.items()}
