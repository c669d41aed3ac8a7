"""One task of a cluster: the command `train` with the stand-ins of `made_up.py`, slowed down.

    python task.py SECONDS FLAG ...

Each step takes SECONDS at least, so that a test has the time to stop a task in its middle.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import made_up
from replicas import plain_network

from keras_inception.cli.main import main
from keras_inception.models import registry
from keras_inception.training import position


def slow_down(seconds):
    """Makes every step take longer."""
    count = position.Position.on_train_batch_end

    def wait_and_count(self, batch, logs=None):
        time.sleep(seconds)
        count(self, batch, logs)

    position.Position.on_train_batch_end = wait_and_count


if __name__ == "__main__":
    made_up.put_in_place(setattr)
    registry.create_model = plain_network
    slow_down(float(sys.argv[1]))
    sys.exit(main(["train", *sys.argv[2:]]))
