"""How long networks take to build, and the package to import, beside keras.applications and keras.

    python benchmarks/build_time.py [--builds=9] [--imports=15]

Prints two ratios. Both sides of each are measured in turn in one run, so that whatever else the
machine does strikes both, and the ratio is that of their medians. The processor's time stands
beside the time on the clock: where the machine has other work, trust it more.

Building is timed in one process, after one build of each: what a process does once (TensorFlow's
first operation, first use of each initializer) is as long as a build and would blur the ratio.
Importing happens once in a process, so each import has a fresh one, and only the import statement
is timed, without the start of Python.
"""

import argparse
import gc
import os
import statistics
import subprocess
import sys
import time

BUILD_LIMIT = 1.3  # seconds a layer, InceptionV4 against keras.applications.InceptionResNetV2
IMPORT_LIMIT = 1.1  # seconds, keras_inception against keras
CLOCKS = {"clock": time.perf_counter, "processor": time.process_time}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--builds", type=int, default=9, help="how often each network is built")
    parser.add_argument("--imports", type=int, default=15, help="how often each is imported")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    report("import, ms", import_seconds(arguments.imports), IMPORT_LIMIT)
    report("build, ms a layer", seconds_per_layer(arguments.builds), BUILD_LIMIT)


def now():
    return [read() for read in CLOCKS.values()]


def seconds_per_layer(repeats):
    """Returns name to a list of (clock, processor) seconds per layer, ours first.

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
            gc.collect()  # the last model goes now, not while the next is timed
            start = now()
            model = builder(weights=None)
            seconds = [(b - a) / len(model.layers) for a, b in zip(start, now())]
            if i > 0:
                times[name].append(seconds)
            del model
    return times


def import_seconds(repeats):
    """Returns name to a list of (clock, processor) seconds, ours first; each in a new process."""
    code = (
        "from time import perf_counter as c, process_time as p; t = c(), p(); import {}; "
        "print(c() - t[0], p() - t[1])"
    )
    times = {"keras_inception": [], "keras": []}
    for i in range(repeats + 1):  # the first reads the files into memory
        for name, seconds in times.items():
            command = [sys.executable, "-c", code.format(name)]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(done.stderr)
            if i > 0:
                seconds.append([float(figure) for figure in done.stdout.split()[-2:]])
    return times


def report(label, times, limit):
    """Prints medians, least and most of each, and the two ratios of the medians."""
    print(f"{label}, {len(next(iter(times.values())))} times")
    for i, clock in enumerate(CLOCKS):
        medians = []
        for name, seconds in times.items():
            values = [1000 * both[i] for both in seconds]
            medians.append(statistics.median(values))
            spread = f"{min(values):.4g} to {max(values):.4g}"
            print(f"  {clock:9}  {name:37}  {medians[-1]:8.4g}  ({spread})")
        ratio = medians[0] / medians[1]
        print(f"  {clock:9}  ratio {ratio:.3f}, wanted at most {limit}", flush=True)


if __name__ == "__main__":
    main()
