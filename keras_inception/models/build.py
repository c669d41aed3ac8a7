"""Everything that the constructors share: arguments and their checks, input, head, weights."""

import contextlib
import dataclasses
import functools
import inspect
import numbers
import operator
from collections.abc import Callable, Mapping

import keras

from keras_inception import weights as weights_package
from keras_inception.layers import auxiliary_head, classifier_head, foreign_padding
from keras_inception.layers import width_multiplier as scale_width
from keras_inception.layers.conv import BATCH_NORM_MOMENTUM, batch_norm_momentum
from keras_inception.layers.inception_resnet import RESIDUAL_SCALES
from keras_inception.models.dilation import dilate
from keras_inception.models.imagenet import preprocess_input
from keras_inception.weights.conventions import SCALING, TENSORFLOW
from keras_inception.weights.formats import absence, exists
from keras_inception.weights.loading import source_for


class _Default(int):
    """A number that can be told from the same number given by a caller."""


IMAGENET_CLASSES = _Default(1000)
OUTPUT_STRIDES = (8, 16, 32)
POOLINGS = (None, "avg", "max")


@dataclasses.dataclass(frozen=True)
class Architecture:
    """One variant of one network: how it is stacked, and what stands around the stack.

    Attributes:
        id: name of the network, and of its file.
        source: the figure, table or file that it follows.
        stack: function of images (batch, height, width, channels) to the last grid.
        end_points: name to (rows, columns, channels) at the native size, in order.
        size: native side of the square images, pixels.
        minimum: smallest side, as in `keras.applications`: what leaves a pixel of the last grid
            behind an unpadded stem, 32 (71 for Xception) where it would be less.
        dropout_rate: the fraction dropped before the classifier.
        variant: name of the variant, `None` where there is one only.
        classes: outputs unless `classes` says otherwise.
        head: `classifier_head` or `embedding_head`.
        auxiliary: output name to the end point where that auxiliary head is put.
        auxiliary_head: what is put there.
        batch_norm_momentum: of all its layers.
        preprocess_input: pixels in [0, 255] to the network's input; an attribute of its models.
    """

    id: str
    source: str
    stack: Callable
    end_points: Mapping
    size: int
    minimum: int
    dropout_rate: float
    variant: str | None = None
    classes: int = 1000
    head: Callable = classifier_head
    auxiliary: Mapping = dataclasses.field(default_factory=dict)
    auxiliary_head: Callable = auxiliary_head
    batch_norm_momentum: float = BATCH_NORM_MOMENTUM
    preprocess_input: Callable = preprocess_input

    @property
    def weights(self):
        """Names of the public weights, the first the default; `()` where there are none."""
        return weights_package.tags(self.id, self.variant)


ARGUMENTS = """
    The first eight arguments are those of `keras.applications`.

    Args:
        include_top: whether the classifier is part of the network.
        weights: {weights}. The path of a file works everywhere (`keras_inception.weights.load`).
        input_tensor: a Keras tensor to build on, in place of a new input.
        input_shape: (height, width, channels), {minimum} pixels or more a side, odd sizes and other
            numbers of channels than 3 included. Default: squares of the native side, {size}, of
            three channels; without the classifier (None, None, 3).
        pooling: without the classifier, "avg" or "max" for a vector (batch, channels), `None` for
            the last grid (batch, rows, columns, channels).
        classes: how many; default {classes}.
        classifier_activation: of the last layer; `None` gives logits.
        name: of the model.
        variant: {variants}.
        dropout_rate: the fraction dropped before the classifier; default {dropout}.
        width_multiplier: scales the filters of every convolution, rounded to multiples of 8.
        output_stride: 32, or 16 or 8 for a finer last grid: strides beyond it become dilation, with
            the same weights (for detection and segmentation).

    Returns:
        A `keras.Model` from images in [-1, 1] (`preprocess_input`), (batch, height, width,
        channels), to what the classifier, the pooling or the last grid gives.

    Raises:
        ValueError: an argument is outside what is said above; the message names what is allowed.
"""


