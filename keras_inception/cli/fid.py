"""Measures the Frechet inception distance (FID) between two sets of pictures.

A and B are each a tensorflow-datasets name, photo_patches, folder:PATH (with class folders or, as
generated pictures lie, without) or an .npz of statistics, of this command, pytorch-fid or the
authors' code. With --save_statistics those of A are written, to be given in place of A another
time; B may then be missing.

Pictures need a network: --weights=FILE for Inception-v3 of 2015-12-05, with which published figures
are made (without it the error says where the weights are), or --model=FILE for another.
"""

import json

from absl import flags

from keras_inception.cli import common_flags
from keras_inception.cli.errors import UsageError
from keras_inception.data import as_dataset
from keras_inception.evaluation import frechet_distance
from keras_inception.evaluation.generated import each_statistics
from keras_inception.evaluation.predictors import keras_model

USAGE = "A [B] [--save_statistics=FILE]"


def define_flags(flag_values):
    flags.DEFINE_string(
        "weights",
        None,
        "A file of weights of Inception-v3 of 2015-12-05.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "model",
        None,
        "A .keras or .h5 file of another network; its output, or a classifier's pool, is compared.",
        flag_values=flag_values,
    )
    for letter in "ab":
        flags.DEFINE_string(
            f"split_{letter}",
            None,
            f"Which part of {letter.upper()}; by default the only one there is, or else test.",
            flag_values=flag_values,
        )
    flags.DEFINE_string(
        "save_statistics",
        None,
        "The .npz for the statistics of A, mu and sigma.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "batch_size",
        32,
        "Pictures put through the network at a time.",
        lower_bound=1,
        flag_values=flag_values,
    )
    flags.DEFINE_bool("json", False, "Print one JSON object.", flag_values=flag_values)
    common_flags.define_data_dir(flag_values)


def run(flag_values, arguments):
    save = flag_values.save_statistics
    if len(arguments) != 2 and not (save and len(arguments) == 1):
        raise UsageError(f"fid needs {USAGE}: two sets, or one whose statistics are saved")
    if save and not save.endswith(".npz"):
        raise UsageError(f"--save_statistics={save}: the name of the file must end in .npz")
    if save and arguments[0].endswith(".npz"):
        raise UsageError(f"the statistics of {arguments[0]} are saved already")
    if flag_values.model and flag_values.weights:
        raise UsageError("the network is of --model or of --weights: give one of them")
    found = []
    for statistics in each_statistics(
        [
            source if source.endswith(".npz") else _opened(source, split, flag_values)
            for source, split in zip(arguments, (flag_values.split_a, flag_values.split_b))
        ],
        model=keras_model(flag_values.model) if flag_values.model else None,
        weights=flag_values.weights,
        batch_size=flag_values.batch_size,
    ):
        if save and not found:  # at once: the other set may take hours
            statistics.save(save)
        found.append(statistics)
    distance = frechet_distance(*found) if len(found) == 2 else None
    print(_as_json(distance, found) if flag_values.json else _as_text(distance, found))


def _opened(source, split, flag_values):
    return as_dataset(source, split, flag_values.data_dir, labelled=False)


def _as_text(distance, found):
    lines = [f"{s.source}: {_pictures(s)}, {s.mu.size} features" for s in found]
    return "\n".join([*lines, *([] if distance is None else [f"FID {distance:.4f}"])])


def _pictures(statistics):
    if statistics.pictures is None:
        return "an unknown number of pictures"
    return f"{statistics.pictures} pictures"


def _as_json(distance, found):
    sets = [
        {
            "source": statistics.source,
            "pictures": statistics.pictures,
            "features": statistics.mu.size,
            "network": statistics.network,
        }
        for statistics in found
    ]
    return json.dumps({"fid": distance, "sets": sets}, ensure_ascii=False)
