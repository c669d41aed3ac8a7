"""Public files into the cache: resumed, checked, and written by one process at a time.

Beside a file NAME of the cache there may be

- `NAME.part` and `NAME.part.json`: what has come so far, and of which version of the file it is;
- `NAME.lock`: held by the process that is fetching the file (`_Lock`);
- `NAME.sha256`: the SHA-256 that the file had when it was checked, as `sha256sum -c` reads it.
"""

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid

from absl import logging

OFFLINE = "KERAS_INCEPTION_OFFLINE"

_BLOCK = 1 << 20  # bytes in memory at a time
_LARGEST = 1 << 30  # bytes of a file whose size nobody states; the family's largest has 0.25e9
_TIMEOUT = 30.0  # seconds without a byte
_TRIES = 5  # in a row, each with less than a block of progress
_DELAY = 0.5  # seconds before the second try, doubled before each further one
_TRANSIENT = (408, 416, 425, 429, 500, 502, 503, 504)  # HTTP statuses worth another try
_BEAT = 1.0  # seconds between two signs of life of a lock's owner
_DEAD = 3.0  # seconds without one after which a lock is broken, its owner's process being gone
_STALE = 30.0  # the same where that can't be told: the owner is on another machine, or stopped
_POLL = 0.2  # seconds between two looks at another's lock


class DownloadError(OSError):
    """A public file cannot be had; the message names the URL, the fault and what to do."""


class _Fault(Exception):
    """One try's: `transient` if another may help, `spoilt` if it can't use what has come so far."""

    def __init__(self, text, transient=False, delay=0.0, spoilt=False):
        super().__init__(text)
        self.transient, self.delay, self.spoilt = transient, delay, spoilt


def cache_folder():
    """Returns the folder of the cache: `models` in KERAS_HOME, by default `~/.keras`."""
    return pathlib.Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def fetch(row, cache_dir=None, verbose=None):
    """Downloads a public file, unless the cache holds it; its size and hash are checked either way.

    A download that was cut, in whatever way, goes on where it stopped. Proxies are those of the
    environment (`https_proxy`, `no_proxy`). KERAS_INCEPTION_OFFLINE=1 forbids the network.

    Args:
        row: of `keras_inception.weights.catalog`.
        cache_dir: folder of the file; default `cache_folder()`.
        verbose: whether a progress bar is shown on stderr; default: where that is a terminal.

    Returns:
        The path, a string.

    Raises:
        DownloadError: the file cannot be had, or is not what was published; also when it, or what
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
            f"Fetch that file by other means and save it as {path}, or give its path as "
            "weights=PATH; or weights=None for a random network"
        ) from error
    return str(path)


def _fetch_alone(row, path, verbose):
    """Downloads to `path`, again and again while that helps, unless another process does so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _Lock(path.with_name(path.name + ".lock")) as lock:
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


def _try(row, part, lock, verbose):
    """Fetches what is missing of the file, checks it and gives it its name."""
    offset, validator, total = part.resume()
    glued = offset > 0
    if not glued or offset != total:  # else a killed process had only the check before it
        glued = _receive(row, part, lock, offset, validator, verbose)
    try:
        _check(row, part.path, part.finished)
    except _Fault as fault:
        raise _Fault(str(fault), transient=glued, spoilt=True) from fault
    lock.check()
    os.replace(part.path, part.finished)
    part.discard()


def _receive(row, part, lock, offset, validator, verbose):
    """Writes a response to the end of what there is; returns whether there was anything."""
    with _open(row.url, offset, validator) as response:
        start, total = _range(response)
        now = _validators(response)
        if start and (start != offset or (now and validator not in now)):
            raise _Fault("the server sent another range or version", transient=True, spoilt=True)
        if response.headers.get_content_type() == "text/html":
            raise _Fault("a web page came in place of the file")
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


def _copy(response, part, limit, lock, bar):
    """Appends the body to the part, a block at a time; returns the size that it has then."""
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
            lock.check()
            file.write(block)
            bar.update(len(block))
        file.flush()
        os.fsync(file.fileno())
    return size


