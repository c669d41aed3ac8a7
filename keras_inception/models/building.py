"""Builds a network for its constructor: checks the arguments, adds input and head, loads weights.

The public constructors stand in the files of their networks, with their documentation.
"""

import contextlib
import dataclasses
import functools
import numbers
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_inception import weights as weights_package
from keras_inception.layers import auxiliary_head, classifier_head, foreign_padding
from keras_inception.layers import width_multiplier as scale_width
from keras_inception.layers.convolution import BATCH_NORM_MOMENTUM, batch_norm_momentum
from keras_inception.layers.inception_resnet import RESIDUAL_SCALES
from keras_inception.models.dilation import dilate
from keras_inception.models.imagenet import preprocess_input
from keras_inception.types import Activation, PathLike
from keras_inception.weights.conventions import SCALING, TENSORFLOW
from keras_inception.weights.formats import absence, exists
from keras_inception.weights.loading import source_for

OUTPUT_STRIDES = (8, 16, 32)
POOLINGS = (None, "avg", "max")


@dataclasses.dataclass(frozen=True)
class Architecture:
    """One variant of one network: how it is stacked, and the parts around the stack.

    Attributes:
        id: name of the network, and of its file.
        source: the figure, table or file that it follows.
        stack: function of images (batch, height, width, channels) that returns the last grid.
        end_points: name to (rows, columns, channels) at the native size, in order.
        size: native side of the square images, pixels.
        minimum: smallest side, pixels. As in `keras.applications`, an unpadded stem must leave a
            pixel of the last grid; it is at least 32, or 71 for Xception.
        dropout_rate: the fraction dropped before the classifier.
        variant: name of the variant; `None` if the network has only one.
        classes: number of outputs if the caller does not say.
        head: `classifier_head` or `embedding_head`.
        auxiliary: output name to the end point that carries that auxiliary head.
        auxiliary_head: function that adds an auxiliary head.
        batch_norm_momentum: momentum of all its batch normalization.
        preprocess_input: function of pixels in [0, 255] that returns the network's input. It
            becomes an attribute of the network's models.
    """

    id: str
    source: str
    stack: Callable[..., keras.KerasTensor]
    end_points: Mapping[str, tuple[int, int, int]]
    size: int
    minimum: int
    dropout_rate: float
    variant: str | None = None
    classes: int = 1000
    head: Callable[..., keras.KerasTensor] = classifier_head
    auxiliary: Mapping[str, str] = dataclasses.field(default_factory=dict)
    auxiliary_head: Callable[..., keras.KerasTensor] = auxiliary_head
    batch_norm_momentum: float = BATCH_NORM_MOMENTUM
    preprocess_input: Callable[..., Any] = preprocess_input

    @property
    def weights(self) -> tuple[str, ...]:
        """Tags of the public weights, the default first; empty if there are none."""
        return weights_package.tags(self.id, self.variant)


@dataclasses.dataclass(frozen=True)
class Images:
    """The input of a network, as given to its constructor.

    Attributes:
        input_tensor: Keras tensor to build on, or `None` for a new input.
        input_shape: (height, width, channels), or `None` for the native size.
    """

    input_tensor: keras.KerasTensor | None
    input_shape: Sequence[int | None] | None


@dataclasses.dataclass(frozen=True)
class Top:
    """The part above the last grid of a network, as given to its constructor.

    Attributes:
        include_top: whether it is the classifier.
        pooling: "avg", "max" or `None`, without the classifier.
        classes: number of classes; `None` means the architecture's own.
        classifier_activation: activation of the last layer.
        dropout_rate: the fraction dropped before the classifier; `None` means the architecture's.
    """

    include_top: bool
    pooling: str | None
    classes: int | None
    classifier_activation: Activation
    dropout_rate: float | None

    def completed(self, architecture: Architecture) -> "Top":
        """Returns a copy that has the architecture's own numbers in place of `None`."""
        classes = architecture.classes if self.classes is None else self.classes
        rate = architecture.dropout_rate if self.dropout_rate is None else self.dropout_rate
        return dataclasses.replace(self, classes=classes, dropout_rate=rate)


