"""Tests of evaluation/state.py: whole pieces in order, and no others."""

import numpy as np
import pytest

from keras_inception.evaluation import state
from keras_inception.evaluation.state import Findings, open_state


def add(findings, *values):
    findings.add(a=np.array(values), b=np.array([[v, -v] for v in values]))


def test_findings_are_kept_when_the_block_is_left(tmp_path):
    def stopped():
        with Findings(tmp_path) as findings:
            assert findings.arrays() == {}
            add(findings, 1, 2)
            add(findings, 3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    with Findings(tmp_path) as findings:
        assert findings.count == 3
        add(findings, 4)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00000000.npz", "00000003.npz"]
    arrays = Findings(tmp_path).arrays()
    assert arrays["a"].tolist() == [1, 2, 3, 4]
    assert arrays["b"].shape == (4, 2)
    with Findings(tmp_path):
        pass
    assert len(list(tmp_path.iterdir())) == 2  # nothing new, nothing written


def test_pieces_are_written_now_and_then(tmp_path, monkeypatch):
    findings = Findings(tmp_path)
    add(findings, 1)
    assert Findings(tmp_path).count == 0
    monkeypatch.setattr(state, "SECONDS_BETWEEN_PIECES", 0.0)
    add(findings, 2)  # and then the process is killed
    assert Findings(tmp_path).count == 2


def test_pieces_after_a_gap_or_damage_do_not_count(tmp_path):
    for i in range(3):
        with Findings(tmp_path) as findings:
            add(findings, i)
    (tmp_path / "00000001.npz").write_bytes(b"PK damaged")
    assert Findings(tmp_path).count == 1
    (tmp_path / "00000001.npz").unlink()
    assert Findings(tmp_path).count == 1


def test_findings_without_a_folder():
    with Findings() as findings:
        add(findings, 1)
    assert findings.arrays()["a"].tolist() == [1]


def count(passes):
    return Findings(passes / "pass").count


def test_a_state_is_opened_by_its_key_only(tmp_path):
    folder = tmp_path / "deep" / "state"
    key = {"crops": 1, "exclude": (1, 2)}
    passes = open_state(folder, key)
    assert passes.parent == folder
    with Findings(passes / "pass") as findings:
        add(findings, 1)
    assert open_state(folder, key) == passes
    with pytest.raises(ValueError, match=r"another evaluation \(crops differ\)"):
        open_state(folder, {**key, "crops": 10})
    assert count(passes) == 1
    assert count(open_state(folder, key, resume=False)) == 0
    with Findings(passes / "pass") as findings:
        add(findings, 1, 2)
    others = open_state(folder, {**key, "crops": 10}, resume=False)
    assert count(others) == count(passes) == 0


def test_a_state_without_findings_is_anyones(tmp_path):
    """Of a run that ended at once, for a broken picture say."""
    first = open_state(tmp_path, {"exclude": []})
    second = open_state(tmp_path, {"exclude": [3]})
    with Findings(first / "pass") as late:  # the first is still at work
        add(late, 1)
    assert count(second) == 0
    with Findings(second / "pass") as findings:
        add(findings, 2)
    assert count(open_state(tmp_path, {"exclude": [3]})) == 1


def test_runs_that_share_a_state(tmp_path):
    """Two go through the same pictures and write pieces of different lengths, in turn."""
    first, second = Findings(tmp_path), Findings(tmp_path)
    for findings, values in ((first, [0, 1]), (second, [0]), (second, [1, 2]), (first, [2, 3])):
        with findings:
            add(findings, *values)
    arrays = Findings(tmp_path).arrays()
    assert arrays["a"].tolist() == list(range(len(arrays["a"])))
    assert first.arrays()["a"].tolist() == [0, 1, 2, 3]


def test_a_folder_that_is_no_state_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    for resume in (True, False):
        with pytest.raises(ValueError, match="is not the state of an evaluation"):
            open_state(tmp_path, {"crops": 1}, resume)
    assert (tmp_path / "thesis.txt").exists()
    (tmp_path / "key.json").write_text("{}")
    open_state(tmp_path, {"crops": 1}, resume=False)
    assert (tmp_path / "thesis.txt").exists()
    (tmp_path / "key.json").write_text("[1]")
    with pytest.raises(ValueError, match="damaged"):
        open_state(tmp_path, {"crops": 1})
