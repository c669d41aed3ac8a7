"""The forms of a network that `benchmark` compares: how each is written, and how it is run."""

import dataclasses
import importlib.util
import subprocess
import sys
from collections.abc import Callable

from keras_inception import export
from keras_inception.analysis.benchmark import forget_peak, peak_memory
from keras_inception.evaluation.predictors import FilePredictor, predictor


@dataclasses.dataclass(frozen=True)
class Form:
    """One form.

    Attributes:
        file: its name in the folder of the benchmark.
        write: `write(model, path, representative, data_dir)`.
        load: `load(path, threads)` gives a `Predictor`.
        packages: that it needs beyond the package's own.
    """

    file: str
    write: Callable
    load: Callable = lambda path, threads: predictor(path)
    packages: tuple = ()


def _file(path, threads, **options):
    return FilePredictor(path, num_threads=threads, **options)


def _saved_model(**options):
    def write(model, path, representative, data_dir):
        export.saved_model(model, path, overwrite=True, **options)

    return write


def _tflite(mode):
    def write(model, path, representative, data_dir):
        pictures = representative if mode in export.CALIBRATED_MODES else None
        export.tflite(model, path, mode, pictures, data_dir=data_dir, overwrite=True)

    return write


def _other(function):
    def write(model, path, representative, data_dir):
        function(model, path, overwrite=True)

    return write


def _keras_export(model, path, representative, data_dir):
    model.export(str(path), verbose=False)


def _keras_served(path, threads):
    """Loads what `model.export` wrote, to be called as a server calls it."""
    import tensorflow as tf

    from keras_inception.evaluation.predictors import Predictor

    model = tf.saved_model.load(str(path))
    serve = model.signatures["serving_default"]
    ((name, spec),) = serve.structured_input_signature[1].items()
    ((output, answer),) = serve.structured_outputs.items()

    class Served(Predictor):
        loaded = model  # a signature does not keep its variables alive

        def _run(self, crops):
            return serve(**{name: tf.constant(crops)})[output]

    return Served(str(path), tuple(spec.shape), tuple(answer.shape), None, path)


FORMS = {
    "keras": Form("model.keras", lambda model, path, representative, data_dir: model.save(path)),
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


def missing(form):
    """The packages that a form needs and that are not installed."""
    return [name for name in FORMS[form].packages if importlib.util.find_spec(name) is None]


def memory(form, path, threads, batch):
    """Bytes that a process of its own takes for a form, beyond what it has before loading it."""
    code = (
        "import pathlib; from keras_inception.cli import benchmark_forms; "
        f"benchmark_forms.print_memory({form!r}, pathlib.Path({str(path)!r}), {threads}, {batch})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{form} cannot be run in a process of its own: {done.stderr[-500:]}")
    return int(done.stdout.split()[-1])


def print_memory(form, path, threads, batch):
    """What `memory` runs."""
    import numpy as np
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


def set_threads(threads):
    """Gives TensorFlow so many threads; it has to be before its first work in a process."""
    import tensorflow as tf

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