def select(architectures: Sequence[Architecture], variant: str | None) -> Architecture:
    """Returns the architecture of a variant.

    Raises:
        ValueError: there is no such variant; the message lists them.
    """
    for architecture in architectures:
        if architecture.variant == variant:
            return architecture
    known = _allowed(architecture.variant for architecture in architectures)
    raise ValueError(f"variant must be {known}, got {variant!r}")


def with_residual_scale(
    architecture: Architecture, residual_scale: float | Sequence[float] | None
) -> Architecture:
    """Returns an Inception-ResNet with other residual scales.

    Args:
        architecture: one whose stack takes `scales`.
        residual_scale: one factor, or three for the A, B and C blocks; `None` means
            `RESIDUAL_SCALES`.

    Raises:
        ValueError: a factor is not positive, or there are neither one nor three.
    """
    scales: Any = RESIDUAL_SCALES if residual_scale is None else residual_scale
    if _is_number(scales):
        scales = (scales,) * 3
    fits = isinstance(scales, (tuple, list)) and len(scales) == 3
    if not fits or not all(_is_positive(scale) for scale in scales):
        raise ValueError(
            "residual_scale must be a positive number, or three for the A, B and C blocks, "
            f"got {residual_scale!r}"
        )
    stack = functools.partial(architecture.stack, scales=tuple(map(float, scales)))
    return dataclasses.replace(architecture, stack=stack)


def build(
    architecture: Architecture,
    *,
    images: Images,
    top: Top,
    weights: PathLike | None,
    name: str,
    width_multiplier: float,
    output_stride: int,
) -> keras.Model:
    """Builds one architecture; every constructor ends here.

    Args:
        architecture: the variant, with the options that only its network has.
        images: its input.
        top: the part above its last grid.
        weights, name, width_multiplier, output_stride: as in the constructors.

    Raises:
        ValueError: an argument is not allowed; the message says what is.
        OSError: public weights could not be downloaded.
    """
    top = top.completed(architecture)
    _check(top, width_multiplier, output_stride)
    weights = _resolve_weights(architecture, weights, width_multiplier)
    tensor = _image_tensor(architecture, images, top.include_top)
    with (
        _open_weights(architecture, weights, top.include_top) as (conventions, load_into),
        scale_width(width_multiplier),
        batch_norm_momentum(architecture.batch_norm_momentum),
        foreign_padding(conventions.symmetric_padding, conventions.pool_counts_padding),
    ):
        x = architecture.stack(_scaled(tensor, conventions.scaling))
        if output_stride < max(OUTPUT_STRIDES):
            x = dilate(tensor, x, output_stride)
        x = _on_top(architecture, x, top)
        model = keras.Model(_inputs(tensor, images), x, name=name)
        model.architecture = architecture
        model.preprocess_input = architecture.preprocess_input
        load_into(model)
    return model


@contextlib.contextmanager
def _open_weights(architecture, weights, include_top):
    """Yields the conventions to build for, and the function that loads the weights into a model."""
    if weights is None:
        yield TENSORFLOW, _without_report
        return
    network = architecture.id, architecture.variant
    with weights_package.open_file(source_for(weights, *network, include_top)) as file:
        yield file.conventions_for(*network) or TENSORFLOW, file.assign


def _without_report(model):
    model.load_report = None


def _on_top(architecture, x, top):
    """Adds the head, or the pooling if there is no classifier."""
    if top.include_top:
        activation = top.classifier_activation
        return architecture.head(x, int(top.classes), top.dropout_rate, activation=activation)
    if top.pooling == "avg":
        return keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if top.pooling == "max":
        return keras.layers.GlobalMaxPooling2D(name="max_pool")(x)
    return x


def _inputs(tensor, images):
    """Returns the new input of the model, or those that the caller's tensor is made from."""
    if images.input_tensor is None:
        return tensor
    inputs = keras.utils.get_source_inputs(tensor)
    # A model of a list of inputs would expect a list at every call.
    return inputs[0] if isinstance(inputs, list) and len(inputs) == 1 else inputs


def _allowed(values):
    return " or ".join(repr(value) for value in values)


