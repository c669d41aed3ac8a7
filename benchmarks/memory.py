"""Measures the memory of the input pipelines over an epoch, and with the size of the data set.

    python benchmarks/memory.py [--pictures=100000] [--repeats=3]

Child processes iterate over pictures of 500 x 375 pixels, as training views of 299 x 299 or as
evaluation crops. Their resident memory is read from /proc (so only Linux will do), as the median
of several runs:

- for a folder, after a twentieth of its pictures and after a quarter;
- for a folder and a data set of tensorflow-datasets, each with all pictures and with an eighth of
  them, after a fortieth.

It needs 6 GB of disk space and an idle machine: on a busy one more or fewer batches are made ahead.
"""

import argparse
import functools
import io
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

SIZE, BATCH = 299, 25
CLASSES = 10
# tensorflow-datasets has up to 32 files open and reads 8 MB of each in advance, and training
# shuffles among 4,096 pictures. An eighth of the pictures makes enough files (100) for both to be
# full when memory is read. With fewer, some files have ended by then and their memory is free.
PICTURES_IN_A_FILE = 125
GROWTH = 0.02  # at most, as a fraction of the memory at the first mark
PER_PICTURE = 500  # at most, bytes for each picture more in a data set: a folder's paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100_000, help="a multiple of 1000")
    parser.add_argument("--repeats", type=int, default=3, help="number of measurements of each")
    parser.add_argument("--child", help=argparse.SUPPRESS)  # of this script's own children
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.child:
        work(*arguments.child.split("|"))
        return
    most = arguments.pictures
    marks = [most // 20, most // 4]
    sizes, early = (most // 8, most), most // 40
    from photographs import encoded

    with tempfile.TemporaryDirectory() as root:
        pictures = encoded()
        for count in sizes:
            write_folder(pathlib.Path(root) / f"folder{count}" / "train", pictures, count)
            write_tfds(root, pictures, count)
        print("MB resident")
        for kind in ("training", "evaluation"):
            measure = functools.partial(resident, arguments.repeats, root, kind)
            over_an_epoch(kind, measure(f"folder:{root}/folder{most}", marks))
            for label, name in (
                ("folder", f"folder:{root}/folder"),
                ("tensorflow-datasets", "pictures"),
            ):
                found = {size: measure(f"{name}{size}", [early])[early] for size in sizes}
                by_size(f"{kind}, {label}", found)


def over_an_epoch(kind, found):
    (early, before), (late, after) = found.items()
    print(f"  {kind}: {before:.0f} after {early} pictures, {after:.0f} after {late}:", end="")
    print(f" {after / before - 1:+.1%}, limit: at most {GROWTH:.0%}", flush=True)


def by_size(label, found):
    (few, small), (many, large) = found.items()
    per_picture = 1e6 * (large - small) / (many - few)
    print(f"  {label}: {small:.0f} with {few} pictures, {large:.0f} with {many}:", end="")
    print(f" {per_picture:.0f} bytes per picture, limit: at most {PER_PICTURE}", flush=True)


def resident(repeats, root, kind, name, marks):
    """Returns numbers of pictures -> resident MB after them: medians of several children."""
    words = [sys.executable, __file__, f"--child={root}|{kind}|{name}|{','.join(map(str, marks))}"]
    found = {mark: [] for mark in marks}
    for _ in range(repeats):
        printed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        for count, mb in map(str.split, printed.splitlines()):
            found[int(count)].append(float(mb))
    return {mark: statistics.median(values) for mark, values in found.items()}


def work(root, kind, name, marks):
    """Runs in a child: prints the resident memory after each number of pictures in `marks`."""
    from keras_inception import data

    dataset = data.open(name, "train", root)
    make = {"training": dataset.training_batches, "evaluation": dataset.evaluation_batches}[kind]
    marks = {int(mark) for mark in marks.split(",")}
    batches = make(SIZE, BATCH)
    for number, _ in enumerate(batches, 1):
        if number * BATCH in marks:
            status = pathlib.Path("/proc/self/status").read_text()
            print(number * BATCH, int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1000)
        if number * BATCH == max(marks):
            return


def write_folder(folder, pictures, count):
    """Writes class folders with `count` files, which are links to a few."""
    for number in range(count):
        path = folder / f"class{number % CLASSES}" / f"picture_{number:08}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        original = folder.parent.parent / f"{number % len(pictures)}.jpg"
        if not original.exists():
            original.write_bytes(pictures[number % len(pictures)])
        path.hardlink_to(original)


def write_tfds(root, pictures, count):
    import tensorflow_datasets as tfds
    from photographs import SHAPE

    features = {
        "image": tfds.features.Image(shape=(*SHAPE, 3), encoding_format="jpeg"),
        "label": tfds.features.ClassLabel(num_classes=CLASSES),
    }
    examples = (
        (i, {"image": io.BytesIO(pictures[i % len(pictures)]), "label": i % CLASSES})
        for i in range(count)
    )
    tfds.dataset_builders.store_as_tfds_dataset(
        name=f"pictures{count}",
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={"train": examples},
        data_dir=root,
        download_config=tfds.download.DownloadConfig(num_shards=count // PICTURES_IN_A_FILE),
    )


if __name__ == "__main__":
    main()
