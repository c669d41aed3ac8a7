"""A real server on the loopback device, and what tests of downloads do with it."""

import contextlib
import hashlib
import http.server
import pathlib
import re
import subprocess
import sys
import threading
import time
import types

import pytest

from keras_inception.weights import download

CONTENT = bytes(range(256)) * 1600  # 409,600 bytes
OTHER = CONTENT[::-1]  # of the same size
# It takes the two modules alone: the packages around them would import TensorFlow.
CHILD = """
import pathlib, sys, types
folder = pathlib.Path(sys.argv[1]).parent
for name, path in ("keras_inception", folder.parent), ("keras_inception.weights", folder):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [str(path)]
from keras_inception.weights import download
row = types.SimpleNamespace(tag="t", network="n", url=sys.argv[2], file="weights.bin",
                            size=None, hash_kind=None, hash=None)
print("ready", flush=True)
print(download.fetch(row, sys.argv[3]), flush=True)
"""


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.content`; `server.script` says for each request in turn what is different."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, self.close_connection = self.server, True
        server.seen.append((self.path, self.headers.get("Range"), self.headers.get("If-Range")))
        act = server.script.pop(0) if server.script else {}
        body, start = memoryview(server.content), 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, server.etag) or act.get("glue")
        if asked and same and not act.get("no_range"):
            start = int(asked[1])
        status = act.get("status", 206 if start else 200)
        if start >= len(body):
            status, start = 416, len(body)
        body = body[:0] if status >= 300 else body[start:]
        headers = {"Content-Length": len(body), "ETag": server.etag}
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{len(server.content) - 1}/{len(CONTENT)}"
        headers |= act.get("headers", {})
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.send(body, act)

    def send(self, body, act):
        cut = act.get("cut", len(body))
        if act.get("chunked"):
            for _ in range(act["chunked"]):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(body), body))
            self.wfile.write(b"0\r\n\r\n")
            return
        self.wfile.write(body[:cut])
        self.wfile.flush()
        if act.get("hold"):
            self.server.release.wait(20)
            self.wfile.write(body[cut:])

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.etag, self.script, self.seen = CONTENT, '"1"', [], []
        self.release = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/weights.bin"

    def ranges(self):
        return [asked for _, asked, _ in self.seen]


def row(server, **fields):
    fields = {"size": None, "hash_kind": None, "hash": None, "url": server.url, **fields}
    return types.SimpleNamespace(
        tag="imagenet", network="inception_v9", file="weights.bin", **fields
    )


def published(server, content=CONTENT):
    digest = hashlib.sha256(content).hexdigest()
    return row(server, size=len(content), hash_kind="sha256", hash=digest)


def names(folder):
    return sorted(path.name for path in pathlib.Path(folder).iterdir())


def fails(server, folder, match, **fields):
    """Asserts that the file can't be had, and that nothing looks like it; returns the message."""
    with pytest.raises(download.DownloadError, match=match) as error:
        download.fetch(row(server, **fields), folder)
    text = str(error.value)
    assert fields.get("url", server.url) in text
    assert "weights=PATH" in text
    assert "weights=None" in text
    assert "\n" not in text
    assert "weights.bin" not in names(folder)
    assert "weights.bin.lock" not in names(folder)
    return text


def child(server, folder):
    arguments = [sys.executable, "-c", CHILD, download.__file__, server.url, str(folder)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def wait_for(condition):
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def in_time(function, *arguments):
    """Calls a function that might wait for ever."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function(*arguments)), daemon=True)
    thread.start()
    wait_for(lambda: not thread.is_alive())
    return results[0]
