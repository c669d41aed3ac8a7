"""Measures the Frechet inception distance (FID) between two sets of pictures.

--data and --against are each photo_patches, folder:PATH (with class folders or, as generated
pictures lie, without), a name that tensorflow-datasets knows, or an .npz file of statistics: of
this command, of pytorch-fid or of the authors' code. With --output the statistics of --data are
written to a file, to be given in place of these pictures another time. --against may then be
missing.

Pictures need a network. Published figures are made with Inception-v3 of 2015-12-05: give its file
as --weights (the error without it says where to find it). --model compares the features of another
network.
"""

from __future__ import annotations

import json

from absl import flags

from keras_inception.cli import common_flags, models
from keras_inception.cli.errors import UsageError
from keras_inception.data import as_dataset
from keras_inception.evaluation import Statistics, frechet_distance, statistics
from keras_inception.evaluation.generated import features

USAGE = "--data=PICTURES [--against=PICTURES] [--output=FILE] [flags]"
_SPLIT = "the only one there is, or else test"


def define_flags(flag_values: flags.FlagValues) -> None:
    define = common_flags.Definer(flag_values)
    define.text("weights", "The file of weights of Inception-v3 of 2015-12-05.")
    define.model(
        f"{common_flags.KERAS_MODEL}. Its output, or the pool before a classifier, is compared"
    )
    define.data(also="; or an .npz file of statistics")
    define.data_dir()
    define.split(without=_SPLIT)
    define.text("against", "The pictures to compare --data with, given in the same way.")
    define.text("against_split", f"Split of --against (default: {_SPLIT}).")
    define.output("The .npz file for the statistics of --data, mu and sigma (default: none).")
    define.batch_size(default=32)
    define.json()


def run(flag_values: flags.FlagValues, arguments: list[str]) -> None:
    sets = [
        (flag_values.data, flag_values.split),
        (flag_values.against, flag_values.against_split),
    ]
    sets = [(source, split) for source, split in sets if source is not None]
    output = flag_values.output
    if arguments or flag_values.data is None or len(sets) < (1 if output else 2):
        raise UsageError(f"fid needs {USAGE}: two sets, or one and --output for its statistics")
    if output and not output.endswith(".npz"):
        raise UsageError(f"--output={output}: the name of the file must end in .npz")
    if output and _is_file(flag_values.data):
        raise UsageError(f"{flag_values.data} has the statistics already that --output would write")
    if flag_values.model and flag_values.weights:
        raise UsageError("--model and --weights both name the network: give only one of them")
    network = None
    if not all(_is_file(source) for source, _ in sets):  # before pictures are opened
        model = models.load(flag_values.model) if flag_values.model else None
        network = features(model, flag_values.weights)
    found: list[Statistics] = []
    for source, split in sets:
        if _is_file(source):
            found.append(Statistics.load(source))
        else:
            pictures = as_dataset(source, split, flag_values.data_dir, labelled=False)
            batch_size = flag_values.batch_size
            found.append(statistics(pictures, model=network, batch_size=batch_size))
        if output and len(found) == 1:  # at once: the other set may take hours
            found[0].save(output)
    distance = frechet_distance(*found) if len(found) == 2 else None
    print(_as_json(distance, found) if flag_values.json else _as_text(distance, found))


def _is_file(source: str) -> bool:
    """Tells a file of statistics from the name of a data set."""
    return source.endswith(".npz")


def _as_text(distance: float | None, found: list[Statistics]) -> str:
    lines = [f"{s.source}: {_pictures(s)}, {s.mu.size} features" for s in found]
    return "\n".join([*lines, *([] if distance is None else [f"FID {distance:.4f}"])])


def _pictures(found: Statistics) -> str:
    if found.pictures is None:
        return "an unknown number of pictures"
    return f"{found.pictures} pictures"


def _as_json(distance: float | None, found: list[Statistics]) -> str:
    sets = [
        {
            "source": one.source,
            "pictures": one.pictures,
            "features": one.mu.size,
            "network": one.network,
        }
        for one in found
    ]
    return json.dumps({"fid": distance, "sets": sets}, ensure_ascii=False)
