"""The summary command: networks by id, files, blocks and layers, the papers' arithmetic, errors."""

import pytest

import keras_inception
from keras_inception import analysis
from keras_inception.cli import main


def run(capsys, *words):
    status = main.main(["summary", *map(str, words)])
    output = capsys.readouterr()
    return status, output.out, output.err


def totals(text):
    """(trainable, fixed, multiply-accumulates) of the last line."""
    name, *figures = text.rstrip("\n").split("\n")[-1].split()
    assert name == "total"
    return tuple(int(figure.replace(",", "")) for figure in figures)


def names(text):
    """Names of the rows between the two rules."""
    return [line.split()[0] for line in text.split("\n---")[1].split("\n")[1:]]


def test_a_network_by_end_points(capsys):
    status, out, err = run(capsys, "--model=googlenet")
    assert (status, err) == (0, "")
    assert out.startswith("googlenet: 6,998,552 parameters, 1,582,671,872 multiply-accumulates")
    assert totals(out) == (6_998_552, 0, 1_582_671_872)
    assert names(out)[:2] == ["images", "conv2d_1a_7x7"]
    assert names(out)[-3:] == ["mixed_5c", "avg_pool", "predictions"]


def test_auxiliary_heads(capsys):
    _, out, _ = run(capsys, "--model=googlenet", "--auxiliary")
    assert totals(out)[0] == 13_378_280
    assert {"auxiliary_1", "auxiliary_2"} < set(names(out))


def test_every_layer(capsys):
    _, out, _ = run(capsys, "--model=inception_v1", "--width_multiplier=0.25", "--layers")
    assert "mixed_3b_branch0_0_1x1_bn" in names(out)
    assert len(names(out)) > 150


@pytest.mark.parametrize(
    ("words", "arguments", "side"),
    [
        (
            ["inception_v3", "--receptive_field=79", "--classes=16"],
            {"receptive_field": 79, "classes": 16},
            79,
        ),
        (["inception_v3", "--size=150", "--output_stride=16"], {"output_stride": 16}, 150),
        (["inception_v2", "--variant=paper", "--noinclude_top"], {"variant": "paper"}, 299),
        (
            ["inception_v2", "--variant=paper", "--nofactorized_7x7"],
            {"variant": "paper", "factorized_7x7": False},
            299,
        ),
    ],
)
def test_arguments_of_the_constructors(capsys, words, arguments, side):
    width = {"width_multiplier": 0.25}
    status, out, err = run(capsys, f"--model={words[0]}", *words[1:], "--width_multiplier=0.25")
    assert (status, err) == (0, "")
    arguments = {**arguments, **width, "include_top": "--noinclude_top" not in words}

    def build():
        shape = (side, side, 3)
        return keras_inception.create_model(words[0], weights=None, input_shape=shape, **arguments)

    expected = analysis.symbolic_cost(build)
    assert totals(out) == (expected.trainable, expected.non_trainable, expected.macs)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("summary") / "network.keras"
    network = keras_inception.InceptionV1(
        weights=None, input_shape=(None, None, 3), width_multiplier=0.25, classes=5
    )
    network.save(path)
    return path, analysis.cost(network, (128, 128, 3))


def test_a_file(capsys, file):
    path, expected = file
    status, out, err = run(capsys, f"--model={path}", "--size=128")
    assert (status, err) == (0, "")
    assert totals(out) == (expected.trainable, expected.non_trainable, expected.macs)
    assert "mixed_4b" in names(out)
    _, with_heads, _ = run(capsys, f"--model={path}", "--size=288", "--auxiliary")
    assert totals(with_heads)[0] > totals(out)[0]


def test_a_file_of_any_size_needs_one(capsys, file):
    status, _, err = run(capsys, f"--model={file[0]}")
    assert (status, err.count("\n")) == (2, 1)
    assert "--size" in err
    status, _, err = run(capsys, f"--model={file[0]}", "--size=128", "--classes=3")
    assert (status, err.count("\n")) == (2, 1)
    assert "--classes is for a network to be built" in err


def test_arithmetic(capsys):
    status, out, err = run(capsys, "--arithmetic")
    assert (status, err) == (0, "")
    (line,) = [line for line in out.split("\n") if line.startswith("5x5 (48)")]
    assert " ".join(line.split()).endswith(
        "MACs 112,896,000 5,268,480 21.43 95% - 1409.4842 section 4, Fig. 2"
    )
    assert "12 times" in out


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "summary needs --model=MODEL [flags] | --arithmetic"),
        (["--model=googlenet", "xception", "word"], 2, "summary needs --model"),
        (["--model=googlenet", "--arithmetic"], 2, "summary needs --model"),
        (["--model=inception_v9"], 1, "neither a file nor a network; the networks are googlenet"),
        (["--model=inception_v3", "--variant=paper"], 1, "variant must be 'released' or 'fid'"),
        (["--model=xception", "--auxiliary"], 1, "xception has no auxiliary head"),
        (["--model=xception", "--receptive_field=79"], 2, "xception has no --receptive_field"),
        (["--model=inception_v3", "--receptive_field=80"], 1, "must be 299 or 151 or 79"),
        (["--model=googlenet", "--size=20"], 1, "at least 32 pixels"),
        (["--model=googlenet", "--size=large"], 2, "--size"),
        (["--model=googlenet", "--width_multiplier=0"], 1, "width_multiplier must be a positive"),
        (["--model=googlenet", "--no_such_flag"], 2, "no_such_flag"),
        ([f"--model={__file__}"], 1, "is not a Keras model that can be read"),
    ],
)
def test_mistakes(capsys, words, status, message):
    found, out, err = run(capsys, *words)
    assert (found, out, err.count("\n")) == (status, "", 1)
    assert message in err
