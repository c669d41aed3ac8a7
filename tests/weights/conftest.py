"""The server that downloads are tested against, and good files of weights for tests to spoil."""

import os
import tempfile
import threading

import pytest
import weight_files
from loopback_server import Server
from spoilt_files import FORMATS

from keras_inception import files as files_module
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
    monkeypatch.setattr(files_module, "_POLL", 0.02)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A file of each format, by format."""
    return weight_files.write_all(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="session")
def models(files):
    """The networks that the files fit, by format."""
    narrow = weight_files.network()
    caffe = dict(weight_files.ARGUMENTS, weights=files[".caffemodel"])
    googlenet = weight_files.keras_inception.GoogLeNet(**caffe)
    return {format: googlenet if format == ".caffemodel" else narrow for format in FORMATS}


@pytest.fixture
def temporary(tmp_path_factory, monkeypatch):
    """Nothing may be left where temporary files go."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []
