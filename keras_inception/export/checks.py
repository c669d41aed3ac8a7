"""What every export asks of a model, its labels and its place, before anything is written."""

from keras_inception.files import settle


def classifier_shape(model):
    """The side of the pictures that `model` takes, in pixels, and its number of classes.

    Raises:
        ValueError: it is not one softmax over one square RGB picture of a fixed size.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"{model.name} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; only a "
            "model with one each can be exported"
        )
    images, output = tuple(model.inputs[0].shape), tuple(model.outputs[0].shape)
    if len(images) != 4 or images[1] is None or images[1] != images[2] or images[3] != 3:
        raise ValueError(
            f"{model.name} takes {images}; only (batch, size, size, 3) with a fixed size can be "
            "exported: build the model with an input_shape"
        )
    if len(output) != 2 or output[1] is None:
        raise ValueError(f"{model.name} gives {output}; only (batch, classes) can be exported")
    return images[1], output[1]


def computes_in_float32(model):
    """Whether every layer does, as opposed to mixed precision."""
    return all(layer.compute_dtype == "float32" for layer in model.layers)


def refuse_existing(overwrite, *paths):
    """Raises FileExistsError where there is something at a path (`None`: none) that has to stay."""
    paths = [path for path in paths if path is not None]
    for path in paths:
        settle(path)
    for path in paths:
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists; --overwrite replaces it")


def label_names(labels, classes):
    """The labels as a list of strings; `None` gives the classes' numbers.

    Raises:
        ValueError: there are not as many labels as classes, or one is empty or has a line break.
    """
    if labels is None:
        return [str(i) for i in range(classes)]
    names = [str(label) for label in labels]
    if len(names) != classes:
        raise ValueError(f"{len(names)} labels for {classes} classes")
    for name in names:
        if not name.strip() or name.splitlines() != [name]:
            raise ValueError(f"the label {name!r} is empty or has a line break")
    return names
