"""Several processes and one file: locks, killed downloads."""

import os
import pathlib
import signal
import threading
import time

import pytest
from loopback_server import CONTENT, child, in_time, names, row, wait_for

from keras_inception import files
from keras_inception.weights import download


def test_two_processes_download_once(server, tmp_path):
    server.script = [{"cut": 100_000, "hold": True}]
    with child(server, tmp_path) as first:
        wait_for(lambda: server.seen)
        with child(server, tmp_path) as second:
            assert second.stdout.readline() == "ready\n"
            time.sleep(0.5)
            assert len(server.seen) == 1
            assert second.poll() is None
            server.release.set()
            path = str(tmp_path / "weights.bin")
            assert first.communicate(timeout=20)[0] == f"ready\n{path}\n"
            assert second.communicate(timeout=20)[0] == f"{path}\n"
    assert len(server.seen) == 1
    assert pathlib.Path(path).read_bytes() == CONTENT
    assert names(tmp_path) == ["weights.bin", "weights.bin.sha256"]


def test_a_killed_download_is_no_file_and_is_resumed(server, tmp_path, monkeypatch):
    server.script = [{"cut": 100_000, "hold": True}]
    part = tmp_path / "weights.bin.part"
    with child(server, tmp_path) as process:
        wait_for(lambda: part.is_file() and part.stat().st_size == 100_000)
        process.send_signal(signal.SIGKILL)
    left = [f"weights.bin.{end}" for end in ("lock", "part", "part.json")]
    assert names(tmp_path) == left
    monkeypatch.setattr(files, "_DEAD", 0.1)
    monkeypatch.setattr(files, "_STALE", 1e9)  # the process is known to be gone
    path = in_time(download.fetch, row(server), tmp_path)
    assert pathlib.Path(path).read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=100000-"]
    assert names(tmp_path) == ["weights.bin", "weights.bin.sha256"]


@pytest.mark.parametrize("text", ["", "17 another.machine 0123", "nonsense"])
def test_the_lock_of_who_knows_whom(server, tmp_path, monkeypatch, text):
    monkeypatch.setattr(files, "_STALE", 0.3)
    monkeypatch.setattr(files, "_DEAD", 1e9)
    (tmp_path / "weights.bin.lock").write_text(text)
    (tmp_path / "weights.bin.lock.break").write_text("a process killed while it broke the lock")
    os.utime(tmp_path / "weights.bin.lock.break", (1, 1))
    in_time(download.fetch, row(server), tmp_path)
    assert names(tmp_path) == ["weights.bin", "weights.bin.sha256"]


def test_who_lost_the_lock_stops(server, tmp_path):
    server.script = [{"cut": 100_000, "hold": True}]
    part = tmp_path / "weights.bin.part"

    def rob():
        wait_for(lambda: part.is_file() and part.stat().st_size == 100_000)
        (tmp_path / "weights.bin.lock").write_text("another's")
        server.release.set()

    thread = threading.Thread(target=rob)
    thread.start()
    with pytest.raises(download.DownloadError, match="another process took the download over"):
        download.fetch(row(server), tmp_path)
    thread.join()
    assert part.stat().st_size == 100_000
    assert (tmp_path / "weights.bin.lock").read_text() == "another's"
    assert "weights.bin" not in names(tmp_path)
