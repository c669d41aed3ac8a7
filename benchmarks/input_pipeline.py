"""How fast training views are made, beside decode-all-then-crop and torchvision.

    python benchmarks/input_pipeline.py [--rounds=9] [--batches=10]

JPEGs of 500 x 375 pixels to random views of 299 x 299, images per second. Each contestant is a
process of its own on its own cores, and they work in turn, round after round, so that whatever else
the machine does strikes all; between its rounds a process is stopped, so that it makes nothing
beforehand. The ratios are those of the medians. One core each, but for the last:

- ours: `data.training_batches` on a folder;
- the same pipeline with a view that decodes the whole picture and then crops it, all further
  operations equal;
- torchvision's v2 transforms on Pillow's pictures, where torch and torchvision are installed, in
  a loop of the process itself: a DataLoader's workers would only cost;
- ours on two cores.
"""

import argparse
import importlib.util
import itertools
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

SIZE, BATCH = 299, 32
LIMITS = {  # (contestant, colour): how many times as fast ours is at least
    ("decode, then crop", "none"): 1.12,
    ("decode, then crop", "full"): 1.05,
    ("torchvision", "full"): 2.5,
}
TWO_CORES = 1.7
PICTURES = 64


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="how often each is timed")
    parser.add_argument("--batches", type=int, default=10, help=f"of {BATCH}, in a round")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)  # of this script's own children
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.contestant:
        work(*arguments.contestant.split("|"))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(pathlib.Path(folder) / "train" / "photograph")
        has_torch = importlib.util.find_spec("torchvision") is not None
        names = ["ours", "decode, then crop", *(["torchvision"] if has_torch else [])]
        contests = [(name, color, 1) for color in ("none", "full") for name in names]
        contests += [("ours", color, 2) for color in ("none", "full")]
        report(race(contests, folder, arguments.rounds, arguments.batches))


def race(contests, folder, rounds, batches):
    """Returns contest to a list of views per second, one a round."""
    speeds = {contest: [] for contest in contests}
    children = {contest: start(contest, folder) for contest in contests}
    for number in range(rounds + 1):
        for contest, child in children.items():
            child.send_signal(signal.SIGCONT)
            print(batches, file=child.stdin, flush=True)
            seconds = float(child.stdout.readline())
            child.send_signal(signal.SIGSTOP)
            if number:  # the first round warms up
                speeds[contest].append(BATCH * batches / seconds)
    for child in children.values():
        child.send_signal(signal.SIGCONT)
        child.stdin.close()
        child.wait()
    return speeds


def start(contest, folder):
    name, color, cores = contest
    return subprocess.Popen(
        [sys.executable, __file__, f"--contestant={name}|{color}|{cores}|{folder}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def report(speeds):
    medians = {contest: statistics.median(values) for contest, values in speeds.items()}
    print(f"views of {SIZE} x {SIZE} per second: median (least to most)")
    for (name, color, cores), values in speeds.items():
        label = f"{name}, colour {color}, {cores} core{'s' * (cores > 1)}"
        print(f"  {label:44} {medians[name, color, cores]:6.0f}", end="")
        print(f"  ({min(values):.0f} to {max(values):.0f})")
    for (name, color), limit in LIMITS.items():
        if (name, color, 1) in medians:
            ratio = medians["ours", color, 1] / medians[name, color, 1]
            print(f"  ours / {name}, colour {color}: {ratio:.2f}, wanted at least {limit}")
    for color in ("none", "full"):
        ratio = medians["ours", color, 2] / medians["ours", color, 1]
        print(f"  two cores / one, colour {color}: {ratio:.2f}, wanted at least {TWO_CORES}")


def work(name, color, cores, folder):
    """A child: times the making of so many batches as each line of standard input says."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    make = {"ours": ours, "decode, then crop": decode_then_crop, "torchvision": torchvision}[name]
    views = make(folder, color)
    for line in sys.stdin:
        begun = time.perf_counter()
        for _ in itertools.islice(views, int(line)):
            pass
        print(time.perf_counter() - begun, flush=True)


def write_pictures(folder):
    import tensorflow as tf

    from keras_inception.data.photo_patches import PHOTOGRAPHS, read_photograph

    folder.mkdir(parents=True)
    for number, name in zip(range(PICTURES), itertools.cycle(PHOTOGRAPHS), strict=False):
        resized = tf.image.resize(read_photograph(name), (375, 500), antialias=True)
        pixels = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
        (folder / f"{number}.jpg").write_bytes(tf.io.encode_jpeg(pixels, quality=95).numpy())


def ours(folder, color):
    from keras_inception import data

    return iter(data.open(f"folder:{folder}").training_batches(SIZE, BATCH, color=color))


def decode_then_crop(folder, color):
    from keras_inception import data
    from keras_inception.data import augmentation

    # The pipeline with another view: that of every picture which is no JPEG.
    augmentation._decode_crop_of_jpeg = augmentation._decode_then_crop
    return iter(data.open(f"folder:{folder}").training_batches(SIZE, BATCH, color=color))


def torchvision(folder, color):
    import torch
    from PIL import Image
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    jitter = [v2.ColorJitter(32 / 255, 0.5, 0.5, 0.2)] if color == "full" else []
    view = v2.Compose(
        [
            v2.RandomResizedCrop(SIZE, scale=(0.08, 1), ratio=(3 / 4, 4 / 3), antialias=True),
            v2.RandomHorizontalFlip(),
            *jitter,
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )
    paths = itertools.cycle(sorted(pathlib.Path(folder).rglob("*.jpg")))

    def batches():
        while True:
            pictures = [Image.open(path).convert("RGB") for path in itertools.islice(paths, BATCH)]
            yield torch.stack([view(picture) for picture in pictures])

    return batches()


if __name__ == "__main__":
    main()
