"""The convert command: sources in, files out that load again, and what it refuses."""

import keras
import numpy as np
import pytest

import keras_inception
from keras_inception import weights
from keras_inception.cli.main import main

RNG = np.random.default_rng(0)
SIDE = 75
NARROW = ("--width_multiplier=0.05", f"--size={SIDE}", "--classes=6")
IMAGES = RNG.uniform(-1, 1, (2, SIDE, SIDE, 3)).astype("float32")


def build(**arguments):
    return keras_inception.InceptionV3(
        width_multiplier=0.05, input_shape=(SIDE, SIDE, 3), classes=6, **arguments
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """(path of a .keras file, its model, reference with logits) of a narrow Inception-v3."""
    folder = tmp_path_factory.mktemp("convert")
    model = build(weights=None, classifier_activation=None)
    model.save(folder / "source.keras")
    reference = folder / "reference.npz"
    np.savez(reference, images=IMAGES, logits=model(IMAGES).numpy().astype("float64"))
    return folder / "source.keras", model, reference


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras", ".h5", ".safetensors"])
def test_every_format_and_back(source, suffix, tmp_path, capsys):
    path, model, reference = source
    out = tmp_path / f"out{suffix}"
    words = ["convert", f"--weights={path}", "--model=inception_v3", f"--output={out}", *NARROW]
    assert main([*words, f"--reference={reference}"]) == 0
    printed = capsys.readouterr().out
    difference = float(printed.split("largest difference of the logits: ")[1].split()[0])
    assert difference <= 1e-6
    count = len(model.weights)
    assert f"{count} variables of the source used for {count} of the network" in printed
    first = f"{float(model.weights[0].numpy().flat[0]):.6g}"
    assert any(line.split()[1:2] == [first] for line in printed.splitlines())
    assert printed.endswith(f"wrote {out}\n")
    again = build(weights=out)
    for found, expected in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert main(words) == 1
    assert "--overwrite replaces it" in capsys.readouterr().err
    if suffix == ".keras":
        assert main([*words, "--overwrite"]) == 0


def test_the_layout_of_keras(tmp_path, capsys):
    """At full width, which is the only one that `keras.applications` has."""
    ours = keras_inception.InceptionV3(weights=None, classes=6, input_shape=(SIDE, SIDE, 3))
    weights.save(ours, tmp_path / "ours.safetensors")
    out = tmp_path / "theirs.weights.h5"
    words = (
        "convert",
        f"--weights={tmp_path / 'ours.safetensors'}",
        "--model=inception_v3",
        *NARROW[1:],
    )
    assert main([*words, f"--output={out}", "--layout=keras_applications"]) == 0
    theirs = keras.applications.InceptionV3(weights=None, classes=6, input_shape=(SIDE, SIDE, 3))
    theirs.load_weights(out)
    found, expected = (np.asarray(m(IMAGES)) for m in (theirs, ours))
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_arithmetic_goes_along(tmp_path):
    """A network whose pools count the padding is one after conversion too, in every format."""
    path = tmp_path / "torch.safetensors"
    weights.save(build(weights=None), path)
    from safetensors.numpy import load_file, save_file

    values = load_file(path)
    with_padding = '["mixed_5b_branch3_0_avg_pool_pad"]'
    save_file(values, path, metadata={"keras_inception.layers": with_padding})
    outputs = []
    for suffix in (".keras", ".weights.h5", ".safetensors"):
        out = tmp_path / f"out{suffix}"
        assert (
            main(
                ["convert", f"--weights={path}", "--model=inception_v3", f"--output={out}", *NARROW]
            )
            == 0
        )
        model = build(weights=out)
        assert "mixed_5b_branch3_0_avg_pool_pad" in {layer.name for layer in model.layers}
        outputs.append(model(IMAGES).numpy())
        path = out
    for output in outputs[1:]:
        np.testing.assert_array_equal(output, outputs[0])
    with pytest.raises(ValueError, match="expects average pools that count the padding, and"):
        weights.load(build(weights=None), path)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--output=a.keras"], 2, "convert needs --weights=SOURCE --model=NETWORK --output=FILE"),
        (["--model=inception_v3", "--output=a.onnx"], 1, "a.onnx must end in one of .weights.h5"),
        (["--model=inception_v9", "--output=a.keras"], 1, "no network 'inception_v9'; there are"),
        (
            ["--model=inception_v4", "--output=a.keras", *NARROW],
            1,
            "source.keras does not fit inception_v4",
        ),
        (
            ["--model=inception_v3", "--output=a.keras", "--reference=nothing.npz", *NARROW],
            1,
            "nothing.npz is not an .npz file with images and logits",
        ),
        (
            ["--model=inception_v3", "--output=a.keras", "--layout=keras_applications", *NARROW],
            1,
            "is it of another width, or are layers added?",
        ),
        (
            ["--model=inception_v3", "--output=a.keras", "--auxiliary", *NARROW],
            1,
            "missing: auxiliary_1x1_conv/kernel",
        ),
        (
            ["--model=inception_v3", "--output=a.keras", "--auxiliary", "--noinclude_top"],
            2,
            "--auxiliary goes with the classifier",
        ),
    ],
)
def test_what_it_refuses(source, words, status, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["convert", f"--weights={source[0]}", *words]) == status
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
