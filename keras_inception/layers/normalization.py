"""Local response normalization, for GoogLeNet without batch normalization."""

import keras


@keras.saving.register_keras_serializable(package="keras_inception")
class LocalResponseNormalization(keras.layers.Layer):
    """Divides by a power of the local energy over neighbouring channels; shape unchanged.

    `y[c] = x[c] / (bias + alpha / size * sum(x[c - size // 2 : c + size // 2 + 1] ** 2)) ** beta`,
    Krizhevsky et al. 2012, section 3.3, in the form of Caffe's `LRN` layer (alpha divided by the
    size, as in the released GoogLeNet). 1409.4842 Fig. 3 draws it twice without numbers.

    Args:
        size: channels in the neighbourhood, odd.
        alpha, beta, bias: defaults of Caffe's GoogLeNet: 1e-4, 0.75, 1.

    Example:

    >>> LocalResponseNormalization()(keras.Input((56, 56, 64))).shape
    (None, 56, 56, 64)
    """

    def __init__(self, size=5, alpha=1e-4, beta=0.75, bias=1.0, **kwargs):
        super().__init__(**kwargs)
        if size < 1 or size % 2 == 0:
            raise ValueError(f"size must be odd and positive, got {size!r}")
        self.size, self.alpha, self.beta, self.bias = size, alpha, beta, bias
        self.supports_masking = True

    def build(self, input_shape):
        self.built = True

    def call(self, inputs):
        # The powers of a half-precision sum lose most of their digits.
        x = inputs if self.compute_dtype == "float64" else keras.ops.cast(inputs, "float32")
        radius = self.size // 2
        rank, channels = len(inputs.shape), inputs.shape[-1]
        squares = keras.ops.pad(keras.ops.square(x), [(0, 0)] * (rank - 1) + [(radius, radius)])
        energy = sum(squares[..., i : i + channels] for i in range(self.size))
        x = x * keras.ops.power(self.bias + (self.alpha / self.size) * energy, -self.beta)
        return keras.ops.cast(x, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
            "bias": self.bias,
        }
