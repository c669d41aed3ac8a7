"""The server that downloads are tested against."""

import os
import threading

import pytest
from loopback_server import Server

from keras_inception.weights import download


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No proxies, short delays."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in (download.OFFLINE, "KERAS_HOME"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(download, "_DELAY", 0.01)
    monkeypatch.setattr(download, "_POLL", 0.02)
