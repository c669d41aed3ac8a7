"""How much memory the input pipelines take: over an epoch, and with the size of the data set.

    python benchmarks/memory.py [--pictures=25000]

Resident memory (Linux only: it is read from /proc) of child processes that iterate over pictures
of 500 x 375 pixels, as training views of 299 x 299 or as evaluation crops:

- of a folder of all pictures after a fifth of them, and after all;
- of a folder and of a data set of tensorflow-datasets, each of all pictures and of a fifth as many,
  after a fifth of the pictures.
"""

import argparse
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SIZE, BATCH = 299, 25
SHAPE = (375, 500)
CLASSES = 10
# Of tensorflow-datasets up to 32 files are open, 8 MB of each read in advance: where a data set has
# more files, more pictures take no more memory. ImageNet has 1,024.
PICTURES_IN_A_FILE = 125
GROWTH = 0.02  # at most, of what is resident after a fifth of an epoch
PER_PICTURE = 500  # bytes at most by which a larger data set takes more: a folder's paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=25_000, help="a multiple of 625")
    parser.add_argument("--child", help=argparse.SUPPRESS)  # of this script's own children
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.child:
        work(*arguments.child.split("|"))
        return
    some, most = arguments.pictures // 5, arguments.pictures
    with tempfile.TemporaryDirectory() as root:
        pictures = photographs()
        for count in (some, most):
            write_folder(pathlib.Path(root) / f"folder{count}" / "train", pictures, count)
            write_tfds(root, pictures, count)
        print("MB resident")
        for kind in ("training", "evaluation"):
            over_an_epoch(root, kind, f"folder:{root}/folder", some, most)
            by_size(root, kind, "folder", f"folder:{root}/folder", some, most)
            by_size(root, kind, "tensorflow-datasets", "pictures", some, most)


def over_an_epoch(root, kind, name, some, most):
    after = resident(root, kind, f"{name}{most}", [some, most])
    growth = after[most] / after[some] - 1
    print(
        f"  {kind}: {after[some]:.0f} after {some} pictures, {after[most]:.0f} after {most}:",
        end="",
    )
    print(f" {growth:+.1%}, wanted at most {GROWTH:.0%}", flush=True)


def by_size(root, kind, label, name, some, most):
    small, large = (resident(root, kind, f"{name}{n}", [some])[some] for n in (some, most))
    per_picture = 1e6 * (large - small) / (most - some)
    print(f"  {kind}, {label}: {small:.0f} of {some} pictures, {large:.0f} of {most}:", end="")
    print(f" {per_picture:.0f} bytes a picture, wanted at most {PER_PICTURE}", flush=True)


def resident(root, kind, name, marks):
    """Pictures to MB resident after that many, in a child of its own."""
    child = [sys.executable, __file__, f"--child={root}|{kind}|{name}|{','.join(map(str, marks))}"]
    printed = subprocess.run(child, check=True, capture_output=True, text=True).stdout
    return {int(count): float(mb) for count, mb in map(str.split, printed.splitlines())}


def work(root, kind, name, marks):
    """A child: prints how much is resident after each number of pictures of `marks`."""
    from keras_inception.data import pipeline

    make = {"training": pipeline.training_batches, "evaluation": pipeline.evaluation_batches}[kind]
    marks = {int(mark) for mark in marks.split(",")}
    batches = make(name, SIZE, BATCH, split="train", data_dir=root)
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
