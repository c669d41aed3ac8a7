"""What 144 crops cost beside the network that looks at them, and evaluation beside its network.

    python benchmarks/crops.py [--repeats=5] [--cores=1]

Prints, as ratios of medians of interleaved runs in one process:

- making 144 crops of a decoded picture of 500 x 375 pixels, against InceptionV1 on these crops;
- the network alone on crops made beforehand, against `evaluate` on JPEGs, both for the same number
  of batches: InceptionV1 with 144 crops, InceptionV3 with one. `evaluate` is timed in the midst of
  a larger data set, where pictures for later batches are made as fast as they are used; what it
  takes to start does not count.

The processor's time stands beside the time on the clock: where the machine has other work, trust it
more.
"""

import argparse
import io
import os
import statistics
import tempfile
import time

CROPS_LIMIT = 0.03  # making 144 crops, of InceptionV1's time on them
NETWORK_SHARE = 0.95  # the network's share of evaluate's time
CLOCKS = {"clock": time.perf_counter, "processor": time.process_time}
SHAPE = (375, 500)
CLASSES = 1000
BATCH = 32  # crops put through a network at a time
PICTURES = 640


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="how often each is measured")
    parser.add_argument("--cores", type=int, default=1, help="that may be used")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    import keras_inception

    v1 = keras_inception.InceptionV1(weights=None)
    v3 = keras_inception.InceptionV3(weights=None)
    times = cost_of_crops(v1, arguments.repeats)
    report("144 crops, ms: made / through InceptionV1", times, "at most", CROPS_LIMIT)
    with tempfile.TemporaryDirectory() as folder:
        store(folder)
        for model, crops, batches in ((v1, 144, 4), (v3, 1, 6)):
            times = shares(model, crops, batches, folder, arguments.repeats)
            label = f"{model.name}, {crops} crops, {batches} batches, ms: network / evaluate"
            report(label, times, "at least", NETWORK_SHARE)


def timed(call):
    """(clock, processor) seconds of a call, and what it returned."""
    start = [read() for read in CLOCKS.values()]
    result = call()
    return [read() - begun for read, begun in zip(CLOCKS.values(), start)], result


def photographs(count):
    """Photographs of `SHAPE`, encoded as JPEG, in turn until there are `count`."""
    import tensorflow as tf

    from keras_inception.data.photo_patches import PHOTOGRAPHS, read_photograph

    pictures = []
    for name in PHOTOGRAPHS:
        resized = tf.image.resize(read_photograph(name), SHAPE, antialias=True)
        pixels = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
        pictures.append(tf.io.encode_jpeg(pixels, quality=95).numpy())
    return [pictures[i % len(pictures)] for i in range(count)]


def store(folder):
    """Writes the data set `pictures`, whose split is `test`."""
    import tensorflow_datasets as tfds

    features = {
        "image": tfds.features.Image(shape=(*SHAPE, 3), encoding_format="jpeg"),
        "label": tfds.features.ClassLabel(num_classes=CLASSES),
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name="pictures",
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={
            "test": [
                (i, {"image": io.BytesIO(picture), "label": i})
                for i, picture in enumerate(photographs(PICTURES))
            ]
        },
        data_dir=folder,
    )


def cost_of_crops(model, repeats):
    """Times of making 144 crops, and of the network on them."""
    import tensorflow as tf

    from keras_inception.data.crops import make_crops
    from keras_inception.data.preprocessing import decode_image
    from keras_inception.evaluation import predictor

    form = predictor(model)
    images = [decode_image(picture) for picture in photographs(repeats + 1)]
    make = tf.function(
        lambda image: make_crops(image, form.size, 144),
        input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)],
    )
    times = {"made": [], "through the network": []}
    for i, image in enumerate(images):
        made, crops = timed(lambda image=image: make(image))
        through, _ = timed(lambda crops=crops: in_batches(form, crops))
        if i > 0:
            times["made"].append(made)
            times["through the network"].append(through)
    return times


def in_batches(form, crops):
    return [form(crops[i : i + BATCH]) for i in range(0, len(crops), BATCH)]


def shares(model, crops, batches, folder, repeats):
    """Times of the network alone on ready crops and of `evaluate`, for so many batches."""
    import tensorflow as tf

    from keras_inception import data
    from keras_inception.evaluation import predictor

    form, pictures = predictor(model), max(1, BATCH // crops)
    dataset = data.open("pictures", "test", folder)
    # One batch over and over takes no more time and less memory than many.
    made, _ = next(iter(dataset.evaluation_batches(form.size, pictures, crops=crops)))
    flat = tf.reshape(made, (-1, form.size, form.size, 3))
    times = {"network": [], "evaluate": []}
    for i in range(repeats + 1):
        alone, _ = timed(lambda: [in_batches(form, flat) for _ in range(batches)])
        within = evaluated(form, crops, batches, -(-len(flat) // BATCH), folder)
        if i > 0:
            times["network"].append(alone)
            times["evaluate"].append(within)
    return times


class _Enough(Exception):
    pass


def evaluated(form, crops, batches, calls, folder):
    """(clock, processor) seconds that `evaluate` takes for so many batches, after two others.

    `calls` of the network are made for a batch.
    """
    from keras_inception.evaluation import evaluate

    run, stamps = form._run, []

    def stamped(views):
        stamps.append([read() for read in CLOCKS.values()])
        if len(stamps) > (2 + batches) * calls:
            raise _Enough
        return run(views)

    form._run = stamped
    try:
        evaluate(form, "pictures", crops, batch_size=BATCH, data_dir=folder, progress=False)
    except _Enough:
        return [end - begun for begun, end in zip(stamps[2 * calls], stamps[-1])]
    finally:
        form._run = run


def report(label, times, wanted, limit):
    """Prints medians, least and most of each, and the two ratios of the medians."""
    print(label)
    for i, clock in enumerate(CLOCKS):
        medians = []
        for name, seconds in times.items():
            values = [1000 * both[i] for both in seconds]
            medians.append(statistics.median(values))
            spread = f"{min(values):.4g} to {max(values):.4g}"
            print(f"  {clock:9}  {name:20}  {medians[-1]:8.4g}  ({spread})")
        ratio = medians[0] / medians[1]
        print(f"  {clock:9}  ratio {ratio:.4f}, wanted {wanted} {limit}", flush=True)


if __name__ == "__main__":
    main()
