"""Compares the speed of making training views with decode-all-then-crop and torchvision.

    python benchmarks/input_pipeline.py [--rounds=9] [--batches=10]

Makes random views of 299 x 299 from JPEGs of 500 x 375 pixels, and prints views per second and
ratios of medians of one interleaved run (`race.py`). All contestants but the last have one core:

- ours: `Dataset.training_batches` on a folder;
- the same pipeline with a view that decodes the whole picture and then crops it, with all further
  operations equal;
- torchvision's v2 transforms on Pillow's pictures, if torch and torchvision are installed, in a
  loop of the process itself, since a DataLoader's workers would only add costs;
- ours on two cores.
"""

import argparse
import importlib.util
import itertools
import os
import pathlib
import statistics
import tempfile

import race

SIZE, BATCH = 299, 32
LIMITS = {  # (contestant, colour): ours is at least this many times as fast
    ("decode, then crop", "none"): 1.12,
    ("decode, then crop", "full"): 1.05,
    ("torchvision", "full"): 2.5,
}
TWO_CORES = 1.7
PICTURES = 64


def main():
    race.child(make, cores=lambda name: int(name.split("|")[2]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="number of measurements of each")
    parser.add_argument(
        "--batches", type=int, default=10, help=f"number of batches of {BATCH} in a round"
    )
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(pathlib.Path(folder) / "train" / "photograph")
        has_torch = importlib.util.find_spec("torchvision") is not None
        names = ["ours", "decode, then crop", *(["torchvision"] if has_torch else [])]
        contests = [(name, color, 1) for color in ("none", "full") for name in names]
        contests += [("ours", color, 2) for color in ("none", "full")]
        words = {"|".join(map(str, (*contest, folder))): contest for contest in contests}
        seconds = race.race(words, arguments.rounds, arguments.batches)
        report(
            {contest: [BATCH / value for value in seconds[word]] for word, contest in words.items()}
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
            print(f"  ours / {name}, colour {color}: {ratio:.2f}, limit: at least {limit}")
    for color in ("none", "full"):
        ratio = medians["ours", color, 2] / medians["ours", color, 1]
        print(f"  two cores / one, colour {color}: {ratio:.2f}, limit: at least {TWO_CORES}")


def make(name):
    """Returns the contestant's function of a number of batches."""
    name, color, _, folder = name.split("|")
    makers = {"ours": ours, "decode, then crop": decode_then_crop, "torchvision": torchvision}
    views = makers[name](folder, color)

    def work(count):
        for _ in itertools.islice(views, count):
            pass

    return work


def write_pictures(folder):
    """Writes `PICTURES` photographs into a folder, which is made."""
    from photographs import encoded

    folder.mkdir(parents=True)
    for number, picture in zip(range(PICTURES), itertools.cycle(encoded())):
        (folder / f"{number}.jpg").write_bytes(picture)


def ours(folder, color):
    from keras_inception import data

    return iter(data.open(f"folder:{folder}").training_batches(SIZE, BATCH, color=color))


def decode_then_crop(folder, color):
    from keras_inception import data
    from keras_inception.data import augmentation

    # The pipeline with another view, the one of pictures that are not JPEGs.
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
