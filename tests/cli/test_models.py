"""--model as the id of a network: it comes with its public weights, or says why it does not."""

import pytest

import keras_inception


@pytest.fixture
def network(tiny, monkeypatch):
    """`tiny` in place of every network, its public weights loaded; gives the ids asked for."""
    asked = []

    def create_model(id, **arguments):
        assert not arguments  # the weights are the default ones
        asked.append(id)
        return tiny

    monkeypatch.setattr(keras_inception, "create_model", create_model)
    return asked


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (["predict", "--top=1"], "%"),
        (["evaluate", "--split=test[:20]"], "tiny  "),
        (["export", "--format=tflite", "--output=out.tflite"], "the same class for 100.0%"),
        (["visualize", "filters", "--output=out.png"], "wrote out.png"),
        (["fid", "--data=photo_patches", "--split=test[:20]", "--output=a.npz"], "14 features"),
    ],
)
def test_a_network_has_its_public_weights(
    run, network, data_dir, picture, tmp_path, monkeypatch, words, printed
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", data_dir)
    (tmp_path / "labels.txt").write_text("not\nits\nlabels\n")
    words = [*words, "--model=inception_v3", *([picture] if words[0] == "predict" else [])]
    status, out, err = run(*words)
    assert status == 0, err
    assert printed in out
    assert network == ["inception_v3"]


def test_a_network_without_public_weights_is_refused(run, picture):
    status, out, err = run("predict", "--model=bn_inception", picture)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "bn_inception has no public weights" in err
    assert "inception_v3" in err


@pytest.mark.parametrize("command", ["predict", "convert"])
def test_weights_that_cannot_be_downloaded_name_flags(run, picture, tmp_path, monkeypatch, command):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_INCEPTION_OFFLINE", "1")
    more = {"predict": [picture], "convert": ["--weights=imagenet", f"--output={tmp_path}/a.h5"]}
    status, out, err = run(command, "--model=inception_v1", *more[command])
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert " --weights=PATH" in err
    assert " weights=" not in err


def test_a_folder_or_file_that_is_not_there(run, picture):
    for command, words in (("predict", [picture]), ("evaluate", []), ("summary", [])):
        status, out, err = run(command, "--model=inception_v9", *words)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert "inception_v9 is neither a file nor a network; the networks are googlenet" in err
