"""Runs the whole workflow on a small scale: trains a narrow network on photo_patches and uses it.

It builds the data set, trains with the recipe `demo`, writes a SavedModel and TFLite files,
evaluates every form with 1 and 10 crops, classifies JPEG files with each, and writes results.json
and report.html. It takes a few minutes on two cores and downloads nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from absl import flags

from keras_inception import data, export, labels, training
from keras_inception.cli import common_flags, demo_report
from keras_inception.cli.errors import UsageError
from keras_inception.cli.train import overridden
from keras_inception.evaluation import Evaluation, evaluate, predictor
from keras_inception.evaluation.predictors import Predictor
from keras_inception.export.parity import size_on_disk
from keras_inception.files import write_text

CROPS = (1, 10)
FORMS = {  # form: its file or folder
    "keras": "model.keras",
    "saved_model": "saved_model",
    "tflite_float32": "model_float32.tflite",
    "tflite_float16": "model_float16.tflite",
    "tflite_dynamic": "model_dynamic.tflite",
    "tflite_int8": "model_int8.tflite",
}
FIGURES = ("top1", "top5", "top1_standard_error")  # of an `Evaluation`
TOP = 3  # classes named for each picture
USAGE = "[flags]"
Evaluations = dict[str, dict[int, Evaluation]]  # form -> crops -> what was found


@dataclasses.dataclass(frozen=True)
class Classified:
    """A picture with what each form says about it.

    Attributes:
        encoded: the bytes of the JPEG file.
        truth: name of its class.
        answers: form -> the likeliest classes, as pairs (name, probability).
    """

    encoded: bytes
    truth: str
    answers: dict[str, list[tuple[str, float]]]


def define_flags(flag_values: flags.FlagValues) -> None:
    define = common_flags.Definer(flag_values)
    define.output("Folder for everything that the demo writes.", "build/demo")
    define.data_dir()
    define.epochs()
    define.seed("initial weights and picture order", without="the recipe's")


def run(flag_values: flags.FlagValues, arguments: list[str]) -> None:
    if arguments:
        raise UsageError(f"demo takes no {arguments[0]!r}, only flags")
    folder, data_dir = pathlib.Path(flag_values.output), flag_values.data_dir
    recipe = overridden(training.RECIPES["demo"], flag_values)
    seconds: dict[str, float] = {}
    with _step("data", f"building {recipe.dataset}", seconds):
        dataset = data.open(recipe.dataset, "test", data_dir)
        labels.write(folder / labels.FILE_NAME, dataset.class_names)
    with _step("training", f"training {recipe.network} for {recipe.epochs} epochs", seconds):
        result = training.train(recipe, folder, data_dir=data_dir, resume=False)
    assert result is not None  # only some tasks of a cluster have no result
    with _step("export", "exporting", seconds):
        representative = dataset.with_split(recipe.train_split)
        parities = _export(result.model, folder, representative)
    with _step("evaluation", "evaluating on the test split", seconds):
        forms = {form: predictor(folder / file) for form, file in FORMS.items()}
        evaluations = _evaluate(forms, dataset)
    with _step("classification", "classifying JPEG files", seconds):
        patches = _classify(forms, *_pictures(dataset))
        photographs = _classify(forms, *_whole_photographs())
    results = {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "epochs": recipe.epochs,
        "parameters": result.model.count_params(),
        "test_pictures": len(patches),
        "seconds": sum(seconds.values()),
        "seconds_by_step": seconds,
        **{figure: _by_form(evaluations, figure) for figure in FIGURES},
        "agreement": _agreement(patches),
        "agreement_on_whole_photographs": _agreement(photographs),
        "largest_difference": {f: parity.largest_difference for f, parity in parities.items()},
        "sizes": {form: size_on_disk(folder / file) for form, file in FORMS.items()},
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }
    write_text(folder / "results.json", json.dumps(results, indent=2) + "\n")
    text = demo_report.html(results, recipe, result.history, evaluations, patches, photographs)
    write_text(folder / "report.html", text)
    _print_summary(results, folder)


def _export(
    model: keras.Model,
    folder: pathlib.Path,
    representative: data.Dataset,
) -> dict[str, export.Parity]:
    """Writes every form but Keras's own, and prints how close each is to Keras.

    The forms of an earlier run are replaced. `representative` has pictures to calibrate with.
    """
    files = {form: folder / file for form, file in FORMS.items()}
    options: dict[str, Any] = {"class_names": representative.class_names, "overwrite": True}
    parities = {"saved_model": export.saved_model(model, files["saved_model"], **options)}
    for form in (form for form in FORMS if form.startswith("tflite")):
        mode = form.removeprefix("tflite_")
        seen = representative if mode in export.CALIBRATED_MODES else None
        parities[form] = export.tflite(model, files[form], mode, seen, **options)
    for parity in parities.values():
        print(f"  {parity}")
    return parities


def _evaluate(forms: Mapping[str, Predictor], dataset: data.Dataset) -> Evaluations:
    return {
        form: {crops: evaluate(model, dataset, crops) for crops in CROPS}
        for form, model in forms.items()
    }


def _pictures(dataset: data.Dataset) -> tuple[list[bytes], list[str]]:
    """The encoded pictures of a data set and the names of their classes."""
    examples = list(dataset.encoded().as_numpy_iterator())
    names = dataset.class_names
    return [encoded for encoded, _ in examples], [names[label] for _, label in examples]


def _whole_photographs() -> tuple[list[bytes], list[str]]:
    """The photographs that the patches were cut from, as JPEG files, and their names."""
    from keras_inception.data.photo_patches import PHOTOGRAPHS, read_photograph

    pictures = [tf.io.encode_jpeg(read_photograph(name), quality=95) for name in PHOTOGRAPHS]
    return [picture.numpy() for picture in pictures], list(PHOTOGRAPHS)


def _classify(
    forms: Mapping[str, Predictor], encoded: list[bytes], truths: list[str]
) -> list[Classified]:
    """Classifies encoded pictures with every form."""
    answers = {
        form: [
            best
            for start in range(0, len(encoded), 64)
            for best in model.classify(encoded[start : start + 64], TOP)
        ]
        for form, model in forms.items()
    }
    return [
        Classified(picture, truth, {form: answers[form][i] for form in FORMS})
        for i, (picture, truth) in enumerate(zip(encoded, truths, strict=True))
    ]


def _agreement(classified: Sequence[Classified]) -> dict[str, float]:
    """Form -> fraction of the pictures for which it gives the same name as Keras."""
    return {
        form: sum(c.answers[form][0][0] == c.answers["keras"][0][0] for c in classified)
        / len(classified)
        for form in FORMS
    }


def _by_form(evaluations: Evaluations, figure: str) -> dict[str, dict[str, float]]:
    return {
        form: {str(crops): getattr(found, figure) for crops, found in by_crops.items()}
        for form, by_crops in evaluations.items()
    }


@contextlib.contextmanager
def _step(name: str, title: str, seconds: dict[str, float]) -> Iterator[None]:
    """Prints a step's title and how long it took, and keeps that in `seconds`."""
    print(f"{title} ...", flush=True)
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start
    print(f"  {name}: {seconds[name]:.1f} s", flush=True)


def _print_summary(results: dict[str, Any], folder: pathlib.Path) -> None:
    for form in FORMS:
        accuracies = ", ".join(
            f"{results['top1'][form][str(crops)]:.2%} ({crops} crop{'s' * (crops > 1)})"
            for crops in CROPS
        )
        print(f"{form:15} top-1 {accuracies}; as Keras: {results['agreement'][form]:.2%}")
    print(f"{results['seconds']:.0f} s in all; the report is {folder / 'report.html'}")
