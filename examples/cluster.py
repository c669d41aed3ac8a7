"""Trains on a cluster: on the machines in TF_CONFIG, or on two workers on this machine.

    python examples/cluster.py WORKDIR ['{"epochs": 4}']

Without TF_CONFIG it starts two synchronous workers on this machine by `keras-inception launch`,
each of which trains on half of every batch. With TF_CONFIG it is one task of a real cluster. Run
the same command on every machine, with WORKDIR and the data on storage that all of them see:

    export TF_CONFIG='{"cluster": {"worker": ["host1:2222", "host2:2222"]},
                       "task": {"type": "worker", "index": 0}}'

The last argument changes the recipe `demo`.
"""

import json
import os
import pathlib
import subprocess
import sys

from keras_inception import training


def join(recipe, workdir):
    """Runs as a task of the cluster in TF_CONFIG; the first worker writes the results."""
    result = training.train(recipe, workdir, strategy="multi_worker")
    print(f"validation top-1 {result.history['val_top1_accuracy'][-1]:.1%}")


def launch(recipe, workdir, workers=2):
    """Starts the workers here. If one is killed, the steps since the last checkpoint are lost."""
    workdir.mkdir(parents=True, exist_ok=True)
    file = workdir / "cluster_recipe.json"
    file.write_text(recipe.to_json(), encoding="utf-8")
    words = [sys.executable, "-m", "keras_inception.cli.main", "launch", f"--workers={workers}"]
    words += ["--", "train", f"--recipe_file={file}", f"--output={workdir}"]
    sys.exit(subprocess.call(words))


def main(workdir, changes="{}"):
    recipe = training.get_recipe("demo").replace(**json.loads(changes))
    task = join if "TF_CONFIG" in os.environ else launch
    task(recipe, pathlib.Path(workdir))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
