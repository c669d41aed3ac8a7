"""Tests of cli/train.py: flags to recipe, labels beside the network. The trainer has its own."""

from unittest import mock

import pytest

from keras_inception import training


@pytest.fixture
def train(monkeypatch, tiny, names):
    result = training.TrainingResult(tiny, {"val_top1_accuracy": [0.5, 0.75]}, 12.0, names)
    fake = mock.create_autospec(training.train, return_value=result)
    monkeypatch.setattr(training, "train", fake)
    return fake


def test_flags_override_the_recipe(run, train, data_dir, names, tmp_path):
    words = [f"--output={tmp_path / 'run'}", f"--data_dir={data_dir}", "--data=photo_patches"]
    words += ["--seed=7", "--epochs=2", "--batch_size=8", "--size=48"]
    status, out, _ = run("train", *words)
    assert status == 0
    assert out == f"{tmp_path / 'run'}: validation top-1 75.00% in 12 s\n"
    recipe, workdir = train.call_args.args
    changes = {"seed": 7, "epochs": 2, "batch_size": 8, "size": 48}
    assert recipe == training.RECIPES["demo"].replace(**changes)
    assert str(workdir) == str(tmp_path / "run")
    assert train.call_args.kwargs["data_dir"] == data_dir
    assert (tmp_path / "run" / "labels.txt").read_text().splitlines() == list(names)


def test_without_flags_the_recipe_is_as_it_is(run, train, data_dir, tmp_path):
    run("train", f"--output={tmp_path}", f"--data_dir={data_dir}", "--recipe=demo")
    assert train.call_args.args[0] == training.RECIPES["demo"]


def test_a_loss_that_explodes_is_one_line(run, train, data_dir, tmp_path):
    train.side_effect = FloatingPointError("The loss is nan at step 3")
    status, _, err = run("train", f"--output={tmp_path}", f"--data_dir={data_dir}")
    assert (status, err) == (1, "keras-inception: The loss is nan at step 3\n")


def recipe_of(run, train, data_dir, tmp_path, *words):
    status, _, err = run("train", f"--output={tmp_path}", f"--data_dir={data_dir}", *words)
    assert (status, err) == (0, "")
    return train.call_args.args[0]


def test_set_takes_json_text_and_parts_of_the_arguments(run, train, data_dir, tmp_path):
    words = [
        "--set=learning_rate=0.01",
        "--set=color=full",
        "--set=average_decay=0.99",
        "--set=clip_norm=null",
        "--set=network_arguments.width_multiplier=0.5",
        "--set=network_arguments.dropout_rate=0.1",
        "--weights=some.h5",
        "--freeze_until=mixed_4e",
    ]
    recipe = recipe_of(run, train, data_dir, tmp_path, *words)
    assert recipe == training.RECIPES["demo"].replace(
        learning_rate=0.01,
        color="full",
        average_decay=0.99,
        clip_norm=None,
        network_arguments={"width_multiplier": 0.5, "dropout_rate": 0.1},
        weights="some.h5",
        freeze_until="mixed_4e",
    )
    for field in ("learning_rate", "network_arguments", "weights"):
        assert recipe.sources[field] == "the command line"


def test_a_recipe_that_ran_is_a_recipe_file(run, train, data_dir, tmp_path):
    mine = training.RECIPES["demo"].replace(name="mine", epochs=2, seed=5)
    (tmp_path / "recipe.json").write_text(mine.to_json())
    again = recipe_of(run, train, data_dir, tmp_path, f"--recipe_file={tmp_path / 'recipe.json'}")
    assert again == mine
    assert again.sources == mine.sources


def test_options_of_the_run(run, train, data_dir, tmp_path):
    recipe_of(run, train, data_dir, tmp_path)
    defaults = train.call_args.kwargs
    assert (defaults["resume"], defaults["strategy"]) == (True, "one_device")
    words = ["--noresume", "--strategy=mirrored", "--cluster_timeout=5", "--checkpoint_seconds=1"]
    recipe_of(run, train, data_dir, tmp_path, *words)
    assert train.call_args.kwargs == {
        "data_dir": data_dir,
        "resume": False,
        "strategy": "mirrored",
        "cluster_timeout": 5.0,
        "checkpointing": training.Checkpointing(seconds=1.0),
    }


def test_description_is_all_that_it_prints(run, train):
    status, out, _ = run("train", "--describe", "--set=clip_norm=3")
    assert status == 0
    assert "clip_norm" in out
    assert "3  # the command line" in out
    assert "label_smoothing" in out
    assert "1512.00567, section 7" in out
    train.assert_not_called()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--set=learning_rat=1"], 1, "Unknown recipe field learning_rat; the fields are name"),
        (["--set=learning_rate=fast"], 1, "learning_rate must be a number above 0, got 'fast'"),
        (["--set=learning_rate"], 2, "--set must be FIELD=VALUE, got 'learning_rate'"),
        (["--set=sources.x=1"], 2, "sources has no x; only network_arguments has parts"),
        (["--recipe=demo", "--recipe_file=a.json"], 2, "only one of them"),
        (["--recipe_file=missing.py"], 1, "missing.py is not a file"),
        (["--recipe_file=missing.json"], 1, "No such file"),
        (["--strategy=tpu"], 2, "one_device|mirrored|multi_worker|parameter_server"),
        (["word"], 2, "no other words"),
    ],
)
def test_mistakes_are_one_line(run, train, tmp_path, words, status, message):
    got, _, err = run("train", f"--output={tmp_path}", *words)
    assert got == status
    assert message in err
    assert len(err.splitlines()) == 1
    train.assert_not_called()


def test_sigterm_ends_with_status_0(run, train, data_dir, tmp_path):
    train.side_effect = training.StopRequested
    status, out, err = run("train", f"--output={tmp_path}", f"--data_dir={data_dir}")
    assert (status, err) == (0, "")
    assert out == f"{tmp_path}: stopped by SIGTERM; the same command goes on from here\n"


def test_a_lost_worker_starts_the_same_command_again(run, train, monkeypatch, tmp_path):
    train.side_effect = training.WorkerLost("a worker was lost at step 3")
    command = ["keras-inception", "train", f"--output={tmp_path}", "--restarts=2"]
    monkeypatch.setattr("sys.argv", command)
    started = mock.Mock(side_effect=SystemExit(0))
    monkeypatch.setattr("os.execv", started)
    with pytest.raises(SystemExit):
        run(*command[1:])
    words = started.call_args.args[1][3:]
    assert words == [*command[1:], "--restarts=1"]


def test_a_lost_worker_is_an_error_without_restarts(run, train, tmp_path):
    train.side_effect = training.WorkerLost("a worker was lost at step 3")
    status, _, err = run("train", f"--output={tmp_path}")
    assert (status, err) == (1, "keras-inception: a worker was lost at step 3\n")


def test_a_task_that_only_serves_writes_nothing(run, train, tmp_path):
    train.return_value = None
    train.side_effect = None
    status, out, _ = run("train", f"--output={tmp_path / 'run'}")
    assert (status, out) == (0, "")
    assert not (tmp_path / "run").exists()
