"""Downloads from a real server on the loopback device: what it does wrong, and what comes of it."""

import hashlib
import json
import os
import pathlib
import tracemalloc

import pytest
from loopback_server import CONTENT, OTHER, fails, names, published, row

from keras_inception.weights import download


def test_fetched_checked_and_remembered(server, tmp_path):
    folder = tmp_path / "new" / "folder"
    path = download.fetch(published(server), folder)
    assert path == str(folder / "weights.bin")
    assert pathlib.Path(path).read_bytes() == CONTENT
    assert names(folder) == ["weights.bin", "weights.bin.sha256"]
    first = (folder / "weights.bin.sha256").read_text().splitlines()[0]
    assert first == f"{hashlib.sha256(CONTENT).hexdigest()}  weights.bin"
    assert server.seen == [("/weights.bin", None, None)]


def test_a_finished_file_needs_no_request_and_is_hashed_once(server, tmp_path, monkeypatch):
    (tmp_path / "weights.bin").write_bytes(CONTENT)  # by hand
    hashed, digests = [], download._digests
    monkeypatch.setattr(download, "_digests", lambda *a: hashed.append(a) or digests(*a))
    for _ in range(3):
        download.fetch(published(server), tmp_path)
    assert len(hashed) == 1
    os.utime(tmp_path / "weights.bin", (1, 1))  # something happened to it
    download.fetch(published(server), tmp_path)
    assert len(hashed) == 2
    assert server.seen == []


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha384", "sha256_prefix"])
def test_hash_kinds(server, tmp_path, kind):
    digest = hashlib.new(kind.removesuffix("_prefix"), CONTENT).hexdigest()
    digest = digest[:8] if kind == "sha256_prefix" else digest
    wrong = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    text = fails(server, tmp_path, f"{wrong} is published", hash_kind=kind, hash=wrong)
    assert digest in text
    assert names(tmp_path) == []
    assert len(server.seen) == 1  # it came in one piece: no other try
    download.fetch(row(server, hash_kind=kind, hash=digest), tmp_path)


def test_cut_connections_are_resumed(server, tmp_path):
    server.script = [{"cut": 100_000}, {"cut": 200_000}]
    path = download.fetch(published(server), tmp_path)
    assert pathlib.Path(path).read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=100000-", "bytes=300000-"]
    assert [tag for _, _, tag in server.seen] == [None, '"1"', '"1"']
    assert names(tmp_path) == ["weights.bin", "weights.bin.sha256"]


