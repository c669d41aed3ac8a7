"""Compares making 144 crops with the network that classifies them, and `evaluate` with its network.

    python benchmarks/crops.py [--repeats=5] [--cores=1]

Prints ratios, measured as `clocks.py` describes:

- making 144 crops of a decoded picture of 500 x 375 pixels, against InceptionV1 on these crops;
- the network alone on crops made beforehand, against `evaluate` on JPEGs, both for the same number
  of batches: InceptionV1 with 144 crops, InceptionV3 with one. `evaluate` is timed in the middle of
  a larger data set, where pictures for later batches are made as fast as they are used. The time it
  takes to start does not count.
"""

import argparse
import io
import itertools
import os
import tempfile

import clocks

CROPS_LIMIT = 0.03  # time to make 144 crops, as a fraction of InceptionV1's time for them
NETWORK_SHARE = 0.95  # fraction of evaluate's time that the network takes
CLASSES = 1000
BATCH = 32  # crops that a network takes at a time
PICTURES = 640


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="number of measurements of each")
    parser.add_argument("--cores", type=int, default=1, help="number of cores that may be used")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    import keras_inception

    v1 = keras_inception.InceptionV1(weights=None)
    v3 = keras_inception.InceptionV3(weights=None)
    times = cost_of_crops(v1, arguments.repeats)
    clocks.report("144 crops, ms: made / through InceptionV1", times, f"at most {CROPS_LIMIT}")
    with tempfile.TemporaryDirectory() as folder:
        store(folder)
        for model, crops, batches in ((v1, 144, 4), (v3, 1, 6)):
            times = shares(model, crops, batches, folder, arguments.repeats)
            label = f"{model.name}, {crops} crops, {batches} batches, ms: network / evaluate"
            clocks.report(label, times, f"at least {NETWORK_SHARE}")


def repeated_photographs(count):
    """Returns `count` encoded photographs, which repeat."""
    from photographs import encoded

    return list(itertools.islice(itertools.cycle(encoded()), count))


def store(folder):
    """Writes the data set `pictures`, whose split is `test`."""
    import tensorflow_datasets as tfds
    from photographs import SHAPE

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
                for i, picture in enumerate(repeated_photographs(PICTURES))
            ]
        },
        data_dir=folder,
    )


def cost_of_crops(model, repeats):
    """Times making 144 crops, and the network on them."""
    import tensorflow as tf

    from keras_inception.data.crops import make_crops
    from keras_inception.data.preprocessing import decode_image
    from keras_inception.evaluation import predictor

    form = predictor(model)
    images = [decode_image(picture) for picture in repeated_photographs(repeats + 1)]
    make = tf.function(
        lambda image: make_crops(image, form.size, 144),
        input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)],
    )
    times = {"made": [], "through the network": []}
    for i, image in enumerate(images):
        made, crops = clocks.timed(lambda image=image: make(image))
        through, _ = clocks.timed(lambda crops=crops: in_batches(form, crops))
        if i > 0:
            times["made"].append(made)
            times["through the network"].append(through)
    return times


def in_batches(form, crops):
    return [form(crops[i : i + BATCH]) for i in range(0, len(crops), BATCH)]


def shares(model, crops, batches, folder, repeats):
    """Times the network alone on ready crops, and `evaluate`, for a number of batches."""
    import tensorflow as tf

    from keras_inception import data
    from keras_inception.evaluation import predictor

    form, pictures = predictor(model), max(1, BATCH // crops)
    dataset = data.open("pictures", "test", folder)
    # Repeating one batch takes no more time than many batches, and less memory.
    made, _ = next(iter(dataset.evaluation_batches(form.size, pictures, crops=crops)))
    flat = tf.reshape(made, (-1, form.size, form.size, 3))
    times = {"network": [], "evaluate": []}
    for i in range(repeats + 1):
        alone, _ = clocks.timed(lambda: [in_batches(form, flat) for _ in range(batches)])
        within = evaluated(form, crops, batches, -(-len(flat) // BATCH), folder)
        if i > 0:
            times["network"].append(alone)
            times["evaluate"].append(within)
    return times


class _Enough(Exception):
    pass


def evaluated(form, crops, batches, calls, folder):
    """Returns the (clock, processor) seconds of `evaluate` for some batches, after two others.

    `calls` is the number of calls of the network for one batch.
    """
    from keras_inception.evaluation import evaluate

    run, stamps = form._run, []

    def stamped(views):
        stamps.append(clocks.now())
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


if __name__ == "__main__":
    main()
