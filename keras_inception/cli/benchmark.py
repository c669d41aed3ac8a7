"""Compares the forms of one network: speed, memory, size, and what each costs in accuracy.

--model is a .keras or .h5 file, or the id of a network (see the list command). That is then built
with random weights and the statistics of photographs, for speed alone. Each form is written,
checked, and timed in turn with the others. With --data each is also evaluated on a data set, beside
Keras. With --output it writes results.json, latency.png and the forms themselves.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import platform
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from absl import flags

import keras_inception
from keras_inception import analysis, data
from keras_inception.analysis import benchmark
from keras_inception.cli import benchmark_forms, common_flags, models
from keras_inception.cli.benchmark_forms import FORMS
from keras_inception.cli.errors import UsageError
from keras_inception.data import preprocessing
from keras_inception.evaluation import evaluate, plots
from keras_inception.evaluation.predictors import Predictor
from keras_inception.export import calibration, parity
from keras_inception.export.calibration import Representative
from keras_inception.files import replacing, write_text

USAGE = "--model=MODEL [flags]"


def define_flags(flag_values: flags.FlagValues) -> None:
    define = common_flags.Definer(flag_values)
    define.model(common_flags.RANDOM_MODEL)
    flags.DEFINE_multi_enum(
        "form",
        None,
        list(FORMS),
        "A form to compare (default: all whose packages are installed). May be repeated.",
        flag_values=flag_values,
    )
    define.threads()
    define.batch_size(default=1)
    define.integer("repeats", "How often each form is timed.", 20)
    define.switch("memory", "Measure memory, in a process for each form.", default=True)
    define.text(
        "representative",
        "Pictures to calibrate with: a folder, photo_patches, or the name of another data set.",
        "photo_patches",
    )
    define.data(without="no accuracies")
    define.data_dir()
    define.split(default="test")
    define.output("Folder for the results, the plot and the forms (default: none).")


def run(flag_values: flags.FlagValues, arguments: list[str]) -> None:
    if flag_values.model is None or arguments:
        raise UsageError(f"benchmark needs {USAGE}")
    names = _chosen(flag_values.form)
    benchmark_forms.set_threads(flag_values.threads)
    dataset = None
    if flag_values.data:
        dataset = data.open(flag_values.data, flag_values.split, flag_values.data_dir)
    representative = calibration.opened(flag_values.representative, flag_values.data_dir)
    model = _model(flag_values.model, representative)
    with contextlib.ExitStack() as stack:
        folder = flag_values.output or stack.enter_context(tempfile.TemporaryDirectory())
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        loaded = _written(model, folder, names, representative, flag_values.threads)
        results = _measured(model, loaded, folder, flag_values)
        if dataset is not None:
            for name, found in _accuracies(loaded, dataset).items():
                results["forms"][name].update(found)
        print(as_text(results))
        if flag_values.output:
            _write(results, folder)


def _chosen(names: Sequence[str] | None) -> list[str]:
    for name in names or ():
        if benchmark_forms.missing(name):
            lacking = ", ".join(benchmark_forms.missing(name))
            raise ImportError(f"{name} needs {lacking}: pip install keras_inception[demo,runtimes]")
    chosen = names or [name for name in FORMS if not benchmark_forms.missing(name)]
    return list(dict.fromkeys(["keras", *chosen]))  # the others are compared with it


def _model(source: str, representative: Representative) -> keras.Model:
    if not models.is_network(source):
        return models.load(source)
    model = keras_inception.create_model(source, weights=None)
    take_statistics(model, calibration.pictures(representative, 8))
    return model


def take_statistics(model: keras.Model, pictures: Sequence[np.ndarray]) -> None:
    """Gives batch normalization the statistics of photographs.

    With those of a new network nearly all outputs would be the same.

    Args:
        model: a network that takes square pictures in [-1, 1].
        pictures: each (height, width, 3), pixels in [0, 255].
    """
    views = np.stack([_view(picture, model.inputs[0].shape[1]) for picture in pictures])
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    model(views, training=True)
    for norm, momentum in zip(norms, kept):
        norm.momentum = momentum


def _view(picture: np.ndarray, size: int) -> np.ndarray:
    return preprocessing.evaluation_view(picture, size).numpy()


def _written(
    model: keras.Model,
    folder: pathlib.Path,
    names: Sequence[str],
    representative: Representative,
    threads: int | None,
) -> dict[str, Predictor]:
    """Writes each form and loads it."""
    loaded = {}
    for name in names:
        form = FORMS[name]
        print(f"writing {name} ...", flush=True)
        form.write(model, folder / form.file, representative)
        loaded[name] = form.load(folder / form.file, threads)
    return loaded


def _measured(
    model: keras.Model,
    loaded: Mapping[str, Predictor],
    folder: pathlib.Path,
    flag_values: flags.FlagValues,
) -> dict[str, Any]:
    """The speed, size and memory of each form, as results.json has them."""
    print("timing ...", flush=True)
    size, batch = model.inputs[0].shape[1], flag_values.batch_size
    pictures = parity.made_up_pictures(size, batch)
    views = np.stack([_view(picture, size) for picture in pictures])
    calls = {name: lambda form=form: form(views) for name, form in loaded.items()}
    timings = benchmark.interleaved(calls, batch, flag_values.repeats)
    rate = benchmark.multiply_rate()
    operations = 2 * analysis.cost(model).macs
    rows = {}
    for name, timing in timings.items():
        path = folder / FORMS[name].file
        rows[name] = {
            "bytes": parity.size_on_disk(path),
            "seconds": {"min": timing.least, "median": timing.median, "p95": timing.p95},
            "processor_seconds": float(np.median(timing.processor)),
            "images_per_second": timing.throughput,
            "share_of_ceiling": operations * timing.throughput / rate,
        }
        if flag_values.memory:
            rows[name]["memory"] = benchmark_forms.memory(name, path, flag_values.threads, batch)
    return {
        "model": model.name,
        "size": size,
        "batch": batch,
        "threads": flag_values.threads,
        "repeats": flag_values.repeats,
        "operations": operations,
        "multiply_rate": rate,
        "processor": platform.processor() or platform.machine(),
        "forms": rows,
    }


def _accuracies(
    loaded: Mapping[str, Predictor], dataset: data.Dataset
) -> dict[str, dict[str, float]]:
    """The accuracy of each form on a data set, and how it differs from Keras."""
    found = {name: evaluate(form, dataset) for name, form in loaded.items()}
    expected = found["keras"]
    rows = {}
    for name, evaluation in found.items():
        difference = np.abs(evaluation.probabilities - expected.probabilities)
        rows[name] = {
            "top1": evaluation.top1,
            "agreement": float(np.mean(evaluation.predictions == expected.predictions)),
            "largest_difference": float(difference.max()),
            "mean_difference": float(difference.mean()),
            "pictures": evaluation.pictures,
        }
    return rows


def as_text(results: Mapping[str, Any]) -> str:
    """Returns the results as a table, below a line that says how they were measured."""
    head = ["form", "MB", "min ms", "median ms", "p95 ms", "images/s", "of ceiling"]
    columns = [
        lambda row: f"{row['bytes'] / 1e6:.2f}",
        *(lambda row, k=k: f"{1e3 * row['seconds'][k]:.2f}" for k in ("min", "median", "p95")),
        lambda row: f"{row['images_per_second']:.1f}",
        lambda row: f"{row['share_of_ceiling']:.0%}",
    ]
    first = next(iter(results["forms"].values()))
    if "memory" in first:
        head.append("memory MB")
        columns.append(lambda row: f"{row['memory'] / 1e6:.0f}")
    if "top1" in first:
        head += ["top-1", "as Keras", "largest", "mean difference"]
        columns += [
            lambda row: f"{row['top1']:.2%}",
            lambda row: f"{row['agreement']:.2%}",
            lambda row: f"{row['largest_difference']:.1e}",
            lambda row: f"{row['mean_difference']:.1e}",
        ]
    rows = [(name, *(cell(row) for cell in columns)) for name, row in results["forms"].items()]
    threads = results["threads"] or "all"
    about = (
        f"{results['model']}, {results['size']} pixels, batch {results['batch']}, {threads} "
        f"threads, {results['repeats']} repetitions in turn; ceiling: "
        f"{results['operations'] / 1e9:.2f} G operations a picture at "
        f"{results['multiply_rate'] / 1e9:.0f} G a second, a matrix product's rate in float32"
    )
    return f"{about}\n\n{analysis.table(head, rows)}"


def _write(results: Mapping[str, Any], folder: pathlib.Path) -> None:
    write_text(folder / "results.json", json.dumps(results, indent=2) + "\n")
    seconds = {name: row["seconds"] for name, row in results["forms"].items()}
    with replacing(folder / "latency.png") as temporary:
        temporary.write_bytes(plots.latency_plot(seconds))
    print(f"wrote {folder / 'results.json'} and latency.png")
