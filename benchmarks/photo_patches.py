"""Measures on photo_patches what the papers claim about crops, ensembles and training.

    python benchmarks/photo_patches.py [--experiment=crops ...] [--output=build/photo_patches]

Trains the networks of `EXPERIMENTS` on the embedded data set, evaluates them on its test patches,
and prints a Markdown table for each experiment, as in `docs/results.md`. Each training and each
evaluation leaves a JSON file in the output folder, named after its recipe, so another call only
runs what is missing. `--tables` runs nothing and prints the tables of the files.

An accuracy, in percent, is the mean over repetitions, with the least and the most in brackets. Each
repetition has another seed for the initial weights and the pictures' order and crops. A gain is the
gain of a network over itself with one crop, or of an ensemble over the mean of its networks with
one crop.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import statistics

EPOCH_STAIRS = 48  # steps of the learning rate over a run, as in the recipe `demo`


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Networks to compare, trained by the recipe `demo` with some fields changed.

    Attributes:
        title: heading of the table.
        networks: name in the table -> fields of the recipe that differ.
        seeds: for each repetition a tuple of its networks' seeds. Several networks are measured
            each alone, and together as an ensemble.
        crops: numbers of crops of each picture, with one evaluation for each.
        reached: an accuracy on the validation patches, for a column with the epochs to it.
    """

    title: str
    networks: dict
    seeds: tuple = ((0,), (1,), (2,))
    crops: tuple = (1,)
    reached: float | None = None


def inception_v3(receptive_field, size):
    """Returns the fields of a recipe for a quarter-width network of 1512.00567, Table 2."""
    return {
        "network": "inception_v3",
        "network_arguments": {"width_multiplier": 0.25, "receptive_field": receptive_field},
        "size": size,
        "epochs": 24,  # with 8 it stays at 83 % of the validation patches
    }


def rethinking(network="inception_v3", size=32, epochs=16, **fields):
    """Returns the fields of a recipe with the numbers of `inception_v3`, for a small network.

    Our choices are those that a short run on small batches needs: batch, length, averages that
    follow sooner, and the demo's training view.
    """
    narrow = {
        "inception_v3": {"width_multiplier": 0.25, "receptive_field": 79},
        "inception_v4": {"width_multiplier": 0.125},
        "inception_resnet_v2": {"width_multiplier": 0.125},
    }
    arguments = {**narrow[network], **fields.pop("network_arguments", {})}
    return {
        "network": network,
        "network_arguments": arguments,
        "size": size,
        "epochs": epochs,
        "batch_size": 32,
        "optimizer": "rmsprop",
        "learning_rate": 0.1,  # the best of `RMSPROP_RATES`
        "rho": 0.9,
        "epsilon": 1.0,
        "auxiliary_weight": 0.4,
        "average_decay": 0.99,
        **fields,
    }


SGD = {"optimizer": "sgd", "rho": None, "epsilon": None}
# Adam as most people start with it.
ADAM = {
    "optimizer": "adam",
    "rho": 0.999,
    "epsilon": 1e-7,
    "clip_norm": None,
    "auxiliary_weight": 0.0,
    "label_smoothing": 0.0,
    "average_decay": None,
}
# Each optimizer is compared at the rate that did best on the validation patches.
ADAM_RATES = (0.001, 0.003, 0.01)
RMSPROP_RATES = (0.045, 0.1, 0.2)  # the paper has 0.045, for batches of 32 on many replicas
# The ReLU between the two 3x3 that stand for a 5x5 (1512.00567, Fig. 2 and section 3.1).
BETWEEN = ("mixed_5b_branch2_1_3x3", "mixed_5c_branch2_1_3x3", "mixed_5d_branch2_1_3x3")

