"""What 144 crops cost beside the network that looks at them, and evaluation beside its network.

    python benchmarks/crops.py [--repeats=5] [--cores=1]

Prints, as ratios of medians of interleaved runs in one process:

- making 144 crops of a decoded picture of 500 x 375 pixels, against InceptionV1 on these crops;
- the network alone on crops made beforehand, against `evaluate` on the JPEG files, both for the
  same number of pictures: InceptionV1 with 144 crops, InceptionV3 with one. What `evaluate` takes
  for half of the pictures is subtracted from what it takes for all: so its start, about two seconds
  however many pictures follow, does not count.

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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="how often each is measured")
    parser.add_argument("--cores", type=int, default=1, help="threads that TensorFlow may use")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.cores)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.cores)

    import keras_inception

    v1 = keras_inception.InceptionV1(weights=None)
    v3 = keras_inception.InceptionV3(weights=None)
    times = cost_of_crops(v1, arguments.repeats)
    report("144 crops, ms: made / through InceptionV1", times, "at most", CROPS_LIMIT)
    with tempfile.TemporaryDirectory() as folder:
        store(folder)
        for model, crops, pictures in ((v1, 144, 4), (v3, 1, 64)):
            times = shares(model, crops, pictures, folder, arguments.repeats)
            label = f"{model.name}, {crops} crops, {pictures // 2} pictures, ms: network / evaluate"
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
    """Writes the data sets `pictures4` and `pictures64`, whose split is `test`."""
    import tensorflow_datasets as tfds

    features = {
        "image": tfds.features.Image(shape=(*SHAPE, 3), encoding_format="jpeg"),
        "label": tfds.features.ClassLabel(num_classes=CLASSES),
    }
    for count in (4, 64):
        examples = [
            (i, {"image": io.BytesIO(picture), "label": i})
            for i, picture in enumerate(photographs(count))
        ]
        tfds.dataset_builders.store_as_tfds_dataset(
            name=f"pictures{count}",
            version="1.0.0",
            features=tfds.features.FeaturesDict(features),
            split_datasets={"test": examples},
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


def in_batches(form, crops, batch_size=32):
    return [form(crops[i : i + batch_size]) for i in range(0, len(crops), batch_size)]


def shares(model, crops, pictures, folder, repeats):
    """Times of the network alone on ready crops and of `evaluate`, for half of the pictures."""
    import tensorflow as tf

    from keras_inception.data import pipeline
    from keras_inception.evaluation import evaluate, predictor

    form, name = predictor(model), f"pictures{pictures}"
    # One picture's crops, over and over, take no more time and less memory than all pictures'.
    batch = max(1, 32 // crops)
    made = next(iter(pipeline.evaluation_batches(name, form.size, batch, "test", crops, folder)))
    flat = tf.reshape(made[0], (-1, form.size, form.size, 3))
    times, half = {"network": [], "evaluate": []}, pictures // 2

    def evaluated(left_out):
        exclude = range(left_out)
        evaluate(form, name, crops, data_dir=folder, exclude=exclude, progress=False)

    for i in range(repeats + 1):
        alone, _ = timed(lambda: [in_batches(form, flat) for _ in range(half // batch)])
        every, _ = timed(lambda: evaluated(0))
        some, _ = timed(lambda: evaluated(half))
        if i > 0:
            times["network"].append(alone)
            times["evaluate"].append([a - b for a, b in zip(every, some)])
    return times


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
