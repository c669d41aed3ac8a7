"""Checkpoints: whole or not there, the newest whole one first."""

import logging
import resource

import keras
import numpy as np
import pytest

from keras_inception import renamed
from keras_inception.training import loop
from keras_inception.training.checkpoints import Checkpointing, Checkpoints, restore


def variables(start=0.0):
    return {
        "network": [keras.Variable(np.full((3, 4), start)), keras.Variable(start)],
        "random": [keras.Variable(np.array([1, 2], "uint32"), dtype="uint32")],
        "none": [],
    }


def test_comes_back(tmp_path):
    store = Checkpoints(tmp_path / "run" / "checkpoints")
    assert store.newest() is None
    store.save(7, variables(1.5), {"history": [{"loss": 0.25}]})
    step, groups, records = store.newest()
    assert (step, records) == (7, {"history": [{"loss": 0.25}]})
    target = variables()
    restore(groups, target)
    assert (target["network"][0].numpy() == 1.5).all()
    assert target["network"][1].numpy() == 1.5
    assert target["random"][0].numpy().tolist() == [1, 2]


def test_the_last_and_the_best_stay(tmp_path):
    store = Checkpoints(tmp_path, keep=2)
    for step in (10, 20, 30, 40):
        store.save(step, variables(), {}, also_keep=20)
    assert store.steps() == [20, 30, 40]
    store.clear()
    assert store.steps() == []


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_a_cut_one_is_passed_over(tmp_path, caplog, share):
    store = Checkpoints(tmp_path)
    store.save(1, variables(1), {})
    store.save(2, variables(2), {})
    path = tmp_path / "step-000000002.npz"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with caplog.at_level(logging.WARNING):
        assert store.newest()[0] == 1
    assert "step-000000002.npz is damaged and not used" in caplog.text


def test_whatever_bit_is_flipped_the_arrays_are_right_or_refused(tmp_path):
    """In the zip's directory too, where some bits mean passwords or later versions."""
    store = Checkpoints(tmp_path)
    store.save(1, {"network": [keras.Variable([1.5, 2.5])]}, {"a": 1})
    path = tmp_path / "step-000000001.npz"
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 3):
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :]
        )
        contents = store.whole(1)
        refused += contents is None
        if contents is not None:
            groups, records = contents
            assert groups["network"][0].tolist() == [1.5, 2.5]
            assert records == {"a": 1}
    assert refused > len(whole) / 3 / 2


def test_a_flipped_bit_anywhere_in_an_array_is_noticed(tmp_path):
    store = Checkpoints(tmp_path)
    store.save(1, {"network": [keras.Variable(np.zeros(1000, "float32"))]}, {})
    path = tmp_path / "step-000000001.npz"
    whole = path.read_bytes()
    zeros = whole.index(b"\0" * 4000)
    for place in range(zeros, zeros + 4000, 400):
        path.write_bytes(whole[:place] + b"\1" + whole[place + 1 :])
        assert store.newest() is None


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "step-best.npz").write_bytes(b"mine")
    (tmp_path / "notes.txt").write_text("mine")
    store = Checkpoints(tmp_path, keep=1)
    store.save(1, variables(), {})
    store.save(2, variables(), {})
    store.clear()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.txt", "step-best.npz"]


def test_what_a_killed_run_left_half_written_is_cleared(tmp_path):
    (tmp_path / ".step-000000009.npz.abc").mkdir()
    Checkpoints(tmp_path).save(1, variables(), {})
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000001.npz"]


def test_another_network_is_refused_before_anything_changes(tmp_path):
    store = Checkpoints(tmp_path)
    store.save(1, variables(1), {})
    _, groups, _ = store.newest()
    target = variables()
    target["network"][1] = keras.Variable(np.zeros(2))
    with pytest.raises(ValueError, match=r"has shape \(\), not \(2,\)"):
        restore(groups, target)
    assert (target["network"][0].numpy() == 0).all()
    with pytest.raises(ValueError, match="has 2 arrays of the network, which has 1"):
        restore(groups, {"network": target["network"][:1]})


def test_the_old_name_of_the_time_between_checkpoints(monkeypatch):
    monkeypatch.setattr(renamed, "_said", set())
    with pytest.warns(FutureWarning, match="is now keras_inception.training.checkpoints.CHECKPOI"):
        assert loop.CHECKPOINT_SECONDS == Checkpointing().seconds == 600


def test_keep_is_checked(tmp_path):
    with pytest.raises(ValueError, match="keep must be at least 1"):
        Checkpoints(tmp_path, keep=0)


def test_a_full_disk_leaves_the_earlier_one(tmp_path):
    """The limit on the size of a file fails the write in its middle, as a full disk does."""
    store = Checkpoints(tmp_path)
    store.save(1, {"network": [keras.Variable(np.zeros(1000, "float32"))]}, {})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            store.save(2, {"network": [keras.Variable(np.zeros(100_000, "float32"))]}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert store.newest()[0] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000001.npz"]