EXPERIMENTS = {
    "crops": Experiment(
        "Crops and ensembles",
        {"Inception-v1": {}},
        seeds=((0, 1, 2), (3, 4, 5), (6, 7, 8)),
        crops=(1, 10, 12, 144),
    ),
    # The sides are about in the paper's proportion, and all three have the same grids from
    # `mixed_5b` on: 7 x 7, 3 x 3 and 1 x 1.
    "receptive_fields": Experiment(
        "Receptive fields at equal cost",
        {
            "Inception-v3, 299": inception_v3(299, 79),
            "Inception-v3, 151": inception_v3(151, 41),
            "Inception-v3, 79": inception_v3(79, 22),
        },
    ),
    "rates": Experiment(
        "Rates",
        {
            **{f"recipe, {rate}": rethinking(learning_rate=rate) for rate in RMSPROP_RATES},
            **{f"Adam, {rate}": rethinking(**ADAM, learning_rate=rate) for rate in ADAM_RATES},
        },
        seeds=((0,),),
    ),
    "ingredients": Experiment(
        "Ingredients of the recipe",
        {
            "all": rethinking(),
            "Adam": rethinking(**ADAM, learning_rate=0.003),
            "without auxiliary classifier": rethinking(auxiliary_weight=0.0),
            "without label smoothing": rethinking(label_smoothing=0.0),
            "without average": rethinking(average_decay=None),
            "without clipping": rethinking(clip_norm=None),
            "momentum SGD": rethinking(**SGD),
            "linear between the two 3x3": rethinking(name="linear"),
        },
    ),
    "residuals": Experiment(
        "Residual connections",
        {
            "Inception-v4": rethinking("inception_v4", 75),
            "Inception-ResNet-v2": rethinking("inception_resnet_v2", 75),
            "Inception-ResNet-v2, not scaled": rethinking(
                "inception_resnet_v2", 75, network_arguments={"residual_scale": 1.0}
            ),
        },
        reached=0.85,
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiment", action="append", choices=EXPERIMENTS, help="repeatable")
    parser.add_argument("--output", type=pathlib.Path, default="build/photo_patches")
    parser.add_argument("--data_dir", help="folder of tensorflow-datasets' data")
    parser.add_argument("--tables", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    for name in arguments.experiment or EXPERIMENTS:
        experiment = EXPERIMENTS[name]
        if not arguments.tables:
            run(experiment, arguments.output, arguments.data_dir)
        print(f"### {experiment.title}\n\n{table(experiment, arguments.output)}\n", flush=True)


def run(experiment, folder, data_dir):
    """Trains and evaluates the networks whose files are missing."""
    for network in experiment.networks:
        for seeds in experiment.seeds:
            recipes = [recipe(experiment, network, seed) for seed in seeds]
            for r in recipes:
                train(r, folder, data_dir)
            for crops in experiment.crops:
                evaluate(recipes, crops, folder, data_dir)


def recipe(experiment, network, seed):
    from keras_inception.training.recipes import RECIPES

    demo = RECIPES["demo"]
    fields = {**experiment.networks[network], "seed": seed}
    epochs = fields.get("epochs", demo.epochs)
    return demo.replace(decay_epochs=epochs / EPOCH_STAIRS, **fields)


def home(recipe, folder):
    """Returns the folder of a trained network, which all experiments with its recipe share."""
    fields = {name: value for name, value in recipe.to_dict().items() if name != "sources"}
    digest = hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:8]
    return folder / "networks" / f"{recipe.network}-seed{recipe.seed}-{digest}"


def train(recipe, folder, data_dir):
    from keras_inception import training
    from keras_inception.analysis import cost

    place = home(recipe, folder)
    if read(place / "run.json"):
        return
    print(f"training {place.name}", flush=True)
    with linear(BETWEEN if recipe.name == "linear" else ()):
        trained = training.train(recipe, place, data_dir=data_dir, progress=False)
    counted = cost(trained.model)
    figures = {
        "macs": counted.macs,
        "parameters": counted.parameters,
        "seconds": trained.seconds,
        "validation": trained.history["val_top1_accuracy"],
    }
    write(place / "run.json", figures)


@contextlib.contextmanager
def linear(names):
    """Within this context, networks are made without the ReLU of these layers."""
    import keras

    from keras_inception.models import registry

    def copied(layer):
        config = layer.get_config()
        if layer.name in names:
            config["activation"] = "linear"
        return type(layer).from_config(config)

    create = registry.create_model

    def create_linear(*args, **kwargs):
        model = create(*args, **kwargs)
        if not {layer.name for layer in model.layers}.issuperset(names):
            raise ValueError(f"{model.name} lacks one of {names}")
        copy = keras.models.clone_model(model, clone_function=copied)
        copy.architecture = model.architecture
        return copy

    registry.create_model = create_linear if names else create
    try:
        yield
    finally:
        registry.create_model = create


def results_file(recipes, crops, folder):
    names = "+".join(home(r, folder).name for r in recipes)
    return folder / "evaluations" / f"{names}-{crops}crops.json"


def evaluate(recipes, crops, folder, data_dir):
    from keras_inception import evaluation

    file = results_file(recipes, crops, folder)
    if read(file):
        return
    print(f"evaluating {file.stem}", flush=True)
    models = [home(r, folder) / "model.keras" for r in recipes]
    found = evaluation.evaluate(
        models, recipes[0].dataset, crops, split="test", data_dir=data_dir, progress=False
    )
    write(file, found.summary())


def table(experiment, folder):
    """Returns a table with a row per network, number of crops and size of the ensemble."""
    head = ["network", "pixels", "MACs", "networks", "crops", "top-1", "top-5"]
    together, several = len(experiment.seeds[0]), len(experiment.crops) > 1
    if several:
        head.append("gain in top-1")
    if experiment.reached:
        head.append(f"epochs to {experiment.reached:.0%} of the validation patches, each seed")
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for network in experiment.networks:
        for count in sorted({1, together}):
            for crops in experiment.crops:
                row = cells(experiment, network, count, crops, folder)
                if row:
                    lines.append("| " + " | ".join([network, *row]) + " |")
    return "\n".join(lines)


def cells(experiment, network, count, crops, folder):
    """Returns a row's cells after the network's name; empty if an evaluation is missing."""
    found = evaluations(experiment, network, crops, folder)
    first = evaluations(experiment, network, experiment.crops[0], folder)
    if not found or not first:
        return []
    recipes = [recipe(experiment, network, seed) for seeds in experiment.seeds for seed in seeds]
    runs = [read(home(r, folder) / "run.json") for r in recipes]
    row = [str(recipes[0].size), f"{runs[0]['macs'] / 1e6:.1f} M", str(count), str(crops)]
    row += [spread(accuracies(found, count, key)) for key in ("top1", "top5")]
    if len(experiment.crops) > 1:
        is_base = (count, crops) == (1, experiment.crops[0])
        row.append("" if is_base else spread(gains(first, found, count), "+"))
    if experiment.reached:
        row.append(", ".join(epochs_to(experiment.reached, run["validation"]) for run in runs))
    return row


def evaluations(experiment, network, crops, folder):
    """Returns the results for each tuple of seeds; empty if one is missing."""
    groups = [[recipe(experiment, network, seed) for seed in s] for s in experiment.seeds]
    found = [read(results_file(group, crops, folder)) for group in groups]
    return [] if None in found else found


def accuracies(found, count, key):
    """Returns the accuracies of each network alone, or of each ensemble."""
    if count == 1:
        found = [alone for evaluated in found for alone in evaluated["each_model"]]
    return [evaluated[key] for evaluated in found]


def gains(first, found, count):
    """Returns the gains over `first`: of networks, or of ensembles over their networks' mean."""
    if count == 1:
        base = accuracies(first, 1, "top1")
    else:
        base = [statistics.mean(accuracies([one], 1, "top1")) for one in first]
    return [after - before for before, after in zip(base, accuracies(found, count, "top1"))]


def spread(values, sign=""):
    """Returns mean, least and most of fractions as text, in percent."""
    values = [100 * value for value in values]
    return (
        f"{statistics.mean(values):{sign}.1f} ({min(values):{sign}.1f} to {max(values):{sign}.1f})"
    )


def epochs_to(accuracy, validation):
    """Returns the number of the first epoch, from 1, that reached an accuracy, as text."""
    reached = [epoch for epoch, value in enumerate(validation, 1) if value >= accuracy]
    return str(reached[0]) if reached else f"not in {len(validation)}"


def read(path):
    return json.loads(path.read_text()) if path.is_file() else None


def write(path, figures):
    from keras_inception.files import replacing

    with replacing(path) as temporary:
        temporary.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