def _scaled(images, scaling):
    """Brings images in [-1, 1] to the scale that the publisher of the weights used.

    If there are not three channels, they get the scales of red, green and blue in turn. A single
    channel gets the mean of the three.

    Args:
        images: Keras tensor (batch, height, width, channels).
        scaling: (mean, deviation) for red, green, blue; `None` leaves the images as they are.
    """
    if scaling is None:
        return images
    channels = images.shape[-1]
    mean, deviation = (
        [sum(rgb) / 3] if channels == 1 else [rgb[i % 3] for i in range(channels)]
        for rgb in scaling
    )
    scale = [127.5 / d for d in deviation]
    offset = [(127.5 - m) / d for m, d in zip(mean, deviation)]
    return keras.layers.Rescaling(scale, offset, name=SCALING)(images)


def _check(top, width_multiplier, output_stride):
    """Raises a `ValueError` for an argument that no architecture allows."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "only the channels_last data format is supported: images are (batch, height, width, "
            "channels); call keras.config.set_image_data_format('channels_last')"
        )
    if top.pooling not in POOLINGS:
        raise ValueError(f"pooling must be {_allowed(POOLINGS)}, got {top.pooling!r}")
    classes, dropout_rate = top.classes, top.dropout_rate
    if isinstance(classes, bool) or not isinstance(classes, numbers.Integral) or classes < 1:
        raise ValueError(f"classes must be a whole number of at least 1, got {classes!r}")
    if not _is_number(dropout_rate) or not 0 <= dropout_rate < 1:
        raise ValueError(f"dropout_rate must be at least 0 and below 1, got {dropout_rate!r}")
    if not _is_positive(width_multiplier):
        raise ValueError(f"width_multiplier must be a positive number, got {width_multiplier!r}")
    if output_stride not in OUTPUT_STRIDES:
        raise ValueError(f"output_stride must be {_allowed(OUTPUT_STRIDES)}, got {output_stride!r}")


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_positive(value):
    return _is_number(value) and 0 < value < float("inf")


def _resolve_weights(architecture, weights, width_multiplier):
    """Returns a tag, a path or `None`.

    "default" becomes the tag of the default weights, or `None` if no ImageNet weights are public.
    """
    tags = architecture.weights
    if isinstance(weights, str) and weights == "default":
        weights = weights_package.default_tag(architecture.id, architecture.variant)
    is_tag = isinstance(weights, str) and weights in tags
    if is_tag and width_multiplier != 1:
        raise ValueError(
            f"the {weights!r} weights are of the full width, not of width_multiplier="
            f"{width_multiplier}; use weights=None, or the path of a file of that width"
        )
    if weights is None or is_tag or exists(weights):
        return weights
    known = _allowed((*tags, None))
    network = architecture.id + (f" ({architecture.variant})" if architecture.variant else "")
    raise ValueError(
        f"weights={absence(weights)}, and {network} has no public weights of "
        f"that name; allowed: {known}, or the path of a file"
    )


def _image_tensor(architecture, images, include_top):
    """Returns the Keras tensor of the images, new or the caller's, of a checked shape."""
    input_tensor, input_shape = images.input_tensor, images.input_shape
    if input_tensor is not None:
        if not keras.backend.is_keras_tensor(input_tensor):
            raise ValueError(
                f"input_tensor must be a Keras tensor such as keras.Input(...) returns, "
                f"got {type(input_tensor).__name__}"
            )
        shape = tuple(input_tensor.shape[1:])
        if input_shape is not None and _listed(input_shape) != list(shape):
            raise ValueError(f"input_shape {input_shape} is not input_tensor's shape {shape}")
        _check_shape(architecture, shape)
        return input_tensor
    if input_shape is None:
        side = architecture.size if include_top else None
        input_shape = (side, side, 3)
    input_shape = _listed(input_shape)
    _check_shape(architecture, input_shape)
    return keras.Input(tuple(input_shape), name="images")


def _listed(shape):
    """Returns a shape (tuple, list, array, TensorShape) as a list, and anything else as it is."""
    try:
        return [side if side is None else operator.index(side) for side in shape]
    except TypeError:
        return shape


def _check_shape(architecture, shape):
    fits = isinstance(shape, (tuple, list)) and len(shape) == 3
    if fits:
        *sides, channels = shape
        fits = isinstance(channels, int) and channels > 0
        fits &= all(s is None or (isinstance(s, int) and s >= architecture.minimum) for s in sides)
    if not fits:
        raise ValueError(
            f"{architecture.id} takes images of shape (height, width, channels), each side of at "
            f"least {architecture.minimum} pixels (or None), at least one channel; got {shape!r}"
        )
