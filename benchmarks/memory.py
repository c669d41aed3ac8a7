"""How much memory the input pipelines take: over an epoch, and with the size of the data set.

    python benchmarks/memory.py [--pictures=100000] [--repeats=3]

Resident memory (Linux only: it is read from /proc) of child processes that iterate over pictures
of 500 x 375 pixels, as training views of 299 x 299 or as evaluation crops, medians of several:

- of a folder after a twentieth of its pictures, and after a quarter;
- of a folder and of a data set of tensorflow-datasets, each of all pictures and of an eighth of
  them, after a fortieth.

Wants 6 GB on the disk, and a machine at rest: on a busy one more or fewer batches are made ahead.
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
SHAPE = (375, 500)
CLASSES = 10
# tensorflow-datasets has up to 32 files open and reads 8 MB of each in advance, and training has
# 4,096 pictures to shuffle among. An eighth of the pictures are files enough (100) for both to be
# full when memory is read: with fewer, files are at their end by then and their memory is free.
PICTURES_IN_A_FILE = 125
GROWTH = 0.02  # at most, of what is resident at the first mark
PER_PICTURE = 500  # bytes at most by which a larger data set takes more: a folder's paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100_000, help="a multiple of 1000")
    parser.add_argument("--repeats", type=int, default=3, help="how often each is measured")
    parser.add_argument("--child", help=argparse.SUPPRESS)  # of this script's own children
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.child:
        work(*arguments.child.split("|"))
        return
    most = arguments.pictures
    marks = [most // 20, most // 4]
    sizes, early = (most // 8, most), most // 40
    with tempfile.TemporaryDirectory() as root:
        pictures = photographs()
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
    print(f" {after / before - 1:+.1%}, wanted at most {GROWTH:.0%}", flush=True)


def by_size(label, found):
    (few, small), (many, large) = found.items()
    per_picture = 1e6 * (large - small) / (many - few)
    print(f"  {label}: {small:.0f} of {few} pictures, {large:.0f} of {many}:", end="")
    print(f" {per_picture:.0f} bytes a picture, wanted at most {PER_PICTURE}", flush=True)


def resident(repeats, root, kind, name, marks):
    """Pictures to MB resident after that many: medians of children of their own."""
    words = [sys.executable, __file__, f"--child={root}|{kind}|{name}|{','.join(map(str, marks))}"]
    found = {mark: [] for mark in marks}
    for _ in range(repeats):
        printed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        for count, mb in map(str.split, printed.splitlines()):
            found[int(count)].append(float(mb))
    return {mark: statistics.median(values) for mark, values in found.items()}


def work(root, kind, name, marks):
    """A child: prints how much is resident after each number of pictures of `marks`."""
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


def photographs():
    """Each photograph as a JPEG of `SHAPE`."""
    import tensorflow as tf

    from keras_inception.data.photo_patches import PHOTOGRAPHS, read_photograph

    pictures = []
    for name in PHOTOGRAPHS:
        resized = tf.image.resize(read_photograph(name), SHAPE, antialias=True)
        pixels = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
        pictures.append(tf.io.encode_jpeg(pixels, quality=95).numpy())
    return pictures


def write_folder(folder, pictures, count):
    """Class folders with so many files, which are links to a few."""
    for number in range(count):
        path = folder / f"class{number % CLASSES}" / f"picture_{number:08}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        original = folder.parent.parent / f"{number % len(pictures)}.jpg"
        if not original.exists():
            original.write_bytes(pictures[number % len(pictures)])
        path.hardlink_to(original)


def write_tfds(root, pictures, count):
    import tensorflow_datasets as tfds

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
