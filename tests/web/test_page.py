"""The page of examples/web/ in headless Chromium: Keras's labels, and clear words for the rest.

`make test-web` installs LiteRT.js; Chromium is looked for in the usual places.
"""

import functools
import http.server
import importlib.util
import json
import os
import pathlib
import queue
import shutil
import subprocess
import threading

import bad_pictures
import keras
import numpy as np
import pytest

from keras_inception.evaluation import predictor

pytestmark = pytest.mark.web
HERE = pathlib.Path(__file__).parent
PAGE = HERE.parents[1] / "examples" / "web"
MODULES = pathlib.Path(os.environ.get("NODE_MODULES", PAGE / "node_modules"))
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
NAMES = [f"class_{i}" for i in range(12)]
SPOILT = {
    "empty.png": b"",
    "text.jpg": b"this is text",
    "cut.png": bad_pictures.whole()["png"][:200],
    "bomb.png": bad_pictures.png_bomb(),
}


def load_prepare():
    spec = importlib.util.spec_from_file_location("prepare", PAGE / "prepare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(5)
    images = keras.Input((48, 48, 3))
    x = keras.layers.Conv2D(24, 5, strides=2, activation="relu")(images)
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(5)(x))
    x = keras.layers.Dense(12, activation="softmax")(x)
    return keras.Model(images, x, name="colours")


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory, photo_patches_dir):
    folder, prepare = tmp_path_factory.mktemp("web"), load_prepare()
    samples = prepare.patches(photo_patches_dir)
    assert len(samples) == prepare.SAMPLES
    prepare.prepare(model, NAMES, folder / "build", samples)
    files = folder / "files"
    files.mkdir()
    kinds = bad_pictures.whole()
    for kind in ("jpeg", "png", "gif", "bmp", "lossless webp", "16-bit png", "1x1", "1x10000"):
        (files / f"{kind.replace(' ', '_')}.{kind.split()[-1]}").write_bytes(kinds[kind])
    for path in (folder / "build").glob("*.jpg"):
        shutil.copy(path, files)
    for name, content in SPOILT.items():
        (files / name).write_bytes(content)
    return folder


class Handler(http.server.SimpleHTTPRequestHandler):
    """A plain static server of several folders, that takes the report."""

    def __init__(self, *arguments, folder, reports, isolated, **keywords):
        self.places = {
            "/page/node_modules/": MODULES,
            "/page/": PAGE,
            "/build/": folder / "build",
            "/files/": folder / "files",
            "/": HERE,
        }
        self.folder, self.reports, self.isolated = folder, reports, isolated
        super().__init__(*arguments, **keywords)

    def translate_path(self, path):
        path = path.split("?")[0]
        prefix = next(prefix for prefix in self.places if path.startswith(prefix))
        return str(self.places[prefix] / path.removeprefix(prefix))

    def do_GET(self):
        if self.path != "/names":
            return super().do_GET()
        content = json.dumps(sorted(p.name for p in (self.folder / "files").iterdir())).encode()
        self.send_response(200)
        self.end_headers()
        return self.wfile.write(content)

    def do_POST(self):
        self.reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def end_headers(self):
        if self.isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *_):
        pass


def visit(folder, profile, isolated):
    """What drive.html reports."""
    reports = queue.Queue()
    handler = functools.partial(Handler, folder=folder, reports=reports, isolated=isolated)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        url = f"http://127.0.0.1:{server.server_port}/drive.html"
        browser = subprocess.Popen(
            [CHROMIUM, *flags, "--remote-debugging-port=0", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return reports.get(timeout=120)
        finally:
            browser.terminate()
            browser.wait(20)
            server.shutdown()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.skipif(not MODULES.is_dir(), reason="no LiteRT.js: npm install in examples/web")
@pytest.mark.parametrize("isolated", [False, True], ids=["one thread", "threads"])
def test_page(model, folder, tmp_path, isolated):
    report = visit(folder, tmp_path, isolated)
    assert "failure" not in report, report
    assert report["errors"] == []
    form = predictor(model, NAMES)
    for path in sorted((folder / "files").iterdir()):
        found = report["found"][path.name]
        if path.name in SPOILT:
            assert found["error"]
            large = path.name == "bomb.png"
            words = "larger than 64 megapixels" if large else "not a picture that can be read"
            assert words in found["status"]
            assert found["classes"] == []
            continue
        assert not found["error"], found
        scores = form.from_bytes([path.read_bytes()])[0]
        best = np.argsort(-scores)[:5]
        percents = [float(percent.removesuffix(" %")) / 100 for _, percent in found["classes"]]
        np.testing.assert_allclose(percents, scores[best], atol=0.02)
        clear = scores[best[0]] - scores[best[1]] > 0.02
        if clear:  # 8-bit weights may swap two that are nearly equal
            assert found["classes"][0][0] == NAMES[best[0]].replace("_", " ")
        assert found["time"].endswith("ms on this device")
    assert len(report["sample"]["classes"]) == 5
    assert all(report["labels"])
    assert report["broken"]["error"]
    assert "cannot be loaded: 404" in report["broken"]["status"]
