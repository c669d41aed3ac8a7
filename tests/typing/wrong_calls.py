"""Calls that a type checker must refuse; each line says with which of mypy's errors.

It is read, never run.
"""

import keras_inception
from keras_inception import layers


def wrong() -> None:
    keras_inception.InceptionV4(clases=3)  # call-arg
    keras_inception.InceptionV4(classes="3")  # arg-type
    keras_inception.InceptionV4(pooling="mean")  # arg-type
    keras_inception.InceptionV4(variant="paper")  # arg-type
    keras_inception.InceptionV3(variant="paper")  # arg-type
    keras_inception.InceptionV3(residual_scale=0.1)  # call-arg
    keras_inception.InceptionV3(output_stride=4)  # arg-type
    keras_inception.InceptionV5()  # attr-defined
    keras_inception.trainings  # attr-defined
    keras_inception.create_model(3)  # arg-type
    keras_inception.list_models()[0].pixels  # attr-defined
    keras_inception.end_points()  # call-arg
    keras_inception.freeze(None, until=None, batch_norm="off")  # arg-type
    layers.conv(64)  # call-arg
    layers.max_pool(3, padding="full")  # arg-type
    layers.reduced_module(None, 64, 96, 128, 16, 32, 32)  # arg-type
    layers.inception_v4_steam(None)  # attr-defined
