"""Heads: the classifier and the face embedding on the last grid, and auxiliary classifiers."""

import keras

from keras_inception.layers.convolution import batch_norm, conv_bn_relu, conv_relu, scaled
from keras_inception.types import Activation


def _output_dtype():
    """Returns "float32" in mixed precision: outputs of 8 bits of mantissa would rank badly."""
    half = keras.config.dtype_policy().compute_dtype in ("bfloat16", "float16")
    return "float32" if half else None


def _dense(x, units, activation, name):
    return keras.layers.Dense(units, activation=activation, dtype=_output_dtype(), name=name)(x)


def classifier_head(
    x: keras.KerasTensor, classes: int, dropout_rate: float, activation: Activation = "softmax"
) -> keras.KerasTensor:
    """Global average pooling, dropout and one dense layer: the head of every network.

    The layers are `avg_pool`, `dropout` and `predictions`. Predictions are float32 in mixed
    precision.

    Args:
        x: (batch, height, width, channels).
        classes: number of classes.
        dropout_rate: the fraction dropped; with 0 there is no dropout layer.
        activation: activation of the dense layer; `None` returns logits.

    Returns:
        (batch, classes).

    Example:

    >>> classifier_head(keras.Input((8, 8, 1536)), 1000, 0.2).shape
    (None, 1000)
    """
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if dropout_rate:
        x = keras.layers.Dropout(dropout_rate, name="dropout")(x)
    return _dense(x, classes, activation, name="predictions")


def embedding_head(
    x: keras.KerasTensor, size: int, dropout_rate: float, activation: Activation = None
) -> keras.KerasTensor:
    """Head of facenet: a linear bottleneck with batch normalization, scaled to unit length.

    The layers are `avg_pool`, `dropout`, `bottleneck_dense`, `bottleneck` and `embeddings` (facenet
    `src/models/inception_resnet_v1.py` and `src/train_softmax.py`). The last three are float32 in
    mixed precision.

    Args:
        x: (batch, height, width, channels).
        size: length of the embedding.
        dropout_rate: the fraction dropped; with 0 there is no dropout layer.
        activation: `None`, or "softmax", which the constructors pass by default and which has no
            effect here.

    Returns:
        (batch, size), each row of Euclidean length 1.

    Raises:
        ValueError: `activation` is another one.

    Example:

    >>> embedding_head(keras.Input((3, 3, 1792)), 512, 0.2).shape
    (None, 512)
    """
    if activation not in (None, "softmax"):
        raise ValueError(f"an embedding has no classifier_activation, got {activation!r}")
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if dropout_rate:
        x = keras.layers.Dropout(dropout_rate, name="dropout")(x)
    dtype = _output_dtype()
    x = keras.layers.Dense(size, use_bias=False, dtype=dtype, name="bottleneck_dense")(x)
    x = batch_norm(x, name="bottleneck", dtype=dtype)
    return keras.layers.UnitNormalization(dtype=dtype, name="embeddings")(x)


def _pooled(x, name):
    """Applies 5x5 average pooling of stride 3, or a smaller window if the grid is smaller."""
    size = [min(5, side or 5) for side in x.shape[1:3]]
    return keras.layers.AveragePooling2D(size, 3, "valid", name=f"{name}_avg_pool")(x)


def auxiliary_head(
    x: keras.KerasTensor, classes: int, name: str = "auxiliary", activation: Activation = "softmax"
) -> keras.KerasTensor:
    """The released auxiliary classifier: 5x5 pool, 1x1 (128), 5x5 (768), classifier.

    It is TF-Slim's `AuxLogits` scope in v3, v4 and Inception-ResNet-v2. If the pooled grid is
    smaller than 5 x 5, the last convolution is as large as that grid. If it is larger, the output
    of that convolution is averaged.

    Args:
        x: (batch, height, width, channels), the last 17 x 17 grid.
        classes: number of classes.
        name: name of the last layer.
        activation: activation of the last layer; `None` returns logits.

    Returns:
        (batch, classes), layer `name`.

    Example:

    >>> auxiliary_head(keras.Input((17, 17, 768)), 1000).shape
    (None, 1000)
    """
    x = _pooled(x, name)
    x = conv_bn_relu(x, 128, 1, name=f"{name}_1x1")
    size = [min(5, side or 5) for side in x.shape[1:3]]
    x = conv_bn_relu(x, 768, size, 1, "valid", name=f"{name}_5x5")
    x = keras.layers.GlobalAveragePooling2D(name=f"{name}_pool")(x)
    return _dense(x, classes, activation, name=name)


def paper_auxiliary_head(
    x: keras.KerasTensor,
    classes: int,
    name: str = "auxiliary",
    activation: Activation = "softmax",
    batch_norm_fc: bool = True,
) -> keras.KerasTensor:
    """The auxiliary classifier of 1512.00567 Fig. 8: 5x5 pool, 1x1 (128), dense 1024, classifier.

    Args:
        x: (batch, height, width, channels) of known height and width.
        classes, name, activation: as in `auxiliary_head`.
        batch_norm_fc: whether the dense layer is batch-normalized too, which is the last row of
            Table 3 ("BN-auxiliary"); the convolution always is.

    Returns:
        (batch, classes), layer `name`.

    Raises:
        ValueError: the height or width is unknown.

    Example:

    >>> paper_auxiliary_head(keras.Input((17, 17, 768)), 1000).shape
    (None, 1000)
    """
    x = _pooled(x, name)
    x = conv_bn_relu(x, 128, 1, name=f"{name}_1x1")
    x = _flatten(x, name)
    x = keras.layers.Dense(scaled(1024), use_bias=not batch_norm_fc, name=f"{name}_dense")(x)
    if batch_norm_fc:
        x = batch_norm(x, name=f"{name}_dense_bn")
    x = keras.layers.Activation("relu", name=f"{name}_dense_act")(x)
    return _dense(x, classes, activation, name=name)


def googlenet_auxiliary_head(
    x: keras.KerasTensor, classes: int, name: str = "auxiliary", activation: Activation = "softmax"
) -> keras.KerasTensor:
    """GoogLeNet's side classifier (1409.4842 section 5): 5x5 pool, 1x1 (128), dense 1024, dropout.

    Args:
        x: (batch, height, width, channels) of known height and width; 14 x 14 in the paper.
        classes, name, activation: as in `auxiliary_head`.

    Returns:
        (batch, classes), layer `name`.

    Raises:
        ValueError: the height or width is unknown.

    Example:

    >>> googlenet_auxiliary_head(keras.Input((14, 14, 512)), 1000, name="auxiliary_1").shape
    (None, 1000)
    """
    x = _pooled(x, name)
    x = conv_relu(x, 128, 1, name=f"{name}_1x1")
    x = _flatten(x, name)
    x = keras.layers.Dense(scaled(1024), activation="relu", name=f"{name}_dense")(x)
    x = keras.layers.Dropout(0.7, name=f"{name}_dropout")(x)  # section 5: "70% ratio of dropped"
    return _dense(x, classes, activation, name=name)


def _flatten(x, name):
    if None in x.shape[1:3]:
        raise ValueError(
            f"{name}: a dense layer on a grid needs images of known height and width, "
            f"and the grid is {x.shape[1]} x {x.shape[2]}; give the network an input_shape"
        )
    return keras.layers.Flatten(name=f"{name}_flatten")(x)
