"""Compares building networks and importing the package with keras.applications and keras.

    python benchmarks/build_time.py [--builds=9] [--imports=15]

Prints two ratios, measured as `clocks.py` describes.

Building is timed in one process, after one build of each network. Some work is done once in a
process (TensorFlow's first operation, the first use of each initializer). It takes as long as a
build and would distort the ratio. A process imports a package only once, so each import has a new
process. Only the import statement is timed, without the start of Python.
"""

import argparse
import gc
import os
import subprocess
import sys

import clocks

BUILD_LIMIT = 1.3  # time per layer, InceptionV4 against keras.applications.InceptionResNetV2
IMPORT_LIMIT = 1.1  # time, keras_inception against keras


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--builds", type=int, default=9, help="number of builds of each network")
    parser.add_argument("--imports", type=int, default=15, help="number of imports of each package")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    imports, builds = arguments.imports, arguments.builds
    times = import_seconds(imports)
    clocks.report(f"import, ms, {imports} times", times, f"at most {IMPORT_LIMIT}")
    times = seconds_per_layer(builds)
    clocks.report(f"build, ms per layer, {builds} times", times, f"at most {BUILD_LIMIT}")


def seconds_per_layer(repeats):
    """Returns name -> list of (clock, processor) seconds per layer, ours first.

    keras.applications has no Inception-v4; its Inception-ResNet-v2 has the same kinds of layers.
    """
    import keras

    import keras_inception

    builders = {
        "keras_inception.InceptionV4": keras_inception.InceptionV4,
        "keras.applications.InceptionResNetV2": keras.applications.InceptionResNetV2,
    }
    times = {name: [] for name in builders}
    for i in range(repeats + 1):
        for name, builder in builders.items():
            gc.collect()  # removes the last model now, not while the next one is timed
            seconds, model = clocks.timed(lambda builder=builder: builder(weights=None))
            if i > 0:
                times[name].append([value / len(model.layers) for value in seconds])
            del model
    return times


def import_seconds(repeats):
    """Returns name -> list of (clock, processor) seconds, ours first; each in a new process."""
    code = (
        "from time import perf_counter as c, process_time as p; t = c(), p(); import {}; "
        "print(c() - t[0], p() - t[1])"
    )
    times = {"keras_inception": [], "keras": []}
    for i in range(repeats + 1):  # the first import reads the files into memory
        for name, seconds in times.items():
            command = [sys.executable, "-c", code.format(name)]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(done.stderr)
            if i > 0:
                seconds.append([float(figure) for figure in done.stdout.split()[-2:]])
    return times


if __name__ == "__main__":
    main()
