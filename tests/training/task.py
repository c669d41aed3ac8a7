"""One task of a cluster: the command `train` with the stand-ins of `made_up.py`, slowed down.

    python task.py SECONDS FLAG ...

Each batch takes SECONDS at least, so that a test has the time to stop a task in its middle.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import made_up
import tensorflow as tf
from replicas import plain_network

from keras_inception.cli.main import main
from keras_inception.data import pipeline
from keras_inception.models import registry


def slow_down(seconds):
    """Makes every batch of training images wait."""
    batches = pipeline.training_batches

    def wait(images, labels):
        time.sleep(seconds)
        return labels

    def slow(*args, **kwargs):
        return batches(*args, **kwargs).map(
            lambda images, labels: (
                images,
                tf.ensure_shape(tf.numpy_function(wait, (images, labels), tf.int64), (None,)),
            )
        )

    pipeline.training_batches = slow


if __name__ == "__main__":
    made_up.put_in_place(setattr)
    registry.create_model = plain_network
    slow_down(float(sys.argv[1]))
    sys.exit(main(["train", *sys.argv[2:]]))
