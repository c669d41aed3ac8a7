"""The scripts in `examples/`, run as they stand."""

import http.server
import json
import pathlib
import re
import runpy
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_inception
from keras_inception import export
from keras_inception.data import photo_patches
from keras_inception.evaluation import predictor

ROOT = pathlib.Path(__file__).parent.parent
SMALL = {"network_arguments": {"width_multiplier": 0.25}, "size": 64}
SMALL |= {"train_split": "train[:256]", "validation_split": "validation[:64]"}
CLASSES = list(photo_patches.PHOTOGRAPHS)


def run_in_a_process(name, *arguments):
    command = [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a script in this process, which spares TensorFlow's start; returns what it printed."""

    def run(name, *arguments):
        path = ROOT / "examples" / name
        monkeypatch.chdir(ROOT)
        monkeypatch.syspath_prepend(str(path.parent))
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        capsys.readouterr()
        runpy.run_path(str(path), run_name="__main__")
        return capsys.readouterr().out

    return run


def labels(printed):
    """Those that a script printed in lines like `  12.34%  cat`."""
    return re.findall(r"^ +\d+\.\d\d%  (.*)$", printed, re.M)


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    """An untrained network of 32 pixels with the classes of photo_patches, in a file."""
    keras.utils.set_random_seed(3)
    model = keras_inception.InceptionV1(
        weights=None, input_shape=(32, 32, 3), classes=len(CLASSES), width_multiplier=0.25
    )
    path = tmp_path_factory.mktemp("examples") / "model.keras"
    # Other offsets than zero, so that probabilities differ.
    model.get_layer("predictions").bias.assign(np.linspace(-2, 2, len(CLASSES)))
    model.save(path)
    (path.parent / "labels.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    return path


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("examples") / "picture.png"
    cat = photo_patches.read_photograph("chelsea")[60:200, 80:240]
    path.write_bytes(tf.io.encode_png(cat).numpy())
    return path


@pytest.fixture
def data_dir(photo_patches_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(photo_patches_dir))


def test_feature_maps(run, tmp_path):
    picture = tmp_path / "picture.png"
    picture.write_bytes(tf.io.encode_png(tf.zeros((155, 139, 3), tf.uint8)).numpy())
    lines = run("feature_maps.py", picture).splitlines()
    assert lines == ["mixed_5d: 17 x 15 x 72", "mixed_6e: 8 x 7 x 192", "mixed_7c: 6 x 5 x 512"]


def test_detection_features(run):
    lines = run("detection_features.py", "inception_v1", "96x64", "75x101").splitlines()
    assert lines == [
        "96x64, stride 8: 12 x 8 x 24",
        "96x64, stride 16: 6 x 4 x 24",
        "96x64, stride 32: 3 x 2 x 24",
        "75x101, stride 8: 10 x 13 x 24",
        "75x101, stride 16: 5 x 7 x 24",
        "75x101, stride 32: 3 x 4 x 24",
    ]


@pytest.mark.parametrize("network", sorted({info.id for info in keras_inception.list_models()}))
def test_every_network_has_a_pyramid(network):
    module = {}
    path = ROOT / "examples" / "detection_features.py"
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module)
    trunk = module["backbone"](network, weights=None, width_multiplier=0.25)
    shapes = trunk.compute_output_shape((1, 299, 203, 3))
    for stride, (_, rows, columns, _) in shapes.items():
        assert rows == pytest.approx(299 / stride, abs=2.5)
        assert columns == pytest.approx(203 / stride, abs=2.5)


def test_own_network():
    printed = run_in_a_process("own_network.py")
    assert "mixed_6b" in printed
    assert "own_network" in printed


def test_two_tower(run, data_dir):
    printed = run("two_tower.py", 8)
    nearest, among = map(float, re.findall(r"(\d+\.\d)%", printed))
    assert printed.endswith("of 560\n")
    assert 0 < nearest < among
    assert among > 2 * 100 * 10 / 560  # twice what luck gives


def test_fine_tune(run, tmp_path, data_dir):
    changes = {"network": "inception_v1", "auxiliary_weight": 0.0, "freeze_until": "mixed_4b"}
    changes |= {"weights": None, "epochs": 1, "head_epochs": 1, **SMALL, "size": 32}
    changes |= {"train_split": "train[:64]", "batch_size": 32}
    printed = run("fine_tune.py", "photo_patches", tmp_path / "run", json.dumps(changes))
    assert re.fullmatch(r"validation top-1 \d+\.\d%\n", printed)
    assert list(predictor(tmp_path / "run" / "model.keras").class_names) == CLASSES


def test_draw_crops(run, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "upright.png"
    picture.write_bytes(tf.io.encode_png(tf.zeros((90, 60, 3), tf.uint8)).numpy())
    run("draw_crops.py", tmp_path / "crops.png", picture)
    assert tf.io.decode_png((tmp_path / "crops.png").read_bytes()).shape == (930, 1340, 4)


def test_classify(run, model_path, picture):
    printed = run("classify.py", model_path, picture, picture)
    assert printed.count(f"{picture} (") == 2
    ((*expected,),) = predictor(model_path).classify([picture.read_bytes()])
    assert labels(printed) == 2 * [name for name, _ in expected]


def test_export_and_serve(run, model_path, picture, tmp_path):
    ((*expected,),) = predictor(model_path).classify([picture.read_bytes()])
    printed = run("export_and_serve.py", model_path, tmp_path / "1", picture)
    assert labels(printed) == [name for name, _ in expected]

    class Handler(http.server.BaseHTTPRequestHandler):
        """TensorFlow Serving's part; tests/export/test_serving.py looks at what it is asked."""

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = {"classes": ["from", "afar"], "scores": [0.75, 0.25]}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"predictions": [answer]}).encode())

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"--url=http://127.0.0.1:{server.server_port}"
        printed = run("export_and_serve.py", model_path, tmp_path / "2", picture, url)
        server.shutdown()
    assert labels(printed) == ["from", "afar"]