def constructor(module, name, architectures, doc, options=None):
    """Makes the public function of a network, `InceptionV4(...)` for example.

    Args:
        module, name: where the function is to be found.
        architectures: the variants, the default first.
        doc: first lines of the docstring, and the arguments that `options` adds.
        options: `options(architecture, *, ...)` returns the architecture changed by arguments that
            only this network has; they become keyword arguments of the constructor.
    """
    first = architectures[0]
    variants = {architecture.variant: architecture for architecture in architectures}

    def network(
        include_top=True,
        weights="default",
        input_tensor=None,
        input_shape=None,
        pooling=None,
        classes=IMAGENET_CLASSES,
        classifier_activation="softmax",
        name=first.id,
        *,
        variant=first.variant,
        dropout_rate=None,
        width_multiplier=1.0,
        output_stride=32,
        **extra,
    ):
        if variant not in tuple(variants):
            raise ValueError(f"variant must be {_allowed(variants)}, got {variant!r}")
        unknown = set(extra) - set(extra_names)
        if unknown:
            raise TypeError(
                f"{network.__name__}() has no argument {', '.join(map(repr, sorted(unknown)))}; "
                f"allowed: {', '.join(network.__signature__.parameters)}"
            )
        architecture = variants[variant]
        if options is not None:
            architecture = options(architecture, **extra)
        return build(
            architecture,
            include_top=include_top,
            weights=weights,
            input_tensor=input_tensor,
            input_shape=input_shape,
            pooling=pooling,
            classes=classes,
            classifier_activation=classifier_activation,
            name=name,
            dropout_rate=dropout_rate,
            width_multiplier=width_multiplier,
            output_stride=output_stride,
        )

    added = [] if options is None else list(inspect.signature(options).parameters.values())[1:]
    extra_names = [parameter.name for parameter in added]
    own = [p for p in inspect.signature(network).parameters.values() if p.name != "extra"]
    network.__signature__ = inspect.Signature(own + added)
    network.__module__, network.__name__, network.__qualname__ = module, name, name
    network.__doc__ = doc.rstrip() + "\n" + _arguments(architectures)
    return network


def with_residual_scale(architecture, *, residual_scale=None):
    """The option of both Inception-ResNets: one factor, or three for the A, B and C blocks."""
    if residual_scale is None:
        residual_scale = RESIDUAL_SCALES
    scales = (residual_scale,) * 3 if _is_number(residual_scale) else residual_scale
    fits = isinstance(scales, (tuple, list)) and len(scales) == 3
    if not fits or not all(_is_positive(scale) for scale in scales):
        raise ValueError(
            "residual_scale must be a positive number, or three for the A, B and C blocks, "
            f"got {residual_scale!r}"
        )
    stack = functools.partial(architecture.stack, scales=tuple(map(float, scales)))
    return dataclasses.replace(architecture, stack=stack)


def _allowed(values):
    return " or ".join(repr(value) for value in values)


def _each(architectures, value):
    """Words for a value that may differ between variants."""
    words = {}
    for architecture in architectures:
        words.setdefault(str(value(architecture)), []).append(f"`{architecture.variant}`")
    if len(words) == 1:
        return next(iter(words))
    return " or ".join(f"{word} ({', '.join(variants)})" for word, variants in words.items())


def _arguments(architectures):
    tags = _each(architectures, lambda a: _allowed((*a.weights, None)))
    return ARGUMENTS.format(
        weights=f'"default" (the public ImageNet weights where there are any), {tags}',
        minimum=_each(architectures, lambda a: a.minimum),
        size=_each(architectures, lambda a: a.size),
        classes=_each(architectures, lambda a: a.classes),
        variants=_allowed(a.variant for a in architectures),
        dropout=_each(architectures, lambda a: a.dropout_rate),
    )


