"""The old home of `conventions.py`; works until the next release.

`weights.arithmetic` was a function as well as this module, so the module can be called.
"""

from __future__ import annotations

import sys
import types

from keras_inception.renamed import renamed_attributes, say_renamed
from keras_inception.types import PathLike
from keras_inception.weights import catalog
from keras_inception.weights.conventions import TENSORFLOW, Conventions
from keras_inception.weights.opening import open_file


class _CallableModule(types.ModuleType):
    def __call__(self, source: PathLike | None, network: str, variant: str | None) -> Conventions:
        """Returns the conventions of a tag or a file, as `open_file` tells them."""
        say_renamed("weights.arithmetic()", "weights.open_file(path).conventions_for()")
        if source is None:
            return TENSORFLOW
        if isinstance(source, str) and source in catalog.tags(network, variant):
            return catalog.find(network, variant, source).conventions
        with open_file(source) as file:
            return file.conventions_for(network, variant) or TENSORFLOW


__getattr__ = renamed_attributes(
    __name__,
    {
        "Arithmetic": "keras_inception.weights.conventions.Conventions",
        "SCALING": "keras_inception.weights.conventions.SCALING",
        "of_layers": "keras_inception.weights.conventions.conventions_of_layers",
    },
)
sys.modules[__name__].__class__ = _CallableModule
