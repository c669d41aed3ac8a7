"""Compares the speed of each form of a network with the limits that this package sets itself.

    python benchmarks/forms.py --folder=build/forms --write [--network=inception_v3]
    python benchmarks/forms.py --folder=build/forms [--network=inception_v3] [--batch_size=1]

The first call writes every form whose packages are installed. It takes minutes, and any machine
will do. The second call times them in turn, with one thread each, and prints medians and ratios
with their limits; run it with `taskset -c 0` for one core. Then it times `predict` on a JPEG of
500 x 375 pixels against the network alone. Weights are random, with batch-norm statistics of
photographs: no form's speed depends on their values.
"""

import argparse
import os
import pathlib

RATIOS = [  # (faster form, slower form, least ratio of medians, batches)
    ("saved_model", "keras_export", 1.07, (1, 8)),
    ("saved_model_bfloat16", "keras_export", 1.8, (1,)),
    ("tflite_dynamic", "tflite_float32", 3.2, (1,)),
    ("tflite_int8", "tflite_float32", 2.4, (1,)),
    ("tflite_float32", "onnxruntime", 0.95, (1,)),
    ("tflite_float32", "openvino", 0.95, (1,)),
]
FASTEST = 1.6  # least ratio of our fastest form against OpenVINO in bfloat16
SLOW = ("tflite_int16x8",)  # left out: LiteRT runs it in plain loops, in 100 times int8's time
PREDICT = 1.15  # time of `predict` for a picture, against the network alone


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--network", default="inception_v3")
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--form", action="append", help="only this one; may be repeated")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"

    from keras_inception.cli import benchmark_forms

    benchmark_forms.set_threads(arguments.threads)
    folder = arguments.folder / arguments.network
    if arguments.write:
        write(arguments.network, folder, arguments.form)
        return
    timings = timed(folder, arguments)
    print_ratios(timings, arguments.batch_size)
    if arguments.batch_size == 1:
        predict(folder / "saved_model", arguments.repeats)


def write(network, folder, only):
    import keras_inception
    from keras_inception.cli import benchmark, benchmark_forms
    from keras_inception.export import calibration

    model = keras_inception.create_model(network, weights=None)
    pictures = calibration.pictures("photo_patches", 32)
    benchmark.take_statistics(model, pictures[:8])
    folder.mkdir(parents=True, exist_ok=True)
    for name, form in benchmark_forms.FORMS.items():
        path = folder / form.file
        is_wanted = name in only if only else name not in SLOW
        if is_wanted and not path.exists() and not benchmark_forms.missing(name):
            print(f"writing {path} ...", flush=True)
            form.write(model, path, pictures)


def timed(folder, arguments):
    """Times all forms that were written: form -> `Timing`."""
    import numpy as np

    from keras_inception.analysis import benchmark
    from keras_inception.cli import benchmark_forms

    forms = {
        name: form.load(folder / form.file, arguments.threads)
        for name, form in benchmark_forms.FORMS.items()
        if name not in SLOW and (folder / form.file).exists() and not benchmark_forms.missing(name)
    }
    size = next(iter(forms.values())).size
    views = np.random.default_rng(0).uniform(-1, 1, (arguments.batch_size, size, size, 3))
    views = views.astype("float32")
    calls = {name: lambda form=form: form(views) for name, form in forms.items()}
    timings = benchmark.interleaved(calls, arguments.batch_size, arguments.repeats)
    rate = benchmark.multiply_rate()
    print(
        f"{arguments.network}, batch {arguments.batch_size}, {arguments.threads} threads, "
        "ms a picture"
    )
    print(f"a matrix product of 2048 reaches {rate / 1e9:.0f} GFLOP/s in float32")
    for name, timing in timings.items():
        times = (timing.least, timing.median, timing.p95)
        times = "  ".join(f"{1e3 * t / arguments.batch_size:8.2f}" for t in times)
        print(f"  {name:22}  min, median, 95 %: {times}", flush=True)
    return timings


def print_ratios(timings, batch):
    """Prints each ratio with its limit, which is for InceptionV3."""
    for faster, slower, limit, batches in RATIOS:
        if batch in batches and faster in timings and slower in timings:
            ratio = timings[slower].median / timings[faster].median
            print(f"  {faster} / {slower}: {ratio:.2f} times as fast, limit: at least {limit}")
    other = "openvino_bfloat16"
    ours = {name: t.median for name, t in timings.items() if name.startswith(("tflite", "saved"))}
    if batch == 1 and other in timings and ours:
        fastest = min(ours, key=ours.get)
        ratio = timings[other].median / ours[fastest]
        print(f"  {fastest} / {other}: {ratio:.2f} times as fast, limit: at least {FASTEST}")


def predict(path, repeats):
    """Times `predict` on a picture, which is decoded and classified, and the network on a view."""
    import numpy as np
    import photographs

    from keras_inception.analysis import benchmark
    from keras_inception.evaluation import predictor

    (picture,) = photographs.encoded(["chelsea"])
    for model in (path, path.parent / "model.keras"):
        if not model.exists():
            continue
        form = predictor(model)
        view = np.zeros((1, form.size, form.size, 3), "float32")
        calls = {
            "network": lambda form=form, view=view: form(view),
            "predict": lambda form=form: form.classify([picture]),
        }
        timings = benchmark.interleaved(calls, 1, repeats)
        network, whole = (timings[name].median for name in calls)
        print(
            f"  predict with {model.name}: {1e3 * whole:.2f} ms a picture, the network alone "
            f"{1e3 * network:.2f}: {whole / network:.3f} times, limit: at most {PREDICT}"
        )


if __name__ == "__main__":
    main()
