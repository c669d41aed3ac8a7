"""One task of a cluster: the command `train` with the stand-ins of `made_up.py`, slowed down.

    python task.py SECONDS FLAG ...

Each step takes SECONDS at least, so that a test has the time to stop a task in its middle.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import made_up

from keras_inception.cli.main import main
from keras_inception.training import position


def run(seconds, flags, setattr_=setattr):
    """Runs the command `train`; `setattr_` is what changes the package."""
    made_up.put_in_place(setattr_, made_up.plain_network)
    count = position.Position.on_train_batch_end

    def wait_and_count(self, batch, logs=None):
        time.sleep(seconds)
        count(self, batch, logs)

    setattr_(position.Position, "on_train_batch_end", wait_and_count)
    return main(["train", *map(str, flags)])


if __name__ == "__main__":
    sys.exit(run(float(sys.argv[1]), sys.argv[2:]))