def _bar(row, start, total, verbose):
    from tqdm import tqdm

    bar = {"desc": row.file, "initial": start, "total": total, "disable": not verbose}
    return tqdm(file=sys.stderr, unit="B", unit_scale=True, **bar)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Few redirections, none to other protocols, none from https to http."""

    max_redirections = 5

    def redirect_request(self, request, file, code, message, headers, new_url):
        _check_protocol(new_url, ("https",) if request.type == "https" else ("http", "https"))
        return super().redirect_request(request, file, code, message, headers, new_url)


def _check_protocol(url, allowed=("http", "https")):
    if url.split(":")[0].lower() not in allowed:
        raise _Fault(f"the protocol of {url} is not {' or '.join(allowed)}")


def _open(url, offset, validator):
    """Sends a request; returns the response, its status 200 or 206."""
    _check_protocol(url)
    headers = {"User-Agent": "keras_inception", "Accept-Encoding": "identity"}
    if offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": validator}
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


def _range(response):
    """Returns the first byte's position and the size of the file, `None` if it is not said."""
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not match:
            raise _Fault("status 206 without a range of bytes", transient=True, spoilt=True)
        return int(match[1]), None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _validators(response):
    """Returns what tells this version of the file from others, fit for If-Range, best first."""
    tag = response.headers.get("ETag", "")
    strong = tag if tag.startswith('"') else ""  # a weak one says nothing of single bytes
    return [value for value in (strong, response.headers.get("Last-Modified")) if value]


class _Part:
    """What has come of a file so far, and of which version of it."""

    def __init__(self, finished, url):
        self.finished, self.url = finished, url
        self.path = finished.with_name(finished.name + ".part")
        self.notes = finished.with_name(finished.name + ".part.json")

    def size(self):
        return self.path.stat().st_size if self.path.is_file() else 0

    def resume(self):
        """Returns (bytes there are, what tells the version, size of the file); else starts anew."""
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            notes = json.loads(self.notes.read_text(encoding="utf-8"))
            if notes["url"] == self.url and notes["validator"]:
                return self.size(), notes["validator"], notes["total"]
        self.discard()
        return 0, None, None

    def begin(self, validator, total):
        self.discard()
        _write(self.notes, json.dumps({"url": self.url, "validator": validator, "total": total}))

    def discard(self):
        self.path.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)


def _check(row, path, finished):
    """Checks the file at `path`, which is or becomes `finished`; remembers its SHA-256."""
    stat = path.stat()
    name = f"{path} (delete it to fetch it again)" if path == finished else "what came"
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
        digits = len(row.hash) if row.hash_kind.endswith("_prefix") else None
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
        _write(memory, f"{digest}  {row.file}\n{state}\n")
    except OSError as error:  # a cache that is shared read-only: hashed each time
        logging.info("the SHA-256 of %s is not remembered: %s", path, error)


def _digests(path, kinds):
    """Returns hash kind to hexadecimal digits, from one reading."""
    hashes = {kind: hashlib.new(kind, usedforsecurity=False) for kind in kinds}
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            for value in hashes.values():
                value.update(block)
    return {kind: value.hexdigest() for kind, value in hashes.items()}


def _write(path, text):
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


class _Lock:
    """A file that one process at a time can make, touched every second, broken if untouched."""

    def __init__(self, path):
        self.path, self.guard = path, path.with_name(path.name + ".break")
        self.text = f"{os.getpid()} {socket.gethostname()} {uuid.uuid4().hex}"
        self.released = threading.Event()
        self.heart = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self):
        seen, since = None, time.monotonic()
        while not _create(self.path, self.text):
            state = self._state()
            if seen is None:
                logging.info("waiting for the download of another process: %s", self.path)
            if state != seen:
                seen, since = state, time.monotonic()
            elif time.monotonic() - since > (_DEAD if _is_gone(state[0]) else _STALE):
                self._break(state[0])
            time.sleep(_POLL)
        self.heart.start()
        return self

    def __exit__(self, *exception):
        self.released.set()
        self.heart.join()
        if self._is_mine():
            self.path.unlink(missing_ok=True)

    def check(self):
        if not self._is_mine():
            raise _Fault("another process took the download over from this one, which stood still")

    def _state(self):
        """Returns the owner's text and the time of its last sign of life."""
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                return file.read(), os.fstat(file.fileno()).st_mtime_ns
        except FileNotFoundError:
            return "", None

    def _is_mine(self):
        return self._state()[0] == self.text

    def _beat(self):
        while not self.released.wait(_BEAT):
            with contextlib.suppress(OSError):
                if self._is_mine():
                    os.utime(self.path)

    def _break(self, text):
        """Removes a lock that is still the one looked at; the guard lets one process do so."""
        if _create(self.guard, self.text):
            if self._state()[0] == text:
                self.path.unlink(missing_ok=True)
            self.guard.unlink()
        else:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - self.guard.stat().st_mtime > _STALE:  # killed within these lines
                    self.guard.unlink()


def _create(path, text):
    """Makes a file; returns whether there was none."""
    with contextlib.suppress(FileExistsError), open(path, "x", encoding="utf-8") as file:
        file.write(text)
        return True
    return False


def _is_gone(text):
    """Whether a lock's owner was a process of this machine that there is no more."""
    pid, _, host = text.rpartition(" ")[0].partition(" ")
    if os.name != "posix" or host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)
    return False
