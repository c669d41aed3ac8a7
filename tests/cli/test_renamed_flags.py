"""Every old spelling of a flag still works, and says the new one on one line of stderr."""

import pytest

from keras_inception.cli import main, renamed_flags

OLD = [(c, old, new) for c, flags in renamed_flags.FLAGS.items() for old, new in flags.items()]
UNTIL = "the old spelling works until the next release\n"


@pytest.fixture
def parsed(run, monkeypatch):
    """Runs a command without its work: its exit status, flags, words and stderr."""

    def parse(name, *words):
        seen = {}
        command, _ = main.load_command(name)

        def keep(flag_values, arguments):
            seen.update(flags=flag_values, words=arguments)

        monkeypatch.setattr(command, "run", keep)
        status, _, err = run(name, *words)
        return status, seen.get("flags"), seen.get("words"), err

    return parse


@pytest.mark.parametrize(("command", "old", "new"), OLD)
def test_an_old_flag_sets_the_new_one(parsed, command, old, new):
    status, flags, words, err = parsed(command, f"--{old}=7")
    assert (status, words) == (0, [])
    assert str(flags[new].value) == "7"
    assert err == f"keras-inception: --{old} is now --{new}; {UNTIL}"


@pytest.mark.parametrize(("command", "old", "new"), OLD)
def test_both_spellings_are_a_mistake(parsed, command, old, new):
    for words in ([f"--{old}=7", f"--{new}=7"], [f"--{new}=7", f"--{old}=7"]):
        status, flags, _, err = parsed(command, *words)
        assert (status, flags) == (2, None)
        assert err == f"keras-inception: --{old} is now --{new}: give only one of them\n"


@pytest.mark.parametrize(("command", "names"), renamed_flags.WORDS.items())
def test_a_word_sets_the_flag_that_replaces_it(parsed, command, names):
    given = [f"word{i}" for i in range(len(names))]
    status, flags, words, err = parsed(command, *given)
    assert (status, words) == (0, [])
    assert [flags[name].value for name in names] == given
    assert err == "".join(
        f"keras-inception: the word {word!r} is now --{name}={word}; {UNTIL}"
        for word, name in zip(given, names)
    )
    status, flags, _, err = parsed(command, "word", f"--{names[0]}=x")
    assert (status, flags) == (2, None)
    assert err == f"keras-inception: 'word' is now --{names[0]}=word: give only one --{names[0]}\n"
    assert parsed(command, *given, "more")[2] == [*given, "more"]  # for the command to refuse


@pytest.mark.parametrize("command", main.COMMANDS)
def test_help_has_the_new_spellings_alone(run, command):
    out = run(command, "--help")[1]
    for old, new in renamed_flags.FLAGS.get(command, {}).items():
        assert f"  --{new}" in out
        assert f"--{old} " not in out
        assert f"--{old}\n" not in out


def test_a_bad_value_is_a_mistake_in_the_new_flag(parsed):
    status, _, _, err = parsed("benchmark", "--batch=0")
    assert status == 2
    assert "--batch_size=0" in err


def test_an_old_command_line_does_the_work(run, tmp_path):
    out = tmp_path / "network.svg"
    words = ["--model=inception_v1", f"--out={out}", "--input_size=96", "--block=mixed_3b"]
    status, printed, err = run("visualize", "draw", *words)
    assert (status, printed) == (0, f"wrote {out}\n")
    assert err.count("\n") == 2
    assert "12 \u00d7 12" in out.read_text(encoding="utf-8")
