"""Tests of cli/main.py: finding commands, help, and one clear line for every mistake."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from keras_inception.cli import errors, main, predict

ROOT = pathlib.Path(__file__).parents[2]


def test_help_of_the_program(run):
    status, out, err = run("--help")
    assert (status, err) == (0, "")
    for name in main.COMMANDS:
        assert f"\n  {name} " in out
    assert run()[0] == 2  # no command at all


def test_version(run):
    status, out, _ = run("--version")
    assert status == 0
    assert out.startswith("keras-inception 0.")


@pytest.mark.parametrize("name", main.COMMANDS)
@pytest.mark.parametrize("word", ["--help", "-h"])
def test_every_command_exists_and_has_help(run, name, word):
    status, out, err = run(name, word)
    assert (status, err) == (0, "")
    assert out.startswith(f"usage: keras-inception {name}")
    assert "--[no]traceback" in out


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["predct"], 2, "no command 'predct'; the commands are demo, train"),
        (["../main"], 2, "no command"),
        (["predict"], 2, "predict needs --model"),
        (["predict", "--modle=a", "b.jpg"], 2, "'modle'. Did you mean: model"),
        (["predict", "--model"], 2, "Missing value for flag --model"),
        (["predict", "--model=a", "--top=none", "b.jpg"], 2, "--top=none"),
        (["predict", "--model=a", "--top=0", "b.jpg"], 2, "--top=0"),
        (["predict", "--model=a", "nowhere.jpg"], 1, "nowhere.jpg is not a file"),
        (["evaluate"], 2, "evaluate needs --model"),
        (
            ["evaluate", "--model=nowhere.keras"],
            1,
            "nowhere.keras is neither a file nor a network; the networks are googlenet",
        ),
        (["evaluate", "--model=a", "--crops=7"], 2, "--crops=7: the counts known are 1, 10"),
        (["export", "--model=a"], 2, "export needs --model=MODEL --output"),
        (
            ["export", "--model=nowhere.h5", "--output=b"],
            1,
            "nowhere.h5 is neither a file nor a network",
        ),
        (
            ["export", "--model=a", "--output=b", "--mode=int4"],
            2,
            "dynamic|int8|int16x8>",
        ),
        (["export", "--model=a", "--output=b", "--mode=dynamic"], 2, "--mode is for --format"),
        (["train"], 2, "train needs"),
        (["train", "--output=a", "--recipe=nonsense"], 2, "--recipe=nonsense"),
        (["train", "--output=a", "--epochs=0"], 2, "--epochs=0"),
        (["demo", "now"], 2, "demo takes no 'now'"),
        (["demo", "--seed=-1"], 2, "--seed=-1"),
    ],
)
def test_mistakes_are_one_line(run, tmp_path, monkeypatch, words, status, message):
    monkeypatch.chdir(tmp_path)
    found, out, err = run(*words)
    assert (found, out) == (status, "")
    assert err.startswith("keras-inception: ")
    assert err.count("\n") == 1
    assert message in err
    assert not list(tmp_path.iterdir())


def command(monkeypatch, error):
    """Makes the command predict raise `error`."""

    def run(flag_values, arguments):
        raise error

    monkeypatch.setattr(predict, "run", run)


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ValueError("two\nlines"), 1, "two lines"),
        (FileNotFoundError(2, "No such file", "a.txt"), 1, "[Errno 2] No such file: 'a.txt'"),
        (FloatingPointError("loss is NaN"), 1, "loss is NaN"),
        (KeyError("x"), 1, "KeyError: 'x'"),
        (ValueError("top_k=0 is below one"), 1, "--top=0 is below one"),
        (ValueError(), 1, "ValueError"),
        (errors.UsageError("one picture"), 2, "one picture"),
        (KeyboardInterrupt(), 130, "stopped by Ctrl-C"),
    ],
)
def test_errors_of_a_command(run, monkeypatch, error, status, line):
    command(monkeypatch, error)
    assert run("predict", "a.jpg") == (status, "", f"keras-inception: {line}\n")


def test_traceback_on_request(monkeypatch):
    command(monkeypatch, KeyError("x"))
    with pytest.raises(KeyError):
        main.main(["predict", "--traceback"])


def test_flags_may_follow_arguments_and_leave_no_trace(monkeypatch):
    seen = []
    monkeypatch.setattr(
        predict, "run", lambda flag_values, words: seen.append((words, flag_values.top))
    )
    assert main.main(["predict", "a.jpg", "--top=3", "--", "--b.jpg"]) == 0
    assert main.main(["predict", "--", "--help"]) == 0
    assert seen == [(["a.jpg", "--b.jpg"], 3), (["--help"], 5)]


def process(*words, **keywords):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "keras_inception.cli.main", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # In the background of a shell the tests ignore Ctrl-C, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **keywords,
    )


def test_a_damaged_model_is_one_line(run, tmp_path):
    (tmp_path / "bad.keras").write_bytes(b"no model")
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    status, out, err = run("predict", f"--model={tmp_path / 'bad.keras'}", tmp_path / "a.jpg")
    assert (status, out, err.count("\n")) == (1, "", 1)
    expected = f"keras-inception: {tmp_path / 'bad.keras'} is not a Keras model that can be read"
    assert err.startswith(expected)


def test_ctrl_c_ends_a_real_process_cleanly(tmp_path):
    words = ("demo", f"--output={tmp_path / 'demo'}", f"--data_dir={tmp_path / 'data'}")
    with process(*words) as running:
        assert running.stdout.readline() == "building photo_patches ...\n"
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=120)
    assert running.returncode == 130
    assert err.splitlines()[-1] == "keras-inception: stopped by Ctrl-C"
    assert "Traceback" not in err


def test_ctrl_c_within_an_exec_gives_the_same_status(tmp_path):
    """As an import that it interrupts may have; CPython would end the process by the signal."""
    (tmp_path / "interrupted.py").write_text(
        "import sys\n"
        "from keras_inception.cli import list as command\n"
        "from keras_inception.cli.main import main\n"
        "command.run = lambda *_: exec('raise KeyboardInterrupt')\n"
        "sys.exit(main(['list']))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 130


def test_a_reader_that_leaves_is_no_error(monkeypatch, capsys):
    reader, writer = os.pipe()
    os.close(reader)  # before anything is printed
    with open(writer, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert main.main(["summary", "--help"]) == 0
    assert capsys.readouterr().err == ""


def test_help_fits_a_screen(run):
    for name in main.COMMANDS:
        long = [line for line in run(name, "--help")[1].splitlines() if len(line) > 100]
        assert not long, long
