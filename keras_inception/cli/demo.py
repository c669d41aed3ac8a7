"""The main job in small: trains a narrow network on the embedded photo_patches and uses it.

It builds the data set, trains with the recipe `demo`, writes a SavedModel and TFLite files,
evaluates every form with 1 and 10 crops, classifies JPEG files with each, and writes results.json
and report.html. It takes a few minutes on two cores and downloads nothing.
"""

import contextlib
import dataclasses
import json
import pathlib
import time

import keras
import tensorflow as tf
from absl import flags

from keras_inception import export, training
from keras_inception.cli import common_flags, demo_report
from keras_inception.cli.errors import UsageError
from keras_inception.cli.train import overridden, write_labels
from keras_inception.data import pipeline
from keras_inception.evaluation import evaluate, predictor
from keras_inception.export.parity import size_on_disk
from keras_inception.files import replacing

CROPS = (1, 10)
FORMS = {  # form: its file or folder
    "keras": "model.keras",
    "saved_model": "saved_model",
    "tflite_float32": "model_float32.tflite",
    "tflite_float16": "model_float16.tflite",
    "tflite_dynamic": "model_dynamic.tflite",
    "tflite_int8": "model_int8.tflite",
}
TOP = 3  # classes named for each picture


@dataclasses.dataclass(frozen=True)
class Classified:
    """One encoded picture, its true class, and what each form said: form -> [(name, p), ...]."""

    picture: bytes
    truth: str
    answers: dict


def define_flags(flag_values):
    flags.DEFINE_string(
        "output_dir", "build/demo", "The folder for everything it writes.", flag_values=flag_values
    )
    common_flags.define_seed(flag_values)
    common_flags.define_epochs(flag_values)
    common_flags.define_data_dir(flag_values)


def run(flag_values, arguments):
    if arguments:
        raise UsageError(f"demo takes no {arguments[0]!r}, only flags")
    folder, data_dir = pathlib.Path(flag_values.output_dir), flag_values.data_dir
    recipe = overridden(training.RECIPES["demo"], flag_values)
    seconds = {}
    with _step("data", f"building {recipe.dataset}", seconds):
        names = write_labels(recipe, folder, data_dir)
    with _step("training", f"training {recipe.network} for {recipe.epochs} epochs", seconds):
        result = training.train(recipe, folder, data_dir=data_dir, resume=False)
    with _step("export", "exporting", seconds):
        parities = _export(result.model, folder, names, recipe.dataset, data_dir)
    with _step("evaluation", "evaluating on the test split", seconds):
        forms = {form: predictor(folder / file) for form, file in FORMS.items()}
        evaluations = _evaluate(forms, recipe.dataset, data_dir)
    with _step("classification", "classifying JPEG files", seconds):
        patches = _classify(forms, *_test_pictures(recipe.dataset, names, data_dir))
        photographs = _classify(forms, *_whole_photographs())
    results = {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "epochs": recipe.epochs,
        "parameters": result.model.count_params(),
        "test_pictures": len(patches),
        "seconds": sum(seconds.values()),
        "seconds_by_step": seconds,
        "top1": _by_form(evaluations, lambda found: found.top1),
        "top5": _by_form(evaluations, lambda found: found.top5),
        "top1_standard_error": _by_form(evaluations, lambda found: found.top1_standard_error),
        "agreement": _agreement(patches),
        "agreement_on_whole_photographs": _agreement(photographs),
        "largest_difference": {f: parity.largest_difference for f, parity in parities.items()},
        "sizes": {form: size_on_disk(folder / file) for form, file in FORMS.items()},
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }
    _write(folder / "results.json", json.dumps(results, indent=2) + "\n")
    text = demo_report.html(results, recipe, result.history, evaluations, patches, photographs)
    _write(folder / "report.html", text)
    _print_summary(results, folder)


def _export(model, folder, names, dataset, data_dir):
    """Writes every form but Keras's own, over an earlier run's; says how close each is to Keras."""
    files = {form: folder / file for form, file in FORMS.items()}
    parities = {
        "saved_model": export.saved_model(model, files["saved_model"], names, overwrite=True)
    }
    for form in (form for form in FORMS if form.startswith("tflite")):
        mode = form.removeprefix("tflite_")
        seen = dataset if mode in export.CALIBRATED_MODES else None
        options = {"class_names": names, "data_dir": data_dir, "overwrite": True}
        parities[form] = export.tflite(model, files[form], mode, seen, **options)
    for parity in parities.values():
        print(f"  {parity}")
    return parities


def _evaluate(forms, dataset, data_dir):
    """`{form: {crops: Evaluation}}`."""
    return {
        form: {crops: evaluate(model, dataset, crops, data_dir=data_dir) for crops in CROPS}
        for form, model in forms.items()
    }


def _test_pictures(dataset, names, data_dir):
    """The JPEG bytes of the test split and the names of their classes."""
    examples = list(pipeline.encoded_examples(dataset, "test", data_dir).as_numpy_iterator())
    return [picture for picture, _ in examples], [names[label] for _, label in examples]


def _whole_photographs():
    """The photographs that the patches were cut from, as JPEG bytes, and their names."""
    from keras_inception.data.photo_patches import PHOTOGRAPHS, read_photograph

    pictures = [tf.io.encode_jpeg(read_photograph(name), quality=95) for name in PHOTOGRAPHS]
    return [picture.numpy() for picture in pictures], list(PHOTOGRAPHS)


def _classify(forms, pictures, truths):
    """Encoded pictures in, class names out, with every form."""
    answers = {
        form: [
            best
            for start in range(0, len(pictures), 64)
            for best in model.classify(pictures[start : start + 64], TOP)
        ]
        for form, model in forms.items()
    }
    return [
        Classified(picture, truth, {form: answers[form][i] for form in FORMS})
        for i, (picture, truth) in enumerate(zip(pictures, truths, strict=True))
    ]


def _agreement(classified):
    """`{form: fraction of the pictures that it gives the same name as Keras}`."""
    return {
        form: sum(c.answers[form][0][0] == c.answers["keras"][0][0] for c in classified)
        / len(classified)
        for form in FORMS
    }


def _by_form(evaluations, figure):
    return {
        form: {str(crops): figure(found) for crops, found in by_crops.items()}
        for form, by_crops in evaluations.items()
    }


@contextlib.contextmanager
def _step(name, title, seconds):
    print(f"{title} ...", flush=True)
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start
    print(f"  {name}: {seconds[name]:.1f} s", flush=True)


def _write(path, text):
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _print_summary(results, folder):
    for form in FORMS:
        accuracies = ", ".join(
            f"{results['top1'][form][str(crops)]:.2%} ({crops} crop{'s' * (crops > 1)})"
            for crops in CROPS
        )
        print(f"{form:15} top-1 {accuracies}; as Keras: {results['agreement'][form]:.2%}")
    print(f"{results['seconds']:.0f} s in all; the report is {folder / 'report.html'}")