@pytest.mark.parametrize("uint8", [False, True])
def test_tflite_device(model_path, picture, tmp_path, monkeypatch, uint8):
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("PIL")
    path = tmp_path / "copied" / "model.tflite"
    path.parent.mkdir()
    model = keras.models.load_model(model_path, compile=False)
    seen = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype("float32")
    mode, options = ("int8", {"uint8": True}) if uint8 else ("float32", {})
    export.tflite(model, path, mode, seen if uint8 else None, CLASSES, **options)
    (path.parent / "model.labels.txt").unlink()  # those inside have to do
    for name in ("tensorflow", "keras", "keras_inception"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not on a device')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    printed = run_in_a_process("tflite_device.py", path, picture, picture)
    ((*expected,),) = predictor(model_path).classify([picture.read_bytes()])
    names = [name for name, _ in expected]
    assert labels(printed)[:5] == labels(printed)[5:]
    assert labels(printed)[0] == names[0]
    assert set(labels(printed)) == set(names)
    first = float(re.search(r"(\d+\.\d\d)%", printed)[1]) / 100
    assert first == pytest.approx(expected[0][1], abs=0.02)


def test_ensemble(run, model_path, tmp_path, data_dir):
    other = tmp_path / "other.keras"
    images = keras.Input((16, 16, 3))
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(images))
    keras.Model(images, keras.layers.Dense(len(CLASSES), activation="softmax")(x)).save(other)
    split = "--split=test[:40]"
    lines = run("ensemble.py", "photo_patches", model_path, other, split).splitlines()
    assert lines[0] == "40 pictures, crops of each: 1"
    assert [line.rpartition(": ")[2] for line in lines[1:]] == [
        str(model_path),
        str(other),
        "all 2",
    ]


@pytest.mark.slow  # two processes that start TensorFlow
def test_cluster(tmp_path, data_dir, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    small = {**SMALL, "size": 32, "train_split": "train[:64]", "batch_size": 32, "epochs": 1}
    run_in_a_process("cluster.py", tmp_path / "two", json.dumps(small))
    assert (tmp_path / "two" / "model.keras").exists()
    found = (tmp_path / "two" / "history.csv").read_text().splitlines()
    assert len(found) == 2


@pytest.mark.slow
def test_a_task_of_a_cluster(tmp_path, data_dir, monkeypatch):
    from keras_inception.cli.launch import free_ports

    cluster = {"worker": [f"localhost:{free_ports(1)[0]}"]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    small = {**SMALL, "size": 32, "train_split": "train[:64]", "batch_size": 32, "epochs": 1}
    printed = run_in_a_process("cluster.py", tmp_path / "one", json.dumps(small))
    assert re.search(r"^validation top-1 \d+\.\d%$", printed, re.M)
    assert (tmp_path / "one" / "model.keras").exists()


def test_deep_dream(run, model_path, picture, tmp_path):
    out = tmp_path / "dream.png"
    printed = run("deep_dream.py", model_path, picture, out, "mixed_3b:0.5", "mixed_3c")
    assert "mixed_3b, mixed_3c over (1, 2, 4) octaves" in printed
    row = tf.io.decode_png(out.read_bytes()).numpy()
    assert row.shape == (140, 4 * 160, 3)
    original, *dreams = np.split(row, 4, axis=1)
    assert (original == tf.io.decode_png(picture.read_bytes()).numpy()).all()
    for before, dream in zip([original, *dreams], dreams):
        assert (before != dream).any()


def test_every_example_is_tested():
    names = {path.name for path in (ROOT / "examples").glob("*.py")}
    text = pathlib.Path(__file__).read_text(encoding="utf-8")
    assert all(re.search(f'run(_in_a_process)?\\("{name}"', text) for name in names)


def test_examples_are_short_and_listed():
    index = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "examples").glob("*.py"):
        assert path.read_text(encoding="utf-8").count("\n") < 60, path
        assert f"[{path.name}]({path.name})" in index
