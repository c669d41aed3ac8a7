"""Data sets, and the way from pictures to batches: decoding, preprocessing, augmentation, crops."""

import importlib
from types import ModuleType

from keras_inception.data.dataset import Dataset, as_dataset, from_tf, open


def __getattr__(name: str) -> ModuleType:
    """Returns the module of old names, which is imported when it is asked for."""
    if name == "pipeline":
        return importlib.import_module("keras_inception.data.pipeline")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Dataset", "as_dataset", "from_tf", "open"]