def build(
    architecture,
    *,
    include_top,
    weights,
    input_tensor,
    input_shape,
    pooling,
    classes,
    classifier_activation,
    name,
    dropout_rate,
    width_multiplier,
    output_stride,
):
    """Builds one architecture; arguments as in `ARGUMENTS`, which the public functions show."""
    if dropout_rate is None:
        dropout_rate = architecture.dropout_rate
    if isinstance(classes, _Default):
        classes = architecture.classes
    _check(pooling, classes, dropout_rate, width_multiplier, output_stride)
    classes = int(classes)
    weights = _resolve_weights(architecture, weights, width_multiplier)
    images = _images(architecture, include_top, input_tensor, input_shape)
    momentum = architecture.batch_norm_momentum
    with (
        _open_weights(architecture, weights, include_top) as (how, load_into),
        scale_width(width_multiplier),
        batch_norm_momentum(momentum),
        foreign_padding(how.symmetric_padding, how.pool_counts_padding),
    ):
        x = architecture.stack(_scaled(images, how.scaling))
        if output_stride < max(OUTPUT_STRIDES):
            x = dilate(images, x, output_stride)
        if include_top:
            x = architecture.head(x, classes, dropout_rate, activation=classifier_activation)
        elif pooling == "avg":
            x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
        elif pooling == "max":
            x = keras.layers.GlobalMaxPooling2D(name="max_pool")(x)
        inputs = images if input_tensor is None else keras.utils.get_source_inputs(images)
        if isinstance(inputs, list) and len(inputs) == 1:
            inputs = inputs[0]  # a list would want lists at every call
        model = keras.Model(inputs, x, name=name)
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


def _scaled(images, scaling):
    """Images in [-1, 1] on the scale that the weights' publisher used; `None` is the same.

    Other numbers of channels get red's, green's and blue's in turn, a single one their mean.
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


def _check(pooling, classes, dropout_rate, multiplier, output_stride):
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "only the channels_last data format is supported: images are (batch, height, width, "
            "channels); call keras.config.set_image_data_format('channels_last')"
        )
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be {_allowed(POOLINGS)}, got {pooling!r}")
    if isinstance(classes, bool) or not isinstance(classes, numbers.Integral) or classes < 1:
        raise ValueError(f"classes must be a whole number of at least 1, got {classes!r}")
    if not _is_number(dropout_rate) or not 0 <= dropout_rate < 1:
        raise ValueError(f"dropout_rate must be at least 0 and below 1, got {dropout_rate!r}")
    if not _is_positive(multiplier):
        raise ValueError(f"width_multiplier must be a positive number, got {multiplier!r}")
    if output_stride not in OUTPUT_STRIDES:
        raise ValueError(f"output_stride must be {_allowed(OUTPUT_STRIDES)}, got {output_stride!r}")


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_positive(value):
    return _is_number(value) and 0 < value < float("inf")


def _resolve_weights(architecture, weights, multiplier):
    """Returns a tag, a path or `None`; the default is the first public weights there are."""
    tags = architecture.weights
    if isinstance(weights, str) and weights == "default":
        weights = weights_package.default_tag(architecture.id, architecture.variant)
    is_tag = isinstance(weights, str) and weights in tags
    if is_tag and multiplier != 1:
        raise ValueError(
            f"the {weights!r} weights are of the full width, not of width_multiplier={multiplier}; "
            "use weights=None, or the path of a file of that width"
        )
    if weights is None or is_tag or exists(weights):
        return weights
    known = _allowed((*tags, None))
    network = architecture.id + (f" ({architecture.variant})" if architecture.variant else "")
    raise ValueError(
        f"weights={absence(weights)}, and {network} has no public weights of "
        f"that name; allowed: {known}, or the path of a file"
    )


def _images(architecture, include_top, input_tensor, input_shape):
    """Returns the Keras tensor of the images, new or the caller's, of a checked shape."""
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
    """A shape of any kind (tuple, list, array, TensorShape) as a list; else what it was."""
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
