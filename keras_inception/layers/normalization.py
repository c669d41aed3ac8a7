"""Local response normalization, for GoogLeNet without batch normalization."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="keras_inception")
class LocalResponseNormalization(keras.layers.Layer):
    """A layer that divides by a power of the energy of neighbouring channels; shape unchanged.

    `y[c] = x[c] / (bias + alpha / size * sum(x[c - size // 2 : c + size // 2 + 1] ** 2)) ** beta`,
    Krizhevsky et al. 2012, section 3.3, in the form of Caffe's `LRN` layer (alpha divided by the
    size, as in the released GoogLeNet). 1409.4842 Fig. 3 draws it twice and prints no numbers.

    Args:
        size: number of channels in the neighbourhood, odd.
        alpha, beta, bias: as in the formula; the defaults are those of Caffe's GoogLeNet.
        kwargs: as in `keras.layers.Layer` (`name`, `dtype`).

    Raises:
        ValueError: `size` is even or not positive.

    Example:

    >>> LocalResponseNormalization()(keras.Input((56, 56, 64))).shape
    (None, 56, 56, 64)
    """

    def __init__(
        self,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        bias: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if size < 1 or size % 2 == 0:
            raise ValueError(f"size must be odd and positive, got {size!r}")
        self.size, self.alpha, self.beta, self.bias = size, alpha, beta, bias
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, inputs: Any) -> Any:
        # The powers of a half-precision sum lose most of their digits.
        x = inputs if self.compute_dtype == "float64" else keras.ops.cast(inputs, "float32")
        radius = self.size // 2
        rank, channels = len(inputs.shape), inputs.shape[-1]
        squares = keras.ops.pad(keras.ops.square(x), [(0, 0)] * (rank - 1) + [(radius, radius)])
        energy = sum(squares[..., i : i + channels] for i in range(self.size))
        x = x * keras.ops.power(self.bias + (self.alpha / self.size) * energy, -self.beta)
        return keras.ops.cast(x, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
            "bias": self.bias,
        }
