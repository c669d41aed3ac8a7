"""Measures the time and memory of loading InceptionV4, beside TensorFlow's reader alone.

    python benchmarks/load_time.py [--loads=9]

A checkpoint of all variables (1001 classes) is written first. The first ratio compares the medians
of `keras_inception.weights.load` and of a loop that reads each tensor with
`tf.train.load_checkpoint`, in turn in one process. The second ratio is the growth of a new
process's resident memory, at its peak during loading, over the file's size. The model is built
before. (The memory is read from /proc, so only Linux will do.)
"""

import argparse
import ctypes
import gc
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

TIME_LIMIT = 3.0  # in units of the time of TensorFlow's reader alone
MEMORY_LIMIT = 1.2  # in units of the file's size
ARGUMENTS = {"classes": 1001, "include_top": True}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loads", type=int, default=9, help="number of loads each way")
    parser.add_argument("--memory_of", help=argparse.SUPPRESS)  # of this script's own child
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if arguments.memory_of:
        print(growth(arguments.memory_of))
        return
    with tempfile.TemporaryDirectory() as folder:
        prefix = write_checkpoint(pathlib.Path(folder) / "inception_v4.ckpt")
        size = sum(file.stat().st_size for file in pathlib.Path(folder).iterdir())
        ours, reader = seconds(prefix, arguments.loads)
        ratio = statistics.median(ours) / statistics.median(reader)
        print(f"weights.load                 {statistics.median(ours):.3f} s")
        print(f"tf.train.load_checkpoint     {statistics.median(reader):.3f} s")
        print(f"ratio                        {ratio:.2f} (limit {TIME_LIMIT})")
        command = [sys.executable, __file__, f"--memory_of={prefix}"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        grown = int(done.stdout.split()[-1])
        print(f"memory beyond the model      {grown / 1e6:.0f} MB, the file {size / 1e6:.0f} MB")
        print(f"ratio                        {grown / size:.2f} (limit {MEMORY_LIMIT})")


def build():
    import keras_inception

    return keras_inception.InceptionV4(weights=None, **ARGUMENTS)


def write_checkpoint(path):
    """Writes a network's variables under TF-Slim's names; returns the prefix."""
    import tensorflow as tf

    values = {slim_name(v.path): tf.convert_to_tensor(v) for v in build().weights}
    names = sorted(values)
    tf.raw_ops.SaveV2(
        prefix=str(path),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[values[name] for name in names],
    )
    return str(path)


def slim_name(path):
    """Returns a name like TF-Slim's; names inside a branch only have to sort in running order."""
    layer, variable = path.split("/")
    tail = {"kernel": "weights", "bias": "biases"}.get(variable, f"BatchNorm/{variable}")
    if layer == "predictions":
        return f"InceptionV4/Logits/Logits/{tail}"
    layer = re.sub("_(conv|bn)$", "", layer)
    match = re.fullmatch(r"(.+)_branch(\d)_(\w+)", layer)
    if match:
        return f"InceptionV4/{match[1].capitalize()}/Branch_{match[2]}/Conv2d_{match[3]}/{tail}"
    return f"InceptionV4/{layer.capitalize()}/{tail}"


def seconds(prefix, repeats):
    """Returns two lists of seconds: `load`, and TensorFlow's reader alone, without a first try."""
    import tensorflow as tf

    from keras_inception.weights import load

    model, times = build(), ([], [])
    for i in range(repeats + 1):
        start = time.perf_counter()
        load(model, prefix)
        middle = time.perf_counter()
        reader = tf.train.load_checkpoint(prefix)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
        if i > 0:
            times[0].append(middle - start)
            times[1].append(time.perf_counter() - middle)
    return times


def growth(prefix):
    """Returns by how many bytes this process's resident memory grows at its peak while loading."""
    from keras_inception.weights import load

    model = build()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else memory freed after building hides what loading takes
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = kilobytes("VmRSS")
    load(model, prefix)
    return 1024 * (kilobytes("VmHWM") - before)


def kilobytes(field):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+) kB", status)[1])


if __name__ == "__main__":
    main()
