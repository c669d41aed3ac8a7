"""Tests of cli/fid.py; the network is a small stand-in for the one of 2015-12-05."""

import json
import pickle

import numpy as np
import pytest

from keras_inception.evaluation import Statistics, generated


@pytest.fixture
def stand_in(tiny, monkeypatch):
    """`tiny` in place of the network, with 14 features; gives the weights that were asked for."""
    asked = []

    def network(**arguments):
        asked.append(arguments["weights"])
        return tiny

    monkeypatch.setattr(generated, "InceptionV3", network)
    return asked


PATCHES = ("--data=photo_patches", "--against=photo_patches")


def test_two_splits(run, stand_in, data_dir):
    words = [*PATCHES, "--against_split=validation[:40]", f"--data_dir={data_dir}"]
    status, out, err = run("fid", *words, "--batch_size=7", "--weights=here")
    assert status == 0
    assert stand_in == ["here"]
    lines = out.splitlines()
    assert lines[:2] == [
        "photo_patches, test: 560 pictures, 14 features",
        "photo_patches, validation[:40]: 40 pictures, 14 features",
    ]
    label, figure = lines[2].split()
    assert label == "FID"
    assert float(figure) > 0
    assert len(lines) == 3
    assert "photo_patches, test" in err


def test_statistics_are_saved_and_used_again(run, stand_in, data_dir, tmp_path):
    file, data = tmp_path / "a.npz", (f"--data_dir={data_dir}", "--weights=here")
    words = [PATCHES[0], "--split=test[:50]", f"--output={file}", *data]
    status, out, _ = run("fid", *words)
    assert (status, out) == (0, "photo_patches, test[:50]: 50 pictures, 14 features\n")
    assert Statistics.load(file).pictures == 50
    words = [PATCHES[1], "--against_split=validation[:40]", *data, "--json"]
    found = json.loads(run("fid", f"--data={file}", *words)[1])
    words += [PATCHES[0], "--split=test[:50]"]
    assert json.loads(run("fid", *words)[1])["fid"] == found["fid"]
    assert [s["pictures"] for s in found["sets"]] == [50, 40]
    assert found["sets"][0]["source"] == str(file)
    assert found["sets"][0]["network"] == found["sets"][1]["network"]
    assert stand_in == ["here"] * 3


def test_two_files_need_no_network(run, stand_in, tmp_path):
    np.savez(tmp_path / "a.npz", mu=np.zeros(2), sigma=np.eye(2))
    np.savez(tmp_path / "b.npz", mu=np.array([3.0, 4.0]), sigma=4 * np.eye(2))
    words = [f"--data={tmp_path / 'a.npz'}", f"--against={tmp_path / 'b.npz'}"]
    status, out, err = run("fid", *words)
    assert (status, err, stand_in) == (0, "", [])
    assert out.splitlines() == [
        f"{tmp_path / 'a.npz'}: an unknown number of pictures, 2 features",
        f"{tmp_path / 'b.npz'}: an unknown number of pictures, 2 features",
        "FID 27.0000",
    ]


AB = ("--data=a", "--against=b")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "fid needs --data=PICTURES"),
        (["--data=a.npz"], 2, "fid needs --data=PICTURES"),
        (["--against=b", "--output=c.npz"], 2, "fid needs --data=PICTURES"),
        ([*AB, "c", "d", "e"], 2, "fid needs --data=PICTURES"),
        ([*AB, "--output=c"], 2, "--output=c: the name of the file must end"),
        (["--data=a.npz", "--output=c.npz"], 2, "a.npz has the statistics already"),
        ([*AB, "--batch_size=0"], 2, "--batch_size=0"),
        (["--data=a.npz", "--against=b.npz"], 1, "a.npz is not a file"),
        ([*AB, "--model=c", "--weights=d"], 2, "--model and --weights both name the network"),
        ([*AB, "--model=c.keras"], 1, "c.keras is neither a file nor a network"),
        (
            ["--data=folder:a", "--against=folder:b", "--weights=here"],
            1,
            "a is not a folder: folder:PATH expects a folder",
        ),
        (
            ["--data=folder:a", "--against=folder:b", "--weights=nowhere"],
            1,
            "--weights=nowhere is not a file",
        ),
    ],
)
def test_mistakes_are_one_line(run, tmp_path, monkeypatch, words, status, message, request):
    if "--weights=nowhere" not in words:
        request.getfixturevalue("stand_in")
    monkeypatch.chdir(tmp_path)
    found, out, err = run("fid", *words)
    assert (found, out) == (status, "")
    assert err.splitlines()[-1].startswith("keras-inception: ")
    assert message in err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_another_network(run, model_file, data_dir):
    words = [*PATCHES, "--against_split=validation[:40]", "--json"]
    status, out, _ = run("fid", *words, f"--data_dir={data_dir}", f"--model={model_file}")
    assert status == 0
    assert [s["features"] for s in json.loads(out)["sets"]] == [14, 14]


def test_without_weights_the_error_says_where_they_are(run):
    status, _, err = run("fid", *PATCHES)
    assert status == 1
    assert generated.PORT in err.splitlines()[-1]
    assert " --weights=" in err.splitlines()[-1]
    assert "make a .safetensors file of it" in err.splitlines()[-1]


def test_a_file_of_pytorchs_is_refused(run, tmp_path):
    (tmp_path / "port.pth").write_bytes(pickle.dumps({"fc.bias": 0}))
    path = tmp_path / "port.pth"
    status, _, err = run("fid", *PATCHES, f"--weights={path}")
    assert status == 1
    assert f"{path} is a pickle" in err.splitlines()[-1]
    assert "make a .safetensors file of it" in err.splitlines()[-1]
