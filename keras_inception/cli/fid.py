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
from keras_inception.evaluation import Statistics, frechet_distance
from keras_inception.evaluation.generated import each_statistics

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
    output = flag_values.output
    sources = [source for source in (flag_values.data, flag_values.against) if source is not None]
    if arguments or flag_values.data is None or len(sources) < (1 if output else 2):
        raise UsageError(f"fid needs {USAGE}: two sets, or one and --output for its statistics")
    if output and not output.endswith(".npz"):
        raise UsageError(f"--output={output}: the name of the file must end in .npz")
    if output and sources[0].endswith(".npz"):
        raise UsageError(f"{sources[0]} has the statistics already that --output would write")
    if flag_values.model and flag_values.weights:
        raise UsageError("--model and --weights both name the network: give only one of them")
    found: list[Statistics] = []
    for statistics in each_statistics(
        sources,
        (flag_values.split, flag_values.against_split)[: len(sources)],
        model=models.load(flag_values.model) if flag_values.model else None,
        weights=flag_values.weights,
        data_dir=flag_values.data_dir,
        batch_size=flag_values.batch_size,
    ):
        if output and not found:  # at once: the other set may take hours
            statistics.save(output)
        found.append(statistics)
    distance = frechet_distance(*found) if len(found) == 2 else None
    print(_as_json(distance, found) if flag_values.json else _as_text(distance, found))


def _as_text(distance: float | None, found: list[Statistics]) -> str:
    lines = [f"{s.source}: {_pictures(s)}, {s.mu.size} features" for s in found]
    return "\n".join([*lines, *([] if distance is None else [f"FID {distance:.4f}"])])


def _pictures(statistics: Statistics) -> str:
    if statistics.pictures is None:
        return "an unknown number of pictures"
    return f"{statistics.pictures} pictures"


def _as_json(distance: float | None, found: list[Statistics]) -> str:
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
