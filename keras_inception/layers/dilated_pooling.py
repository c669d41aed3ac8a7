"""Pooling with holes, which Keras's own layers lack and `output_stride` below 32 needs."""

from collections.abc import Callable
from typing import Any, Literal

import keras

from keras_inception.types import Padding

Mode = Literal["max", "avg"]
Combine = Callable[[Any, Any], Any]

_MODES = ("max", "avg")


@keras.saving.register_keras_serializable(package="keras_inception")
class DilatedPooling2D(keras.layers.Layer):
    """A pool of stride 1 over a window whose pixels are `dilation_rate` apart.

    It lets a network of `output_stride=16` compute, at every second pixel of its grid, what the
    same weights compute at `output_stride=32`. As in Keras's pools, padding takes no part: the
    maximum ignores it, and the average is over the pixels inside the picture.

    Args:
        mode: "max" or "avg".
        pool_size: side of the square window, counted in the pixels that it takes.
        dilation_rate: distance between neighbours in the window; 1 is a plain pool.
        padding: "same" or "valid".
        kwargs: as in `keras.layers.Layer` (`name`, `dtype`).

    Raises:
        ValueError: `mode` or `padding` is none of those above.

    Example:

    >>> DilatedPooling2D("max", 3, dilation_rate=2)(keras.Input((15, 15, 64))).shape
    (None, 15, 15, 64)
    """

    def __init__(
        self,
        mode: Mode,
        pool_size: int,
        dilation_rate: int = 1,
        padding: Padding = "same",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if mode not in _MODES:
            raise ValueError(f"mode must be one of {_MODES}, got {mode!r}")
        if padding not in ("same", "valid"):
            raise ValueError(f"padding must be 'same' or 'valid', got {padding!r}")
        self.mode, self.pool_size = mode, pool_size
        self.dilation_rate, self.padding = dilation_rate, padding

    def build(self, input_shape: Any) -> None:
        self.built = True

    def _slide(self, x: Any, axis: int, combine: Combine) -> Any:
        """Combines the shifted copies of `x` along one axis."""
        side = keras.ops.shape(x)[axis] - (self.pool_size - 1) * self.dilation_rate
        result = None
        for i in range(self.pool_size):
            start = i * self.dilation_rate
            part = x[:, start : start + side] if axis == 1 else x[:, :, start : start + side]
            result = part if result is None else combine(result, part)
        return result

    def _window(self, x: Any, fill: float, combine: Combine) -> Any:
        if self.padding == "same":
            # TensorFlow's padding for stride 1, on every nth pixel: the odd one goes behind.
            before = (self.pool_size - 1) // 2 * self.dilation_rate
            pad = (before, (self.pool_size - 1) * self.dilation_rate - before)
            x = keras.ops.pad(x, [(0, 0), pad, pad, (0, 0)], constant_values=fill)
        return self._slide(self._slide(x, 1, combine), 2, combine)

    def call(self, inputs: Any) -> Any:
        if self.mode == "max":
            lowest = -3.0e38 if inputs.dtype != "float16" else -65504.0
            return self._window(inputs, lowest, keras.ops.maximum)
        total = self._window(inputs, 0, keras.ops.add)
        inside = self._window(keras.ops.ones_like(inputs[:1, :, :, :1]), 0, keras.ops.add)
        return total / inside

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        if self.padding == "same":
            return input_shape
        lost = (self.pool_size - 1) * self.dilation_rate
        sides = [None if side is None else side - lost for side in input_shape[1:3]]
        return (input_shape[0], *sides, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mode": self.mode,
            "pool_size": self.pool_size,
            "dilation_rate": self.dilation_rate,
            "padding": self.padding,
        }