def test_as_many_cuts_as_make_progress(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_BLOCK", 50_000)
    server.script = [{"cut": 50_000}] * 8
    path = download.fetch(published(server), tmp_path)
    assert pathlib.Path(path).read_bytes() == CONTENT
    assert len(server.seen) == 9 > download._TRIES


def test_tries_without_progress_are_bounded_and_the_next_call_goes_on(server, tmp_path):
    server.script = [{"cut": 70_000}] + [{"cut": 0}] * 9
    fails(server, tmp_path, f"ended after 70000 of 409600 bytes .{download._TRIES} tries without")
    assert len(server.seen) == download._TRIES
    assert (tmp_path / "weights.bin.part").read_bytes() == CONTENT[:70_000]
    server.script = []
    download.fetch(row(server), tmp_path)
    assert server.ranges()[-1] == "bytes=70000-"


def test_a_range_refused(server, tmp_path):
    server.script = [{"cut": 100_000}, {"no_range": True}]
    path = download.fetch(row(server), tmp_path)
    assert pathlib.Path(path).read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=100000-"]


@pytest.mark.parametrize(
    "glue", [False, True]
)  # a server that heeds If-Range, and one that doesn't
def test_a_file_that_changes_between_two_tries(server, tmp_path, glue):
    server.script = [{"cut": 100_000}] + [{"cut": 0}] * 4
    fails(server, tmp_path, "without progress")
    server.content, server.etag, server.script = OTHER, '"2"', [{"glue": glue}]
    path = download.fetch(row(server), tmp_path)
    assert pathlib.Path(path).read_bytes() == OTHER
    assert server.ranges()[5:] == (["bytes=100000-", None] if glue else ["bytes=100000-"])


def test_glued_versions_with_one_tag_do_not_pass_the_hash(server, tmp_path):
    server.script = [{"cut": 100_000}] + [{"cut": 0}] * 4
    fails(server, tmp_path, "without progress")
    server.content = OTHER
    path = download.fetch(published(server, OTHER), tmp_path)
    assert pathlib.Path(path).read_bytes() == OTHER
    assert server.ranges()[5:] == ["bytes=100000-", None]


@pytest.mark.parametrize("sent", ["bytes 99999-409598/409600", "bytes */409600", "no range"])
def test_another_range_than_was_asked_for(server, tmp_path, sent):
    server.script = [{"cut": 100_000}, {"headers": {"Content-Range": sent}}]
    path = download.fetch(row(server), tmp_path)
    assert pathlib.Path(path).read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=100000-", None]


def test_all_came_but_the_process_was_killed_before_the_check(server, tmp_path):
    download.fetch(row(server), tmp_path)
    (tmp_path / "weights.bin").rename(tmp_path / "weights.bin.part")
    notes = {"url": server.url, "validator": '"1"', "total": len(CONTENT)}
    (tmp_path / "weights.bin.part.json").write_text(json.dumps(notes))
    download.fetch(row(server), tmp_path)
    assert len(server.seen) == 1
    (tmp_path / "weights.bin").rename(tmp_path / "weights.bin.part")
    (tmp_path / "weights.bin.part.json").write_text(json.dumps({**notes, "url": "another"}))
    download.fetch(row(server), tmp_path)
    assert server.ranges() == [None, None]


@pytest.mark.parametrize("tag", [None, 'W/"1"'])
def test_without_a_strong_tag_nothing_is_glued(server, tmp_path, tag):
    server.script = [{"cut": 100_000, "headers": {"ETag": tag}}]
    path = download.fetch(row(server), tmp_path)
    assert pathlib.Path(path).read_bytes() == CONTENT
    assert server.ranges() == [None, None]


def test_a_date_will_do_as_well(server, tmp_path):
    date = "Tue, 30 Aug 2016 00:00:00 GMT"
    dated = {"headers": {"ETag": None, "Last-Modified": date}, "glue": True}
    server.script = [{**dated, "cut": 100_000}, dated]
    path = download.fetch(row(server), tmp_path)
    assert pathlib.Path(path).read_bytes() == CONTENT
    assert server.seen[1][1:] == ("bytes=100000-", date)


def test_a_file_that_became_shorter(server, tmp_path):
    server.script = [{"cut": 100_000}] + [{"cut": 0}] * 4
    fails(server, tmp_path, "without progress")
    server.content, server.script = CONTENT[:5000], [{"glue": True}]
    path = download.fetch(row(server), tmp_path)
    assert pathlib.Path(path).read_bytes() == CONTENT[:5000]
    assert server.ranges()[5:] == ["bytes=100000-", None]


@pytest.mark.parametrize("size", [1000, len(CONTENT) + 1])
def test_another_length_is_refused_before_it_comes(server, tmp_path, size):
    fails(server, tmp_path, f"the server has {len(CONTENT)} bytes, {size} are", size=size)
    assert len(server.seen) == 1
    assert names(tmp_path) == []


def test_a_body_without_end_is_cut(server, tmp_path):
    headers = {"Content-Length": None, "Transfer-Encoding": "chunked"}
    server.script = [{"headers": headers, "chunked": 50}]
    size = len(CONTENT) * 2
    fails(server, tmp_path, f"more came than the {size} bytes", size=size)
    assert names(tmp_path) == []
    server.script = [{"headers": headers, "chunked": 1}]
    assert pathlib.Path(download.fetch(row(server), tmp_path)).read_bytes() == CONTENT


def test_an_unknown_or_absurd_length(server, tmp_path):
    server.script = [{"headers": {"Content-Length": None}}]
    fails(server, tmp_path, "does not say how long")
    server.script = [{"headers": {"Content-Length": 1 << 40}}]
    fails(server, tmp_path, "1099511627776 bytes are more than a file of weights has")
    server.script = [{"headers": {"Content-Length": None}, "cut": 7}]
    fails(server, tmp_path, "what came has 7 bytes, 409600 are published", size=len(CONTENT))


def test_memory_is_bounded(server, tmp_path):
    server.content = bytes(48 << 20)
    expected = published(server, server.content)
    tracemalloc.start()
    try:
        download.fetch(expected, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 << 20


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_missing_is_not_tried_again(server, tmp_path, status):
    server.script = [{"status": status}]
    fails(server, tmp_path, f"HTTP status {status}")
    assert len(server.seen) == 1


def test_a_passing_fault_of_the_server(server, tmp_path, monkeypatch):
    slept = []
    monkeypatch.setattr(download.time, "sleep", slept.append)
    server.script = [{"status": 500}, {"status": 503, "headers": {"Retry-After": 7}}]
    path = download.fetch(published(server), tmp_path)
    assert pathlib.Path(path).read_bytes() == CONTENT
    assert slept == [0.01, 7.0]


def test_a_lasting_fault_of_the_server(server, tmp_path, monkeypatch):
    slept = []
    monkeypatch.setattr(download.time, "sleep", slept.append)
    server.script = [{"status": 500}] * 20
    fails(server, tmp_path, "HTTP status 500")
    assert len(server.seen) == download._TRIES
    assert slept == [0.01, 0.02, 0.04, 0.08]


def test_nobody_listens(server, tmp_path):
    url = "http://127.0.0.1:9/weights.bin"  # the discard service
    fails(server, tmp_path, f"no connection .*{download._TRIES} tries", url=url)


def test_a_web_page_is_no_file(server, tmp_path):
    server.script = [{"headers": {"Content-Type": "text/html; charset=utf-8"}}]
    fails(server, tmp_path, "a web page came")
    assert len(server.seen) == 1


def test_redirections(server, tmp_path):
    server.script = [{"status": 302, "headers": {"Location": f"/page{i}"}} for i in range(20)]
    fails(server, tmp_path, "HTTP status 302")
    assert len(server.seen) <= 6
    for target in ("file:///etc/hostname", "ftp://127.0.0.1/weights.bin"):
        server.script = [{"status": 302, "headers": {"Location": target}}]
        fails(server, tmp_path, "is not http or https|not allowed")
    server.script = [{"status": 302, "headers": {"Location": "/there"}}, {"cut": 100_000}]
    server.script.append(server.script[0])
    download.fetch(published(server), tmp_path)
    assert server.seen[-1] == ("/there", "bytes=100000-", '"1"')


def test_no_redirection_from_https_to_http():
    handler = download._Redirects()
    for scheme, allowed in (("https", ["https"]), ("http", ["https", "http"])):
        request = download.urllib.request.Request(f"{scheme}://example.org/a")
        for target in ("https", "http"):
            url = f"{target}://example.org/b"
            if target in allowed:
                new = handler.redirect_request(request, None, 302, "Found", {}, url)
                assert new.full_url == url
            else:
                with pytest.raises(download._Fault, match=f"protocol of {url} is not https"):
                    handler.redirect_request(request, None, 302, "Found", {}, url)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/w", "weights.bin"])
def test_other_protocols(server, tmp_path, url):
    fails(server, tmp_path, "the protocol of .* is not http or https", url=url)


def test_proxies_of_the_environment(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    url = "http://weights.invalid/weights.bin"
    path = download.fetch(row(server, url=url), tmp_path)
    assert pathlib.Path(path).read_bytes() == CONTENT
    assert server.seen[0][0] == url
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    download.fetch(row(server), tmp_path / "direct")
    assert server.seen[1][0] == "/weights.bin"


def test_offline(server, tmp_path, monkeypatch):
    monkeypatch.setenv(download.OFFLINE, "1")
    text = fails(server, tmp_path, "KERAS_INCEPTION_OFFLINE is set")
    assert str(tmp_path / "weights.bin") in text
    (tmp_path / "weights.bin").write_bytes(CONTENT)
    download.fetch(published(server), tmp_path)
    assert server.seen == []
    monkeypatch.setenv(download.OFFLINE, "0")
    download.fetch(published(server), tmp_path / "other")
    assert len(server.seen) == 1


def test_the_folder_of_keras(server, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert download.fetch(row(server)) == str(tmp_path / "models" / "weights.bin")
    monkeypatch.delenv("KERAS_HOME")
    assert download.cache_folder() == pathlib.Path.home() / ".keras" / "models"


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(download.DownloadError, match=r"tmp.*/file.*weights=PATH"):
        download.fetch(row(server), tmp_path / "file" / "models")
    assert server.seen == []


def test_a_later_change_of_an_unpublished_hash_is_noticed(server, tmp_path):
    path = pathlib.Path(download.fetch(row(server), tmp_path))
    path.write_bytes(OTHER)
    os.utime(path, (1, 1))
    was, found = (hashlib.sha256(c).hexdigest() for c in (CONTENT, OTHER))
    with pytest.raises(download.DownloadError, match=f"is {found}, it was {was}"):
        download.fetch(row(server), tmp_path)
    assert len(server.seen) == 1
    path.unlink()  # as the message says
    assert pathlib.Path(download.fetch(row(server), tmp_path)).read_bytes() == CONTENT
    path.unlink()
    server.content = OTHER  # now the publisher's file has changed
    fails(server, tmp_path, f"is {found}, it was {was}")
    (tmp_path / "weights.bin.sha256").unlink()
    assert pathlib.Path(download.fetch(row(server), tmp_path)).read_bytes() == OTHER


@pytest.mark.parametrize("content", [OTHER, CONTENT[:-1], b""])
def test_a_spoilt_file_in_the_cache(server, tmp_path, content):
    (tmp_path / "weights.bin").write_bytes(content)
    with pytest.raises(download.DownloadError, match=r"bin .delete it .*(is|are) published"):
        download.fetch(published(server), tmp_path)
    assert (tmp_path / "weights.bin").read_bytes() == content  # maybe somebody's own
    assert server.seen == []


def test_broken_notes_are_no_obstacle(server, tmp_path):
    (tmp_path / "weights.bin.part").write_bytes(OTHER[:1000])
    for notes in ("", "[]", '{"url": 1}', "\0"):
        (tmp_path / "weights.bin.part.json").write_text(notes)
        (tmp_path / "weights.bin.sha256").write_bytes(b"")
        path = pathlib.Path(download.fetch(published(server), tmp_path))
        assert path.read_bytes() == CONTENT
        path.unlink()
    assert server.ranges() == [None] * 4


def test_the_progress_bar(server, tmp_path, capsys):
    download.fetch(row(server), tmp_path / "quiet")  # stderr is no terminal
    assert capsys.readouterr().err == ""
    server.script = [{"cut": 100_000}]
    download.fetch(row(server), tmp_path / "loud", verbose=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "weights.bin: 100%" in err
    assert "410k/410k" in err
