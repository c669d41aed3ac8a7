"""Types that annotations of several folders share."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

PathLike: TypeAlias = str | os.PathLike[str]

Activation: TypeAlias = str | Callable[..., Any] | None  # a name that Keras knows, or a function
Padding: TypeAlias = Literal["same", "valid"]
Window: TypeAlias = int | Sequence[int]  # side of a square, or (rows, columns)
