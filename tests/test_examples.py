"""The README's Python and the scripts in `examples/`, run as they stand."""

import json
import pathlib
import re
import subprocess
import sys

import keras
import pytest
import tensorflow as tf

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.S))
def test_readme(code):
    exec(compile(code, "README.md", "exec"), {})


def run(name, *arguments):
    command = [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout


def test_feature_maps(tmp_path):
    picture = tmp_path / "picture.png"
    picture.write_bytes(tf.io.encode_png(tf.zeros((155, 139, 3), tf.uint8)).numpy())
    lines = run("feature_maps.py", picture).splitlines()
    assert lines == ["mixed_5d: 17 x 15 x 72", "mixed_6e: 8 x 7 x 192", "mixed_7c: 6 x 5 x 512"]


def test_own_network():
    printed = run("own_network.py")
    assert "mixed_6b" in printed
    assert "own_network" in printed


def test_fine_tune(tmp_path, photo_patches_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(photo_patches_dir))
    small = {"network": "inception_v1", "auxiliary_weight": 0.0, "freeze_until": "mixed_4b"}
    small |= {"weights": None, "network_arguments": {"width_multiplier": 0.25}, "size": 64}
    small |= {"train_split": "train[:256]", "validation_split": "validation[:64]"}
    small |= {"epochs": 2, "head_epochs": 1}
    printed = run("fine_tune.py", "photo_patches", tmp_path / "run", json.dumps(small))
    assert re.fullmatch(r"validation top-1 \d+\.\d%\n", printed)
    assert (tmp_path / "run" / "model.keras").exists()


def test_draw_crops(tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "upright.png"
    picture.write_bytes(tf.io.encode_png(tf.zeros((90, 60, 3), tf.uint8)).numpy())
    run("draw_crops.py", tmp_path / "crops.png", picture)
    assert tf.io.decode_png((tmp_path / "crops.png").read_bytes()).shape == (930, 1340, 4)


def test_classify(tmp_path):
    images = keras.Input((16, 16, 3))
    x = keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(images))
    keras.Model(images, x).save(tmp_path / "model.keras")
    (tmp_path / "labels.txt").write_text("cat\ndog\ncow\n")
    picture = tmp_path / "picture.png"
    picture.write_bytes(tf.io.encode_png(tf.zeros((30, 40, 3), tf.uint8)).numpy())
    printed = run("classify.py", tmp_path / "model.keras", picture, picture)
    assert printed.count(f"{picture} (") == 2
    assert all(printed.count(name) == 2 for name in ("cat", "dog", "cow"))


def test_every_example_is_tested():
    names = {path.name for path in (ROOT / "examples").glob("*.py")}
    text = pathlib.Path(__file__).read_text(encoding="utf-8")
    assert all(f'run("{name}"' in text for name in names)
