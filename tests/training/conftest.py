"""The stand-ins of `made_up.py` as a fixture."""

import importlib
import pathlib
import sys

import pytest

# `made_up` is imported by the scripts that run as processes of their own too.
sys.path.insert(0, str(pathlib.Path(__file__).parent))


@pytest.fixture
def made_up(monkeypatch):
    """Puts the stand-ins in place for a test; the calls for training batches."""
    module = importlib.import_module("made_up")
    return module.put_in_place(monkeypatch.setattr)
