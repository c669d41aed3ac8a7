"""The forms of a network that `benchmark` compares: how each is written, and how it is run."""

from __future__ import annotations

import dataclasses
import importlib.util
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_inception import export
from keras_inception.analysis.benchmark import forget_peak, peak_memory
from keras_inception.evaluation.predictors import FilePredictor, Predictor, predictor
from keras_inception.export.calibration import Representative

Write = Callable[[keras.Model, pathlib.Path, Representative], Any]
Load = Callable[[pathlib.Path, "int | None"], Predictor]


@dataclasses.dataclass(frozen=True)
class Form:
    """One form of a network.

    Attributes:
        file: its name in the folder of the benchmark.
        write: `write(model, path, representative)` writes it, calibrated with the pictures of
            `representative` if its arithmetic is in whole numbers.
        load: `load(path, threads)` makes a `Predictor` of it.
        packages: the packages that it needs beside the package's own.
    """

    file: str
    write: Write
    load: Load = lambda path, threads: predictor(path)
    packages: tuple[str, ...] = ()


def _file(path: pathlib.Path, threads: int | None, **options: Any) -> Predictor:
    return FilePredictor(path, num_threads=threads, **options)


def _saved_model(**options: Any) -> Write:
    def write(model: keras.Model, path: pathlib.Path, representative: Representative) -> None:
        export.saved_model(model, path, overwrite=True, **options)

    return write


def _tflite(mode: str) -> Write:
    def write(model: keras.Model, path: pathlib.Path, representative: Representative) -> None:
        pictures = representative if mode in export.CALIBRATED_MODES else None
        export.tflite(model, path, mode, pictures, overwrite=True)

    return write


def _other(function: Callable[..., Any]) -> Write:
    def write(model: keras.Model, path: pathlib.Path, representative: Representative) -> None:
        function(model, path, overwrite=True)

    return write


def _keras(model: keras.Model, path: pathlib.Path, representative: Representative) -> None:
    model.save(path)


def _keras_export(model: keras.Model, path: pathlib.Path, representative: Representative) -> None:
    model.export(str(path), verbose=False)


def _keras_served(path: pathlib.Path, threads: int | None) -> Predictor:
    """Loads what `model.export` wrote, to be called as a server calls it."""
    import tensorflow as tf

    model = tf.saved_model.load(str(path))
    serve = model.signatures["serving_default"]
    ((name, spec),) = serve.structured_input_signature[1].items()
    ((output, answer),) = serve.structured_outputs.items()

    class Served(Predictor):
        loaded = model  # a signature does not keep its variables alive

        def _run(self, crops: np.ndarray) -> Any:
            return serve(**{name: tf.constant(crops)})[output]

    return Served(str(path), tuple(spec.shape), tuple(answer.shape), None, path)


FORMS = {
    "keras": Form("model.keras", _keras),
    "keras_export": Form("keras_export", _keras_export, _keras_served),
    "saved_model": Form("saved_model", _saved_model()),
    "saved_model_bfloat16": Form("bfloat16", _saved_model(precision="bfloat16")),
    **{
        f"tflite_{mode}": Form(f"{mode}.tflite", _tflite(mode), _file, ("ai_edge_litert",))
        for mode in export.MODES
    },
    "onnxruntime": Form(
        "model.onnx", _other(export.onnx), _file, ("tf2onnx", "onnx", "onnxruntime")
    ),
    "openvino": Form("model.xml", _other(export.openvino), _file, ("openvino",)),
    "openvino_bfloat16": Form(
        "model.xml",
        _other(export.openvino),
        lambda path, threads: _file(path, threads, precision="bf16"),
        ("openvino",),
    ),
}


def missing(form: str) -> list[str]:
    """Returns the packages that a form needs and that are not installed."""
    return [name for name in FORMS[form].packages if importlib.util.find_spec(name) is None]


def memory(form: str, path: pathlib.Path, threads: int | None, batch: int) -> int:
    """Returns the bytes that a form takes in a process of its own.

    What the process has before it loads the form does not count.

    Raises:
        RuntimeError: the process failed.
    """
    code = (
        "import pathlib; from keras_inception.cli import benchmark_forms; "
        f"benchmark_forms.print_memory({form!r}, pathlib.Path({str(path)!r}), {threads}, {batch})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{form} cannot be run in a process of its own: {done.stderr[-500:]}")
    return int(done.stdout.split()[-1])


def print_memory(form: str, path: pathlib.Path, threads: int | None, batch: int) -> None:
    """Prints what `memory` returns, in the process that it starts."""
    import tensorflow as tf

    set_threads(threads)
    for package in FORMS[form].packages[-1:]:
        importlib.import_module(package)
    tf.constant(0)
    forget_peak()
    before = peak_memory()
    model = FORMS[form].load(path, threads)
    for _ in range(3):
        model(np.zeros((batch, model.size, model.size, 3), "float32"))
    print(peak_memory() - before)


def set_threads(threads: int | None) -> None:
    """Gives TensorFlow so many threads, before its first work in this process."""
    import tensorflow as tf

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
