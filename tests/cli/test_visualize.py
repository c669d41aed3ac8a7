"""The visualize command: every kind writes its file; mistakes are one line."""

import keras
import numpy as np
import pytest
import tensorflow as tf

SIZE = (30, 40)  # of `picture`


@pytest.fixture(scope="module")
def model_file(names, tmp_path_factory):
    """A network with a global pool and two named grids; labels.txt beside it."""
    keras.utils.set_random_seed(0)
    images = keras.Input((16, 16, 3), name="images")
    x = keras.layers.Conv2D(8, 3, activation="relu", name="early")(images)
    x = keras.layers.Conv2D(8, 3, activation="relu", name="late")(x)
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = keras.layers.Dense(14, activation="softmax", name="predictions")(x)
    folder = tmp_path_factory.mktemp("model")
    keras.Model(images, x, name="small").save(folder / "small.keras")
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in names))
    return folder / "small.keras"


def size(file):
    return tuple(tf.io.decode_image(file.read_bytes()).shape[:2])


@pytest.mark.parametrize(
    ("kind", "flags", "expected"),
    [
        ("grad_cam", ["--image", "--class=chelsea", "--size=24", "--end_point=early"], SIZE),
        ("grad_cam", ["--image"], SIZE),
        ("filters", [], (3 * 33 + 2, 3 * 33 + 2)),
        ("activations", ["--image", "--end_point=late", "--channels=4"], (2 * 36 + 1, 2 * 36 + 1)),
        ("class_image", ["--class=3", "--steps=1", "--size=20", "--seed=1"], (20, 20)),
        (
            "deep_dream",
            ["--image", "--end_point=early", "--end_point=late:0.5", "--steps=1", "--octaves=2"],
            SIZE,
        ),
    ],
)
def test_pictures(run, model_file, picture, tmp_path, kind, flags, expected):
    flags = [f"--image={picture}" if flag == "--image" else flag for flag in flags]
    out = tmp_path / "new" / "picture.png"
    status, printed, error = run(
        "visualize", kind, f"--model={model_file}", f"--output={out}", *flags
    )
    assert (status, printed, error) == (0, f"wrote {out}\n", "")
    assert size(out) == expected


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_other_formats(run, model_file, tmp_path, suffix):
    out = tmp_path / f"filters.{suffix}"
    status, _, error = run("visualize", "filters", f"--model={model_file}", f"--output={out}")
    assert (status, error) == (0, "")
    start = {"jpg": b"\xff\xd8", "webp": b"RIFF"}[suffix]
    assert out.read_bytes().startswith(start)


def test_drawings(run, model_file, tmp_path):
    out = tmp_path / "network.svg"
    assert run("visualize", "draw", f"--model={model_file}", f"--output={out}")[0] == 0
    assert "3 \u00d7 3 conv, 8" in out.read_text(encoding="utf-8")
    words = ["visualize", "draw", "--model=googlenet", f"--output={out}", "--overwrite"]
    assert run(*words, "--auxiliary", "--norepeats", "--expand=mixed_3b,stem")[0] == 0
    assert "auxiliary_2" in out.read_text(encoding="utf-8")
    assert run(*words, "--block=mixed_3b", "--size=96")[0] == 0
    assert "12 \u00d7 12 \u00d7 256" in out.read_text(encoding="utf-8")


def test_a_map(run, model_file, data_dir, tmp_path):
    out = tmp_path / "map.svg"
    words = ["--data=photo_patches", "--limit=20", f"--data_dir={data_dir}", "--end_point=early"]
    status, _, error = run(
        "visualize", "feature_map", f"--model={model_file}", f"--output={out}", *words
    )
    assert (status, error) == (0, "")
    assert out.read_text(encoding="utf-8").count("hsl(") >= 20


def test_what_is_there_stays(run, model_file, tmp_path):
    out = tmp_path / "filters.png"
    out.write_text("mine")
    words = ["visualize", "filters", f"--model={model_file}", f"--output={out}"]
    status, _, error = run(*words)
    assert status == 1
    assert error == f"keras-inception: {out} exists; --overwrite replaces it\n"
    assert out.read_text() == "mine"
    assert run(*words, "--overwrite")[0] == 0
    assert size(out)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "visualize needs KIND --model=MODEL --output=FILE"),
        (["cam"], 2, "no kind 'cam'; the kinds are draw, grad_cam"),
        (["grad_cam"], 2, "visualize grad_cam needs --image"),
        (["filters", "--class=1"], 2, "visualize filters has no --class"),
        (["class_image", "--class=dog"], 1, "no class 'dog'; the classes are"),
        (["class_image", "--class=14"], 1, "class 14: the classes of small have the numbers 0 to"),
        (["activations", "--image", "--end_point=x"], 1, "small has no end point 'x'; its end"),
        (["activations", "--image", "--end_point=x", "--end_point=y"], 2, "takes one --end_point"),
        (["deep_dream", "--image", "--end_point=late:much"], 2, "'much' is not a weight"),
        (["draw", "--variant=paper"], 1, "the file of draw must end in .svg"),
        (["filters", "--output=kernels.gif"], 1, "a picture's file must end in .png, .jpg"),
    ],
)
def test_mistakes(run, model_file, picture, tmp_path, words, status, message):
    words = [f"--image={picture}" if word == "--image" else word for word in words]
    places = [f"--model={model_file}", f"--output={tmp_path / 'out.png'}"]
    found, printed, error = run("visualize", *places, *words)
    assert (found, printed) == (status, "")
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.png").exists()


def test_files_that_are_none(run, model_file, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(np.arange(100, dtype="uint8").tobytes())
    words = ["visualize", "grad_cam", f"--output={tmp_path / 'out.png'}"]
    status, _, error = run(*words, f"--image={broken}", f"--model={model_file}")
    assert (status, error.count("\n")) == (1, 1)
    assert "is not a picture that can be read" in error
    status, _, error = run(*words, f"--image={tmp_path / 'none.png'}", f"--model={model_file}")
    assert (status, error.count("\n")) == (1, 1)
    status, _, error = run(
        "visualize", "filters", f"--model={broken}", f"--output={tmp_path}/a.png"
    )
    assert (status, error.count("\n")) == (1, 1)
    assert "is not a Keras model that can be read" in error
