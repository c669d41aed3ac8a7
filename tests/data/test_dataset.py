"""keras_inception.data.Dataset: from names to batches, the same for a seed on any machine."""

import collections
import hashlib
import itertools
import os
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_inception import data
from keras_inception.data.crops import make_crops
from keras_inception.data.preprocessing import decode_image

SIZE = 24


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A folder with a small data set of PNGs of any shape: 10 to train on, 7 to test on."""
    folder = str(tmp_path_factory.mktemp("data"))
    rng = np.random.default_rng(0)

    def examples(count):
        for i in range(count):
            shape = rng.integers(20, 60, 2)
            grid = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) * (i + 1)
            image = np.stack([grid, grid // 2, 255 - grid], axis=-1) % 256
            yield i, {"image": image.astype(np.uint8), "label": i % 3}

    features = {
        "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
        "label": tfds.features.ClassLabel(names=["ash", "beech", "cedar"]),
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name="trees",
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={"train": list(examples(10)), "test": list(examples(7))},
        data_dir=folder,
    )
    black = np.zeros((4, 4, 3), np.uint8)
    tfds.dataset_builders.store_as_tfds_dataset(
        name="files",
        version="1.0.0",
        features=tfds.features.FeaturesDict({**features, "file_name": tfds.features.Text()}),
        split_datasets={
            "train": [
                (i, {"image": black, "label": 0, "file_name": name})
                for i, name in enumerate(("a_1.png", "b_2.png"))
            ]
        },
        data_dir=folder,
    )
    tfds.dataset_builders.store_as_tfds_dataset(
        name="numbers",
        version="1.0.0",
        features=tfds.features.FeaturesDict({"value": np.int64}),
        split_datasets={"train": [(0, {"value": 1}), (1, {"value": 2})]},
        data_dir=folder,
    )
    return folder


def training_batches(name, size, batch_size, split="train", data_dir=None, **options):
    return data.open(name, split, data_dir).training_batches(size, batch_size, **options)


def evaluation_batches(name, size, batch_size, data_dir=None, **options):
    return data.open(name, "test", data_dir).evaluation_batches(size, batch_size, **options)


def encoded(name, split, data_dir):
    return data.open(name, split, data_dir).encoded()


def take(batches, count):
    """The first `count` batches as one array of images and one of labels."""
    images, labels = zip(*batches.take(count).as_numpy_iterator(), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def quick_view(encoded, size, seed, color, min_area):
    """A view that is soon built, for tests of which pictures come when."""
    image = tf.cast(tf.io.decode_png(encoded, 3), tf.float32) / 127.5 - 1
    return tf.image.resize(image, (size, size)) + tf.random.stateless_uniform((), seed)


@pytest.fixture
def quick_views(monkeypatch):
    monkeypatch.setattr("keras_inception.data.dataset.training_view", quick_view)


def with_threads(batches, count):
    options = tf.data.Options()
    options.threading.private_threadpool_size = count
    return batches.with_options(options)


def test_a_data_set_says_what_it_is(data_dir):
    dataset = data.open("trees", "train", data_dir)
    assert (dataset.name, dataset.split, len(dataset)) == ("trees", "train", 10)
    assert dataset.class_names == ("ash", "beech", "cedar")
    assert dataset.splits == {"train": 10, "test": 7}
    assert repr(dataset) == "<Dataset trees, train: 10 pictures, 3 classes>"
    assert len(dataset.with_split("test")) == 7
    with pytest.raises(ValueError, match="'trees' has several splits; choose one of them: t"):
        data.open("trees", data_dir=data_dir)


def test_encoded_examples_are_the_files_in_order(data_dir):
    stored = tfds.builder("trees", data_dir=data_dir).as_dataset("test")
    examples = encoded("trees", "test", data_dir)
    assert examples.element_spec == (tf.TensorSpec((), tf.string), tf.TensorSpec((), tf.int64))
    assert examples.cardinality() == 7
    for (picture, label), expected in zip(examples, stored, strict=True):
        np.testing.assert_array_equal(decode_image(picture), expected["image"])
        assert label == expected["label"]


def test_training_batches_have_the_promised_form(data_dir):
    batches = training_batches("trees", SIZE, 4, data_dir=data_dir)
    assert batches.element_spec == (
        tf.TensorSpec((4, SIZE, SIZE, 3), tf.float32),
        tf.TensorSpec((4,), tf.int64),
    )
    images, _ = take(batches, 12)  # nearly five epochs: it goes on
    assert images.min() >= -1
    assert images.max() <= 1
    assert images.std() > 0.3


def test_each_epoch_has_every_example_once_in_another_order(data_dir):
    dataset = data.open("trees", "train", data_dir)
    examples = dataset._shuffled(3, tf.distribute.InputContext(), 0).loaded()
    images = [image for image, _, _ in examples.take(30).as_numpy_iterator()]
    epochs = [images[:10], images[10:20], images[20:]]
    in_order = [image for image, _ in encoded("trees", "train", data_dir).as_numpy_iterator()]
    assert len(set(in_order)) == 10
    for epoch in epochs:
        assert sorted(epoch) == sorted(in_order)
    assert all(a != b for a, b in itertools.combinations([*epochs, in_order], 2))
    _, labels = take(training_batches("trees", SIZE, 10, data_dir=data_dir), 2)
    assert np.bincount(labels[:10]).tolist() == np.bincount(labels[10:]).tolist() == [4, 3, 3]


def test_batches_are_set_by_the_seed_whatever_the_number_of_threads(data_dir):
    def batches(seed, threads):
        made = training_batches("trees", SIZE, 4, seed=seed, color="full", data_dir=data_dir)
        return take(with_threads(made, threads), 8)

    images, labels = batches(5, 1)
    other, _ = batches(6, 1)
    assert np.abs(other - images).max() > 0.1
    tf.random.set_seed(1)
    again, labels_again = batches(5, 8)
    np.testing.assert_array_equal(again, images)
    np.testing.assert_array_equal(labels_again, labels)


def test_batches_are_the_same_on_one_core(data_dir):
    """In a process that may use no other: there the pipeline is built in another way."""
    cores = os.sched_getaffinity(0)
    if len(cores) == 1:
        pytest.skip("there is one core")
    code = (
        "import os, sys, hashlib; os.sched_setaffinity(0, {int(sys.argv[2])})\n"
        "from keras_inception import data\n"
        "dataset = data.open('trees', 'train', sys.argv[1])\n"
        "batches = dataset.training_batches(24, 4, seed=5, color='none')\n"
        "images = [image.tobytes() for image, _ in batches.take(8).as_numpy_iterator()]\n"
        "print(hashlib.sha256(b''.join(images)).hexdigest())"
    )
    command = [sys.executable, "-c", code, data_dir, str(min(cores))]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    made = training_batches("trees", SIZE, 4, seed=5, color="none", data_dir=data_dir)
    images = [image.tobytes() for image, _ in made.take(8).as_numpy_iterator()]
    assert printed.split() == [hashlib.sha256(b"".join(images)).hexdigest()]


def resident_bytes():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="Linux tells the memory there")
def test_memory_does_not_grow_over_epochs(data_dir, quick_views):
    """Here over 800 of them; `benchmarks/memory.py` measures with photographs."""
    batches = iter(training_batches("trees", 8, 40, data_dir=data_dir))
    collections.deque(itertools.islice(batches, 50), maxlen=0)
    before = resident_bytes()
    collections.deque(itertools.islice(batches, 200), maxlen=0)
    assert (resident_bytes() - before) / (200 * 40) < 1000  # bytes a picture


def test_an_example_has_another_view_in_each_epoch(data_dir):
    images, labels = take(training_batches("trees", SIZE, 1, data_dir=data_dir, color="none"), 50)
    for label in range(3):
        views = images[labels == label]
        assert len(np.unique(views, axis=0)) == len(views)


def test_goes_on_where_it_was_stopped(data_dir, quick_views):
    """In the middle of the second epoch, and at its end."""
    dataset = data.open("trees", "train", data_dir)
    images, labels = take(dataset.training_batches(SIZE, 4, seed=5, color="none"), 8)
    for start in (4, 5):
        rest = dataset.training_batches(SIZE, 4, seed=5, color="none", start=start)
        found = take(rest, 8 - start)
        np.testing.assert_array_equal(found[0], images[4 * start :])
        np.testing.assert_array_equal(found[1], labels[4 * start :])


def test_whole_epochs_are_passed_over_at_once(data_dir, quick_views):
    begun = time.perf_counter()
    batches = training_batches("trees", SIZE, 10, data_dir=data_dir, color="none", start=10**9)
    far = take(batches, 1)[1]
    assert time.perf_counter() - begun < 20
    assert np.bincount(far).tolist() == [4, 3, 3]


def test_workers_make_different_views_of_their_shares(data_dir, quick_views):
    contexts = [tf.distribute.InputContext(2, i, 2) for i in range(2)]
    dataset = data.open("trees", "train", data_dir)
    made = [
        take(dataset.training_batches(SIZE, 10, input_context=context, color="none"), 1)
        for context in contexts
    ]
    assert [images.shape[0] for images, _ in made] == [5, 5]
    labels = np.concatenate([labels for _, labels in made])
    assert np.bincount(labels).tolist() == [4, 3, 3]
    with pytest.raises(ValueError, match="9"):
        dataset.training_batches(SIZE, 9, input_context=contexts[0])


def test_options_of_the_view_arrive(data_dir, monkeypatch):
    seen = []

    def view(encoded, size, seed, color, min_area):
        seen.append((color, min_area))
        return quick_view(encoded, size, seed, color, min_area)

    monkeypatch.setattr("keras_inception.data.dataset.training_view", view)
    for color, min_area in (("none", 0.05), ("full", 0.9)):
        training_batches("trees", SIZE, 4, data_dir=data_dir, color=color, min_area=min_area)
        assert seen[-1] == (color, min_area)


@pytest.mark.parametrize("crops", [1, 10])
def test_evaluation_batches_are_one_pass_of_evaluation_views(data_dir, crops):
    batches = evaluation_batches("trees", SIZE, 4, crops=crops, data_dir=data_dir)
    shapes = [(images.shape, labels.shape) for images, labels in batches]
    assert shapes == [((4, crops, SIZE, SIZE, 3), 4), ((3, crops, SIZE, SIZE, 3), 3)]
    images, labels = take(batches, 2)
    assert labels.dtype == np.int64
    examples = encoded("trees", "test", data_dir)
    for views, label, (picture, expected) in zip(images, labels, examples, strict=True):
        made = make_crops(decode_image(picture), SIZE, crops)
        np.testing.assert_allclose(views, made, atol=1e-6)
        assert label == expected


def test_examples_may_be_excluded_and_skipped(data_dir):
    images, labels = take(evaluation_batches("trees", SIZE, 8, data_dir=data_dir), 1)
    dataset = data.open("trees", "test", data_dir).without({5, 0}).without([2])
    assert (len(dataset), dataset.excluded, dataset.numbers) == (4, (0, 2, 5), [1, 3, 4, 6])
    some, their_labels = take(dataset.evaluation_batches(SIZE, 2, skip=1), 9)
    np.testing.assert_array_equal(some, images[[3, 4, 6]])
    np.testing.assert_array_equal(their_labels, labels[[3, 4, 6]])


def test_file_names(data_dir):
    assert data.open("trees", "test", data_dir).file_names() is None
    files = data.open("files", data_dir=data_dir)
    assert files.file_names() == ["a_1.png", "b_2.png"]
    assert files.without([0]).file_names() == ["b_2.png"]


def test_training_leaves_out_what_is_excluded(data_dir, quick_views):
    dataset = data.open("trees", "train[2:9]", data_dir)
    images = [image for image, _ in dataset.encoded().as_numpy_iterator()]
    kept = dataset.without([0, 4]).take(4)
    assert kept.numbers == [1, 2, 3, 5]
    expected = sorted(images[number] for number in (1, 2, 3, 5))
    assert [image for image, _ in kept.encoded().as_numpy_iterator()] == [
        images[number] for number in (1, 2, 3, 5)
    ]
    contexts = [tf.distribute.InputContext(2, i, 2) for i in range(2)]
    both = []
    for context in contexts:
        examples = kept._shuffled(1, context, 0).loaded().take(4)
        share = [image for image, _, _ in examples.as_numpy_iterator()]
        assert sorted(share[:2]) == sorted(share[2:])  # two epochs
        both += share[:2]
    assert sorted(both) == expected
    _, labels = take(kept.training_batches(SIZE, 4, color="none"), 1)
    assert len(labels) == 4


def test_the_fingerprint_changes_with_the_selection(data_dir):
    dataset = data.open("trees", "train", data_dir)
    selections = [dataset, dataset.without([1]), dataset.without([2]), dataset.take(3)]
    assert len({selection.fingerprint() for selection in selections}) == 4
    assert dataset.without([]).fingerprint() == dataset.fingerprint()


def test_take_keeps_the_order_and_the_exclusions(data_dir):
    dataset = data.open("trees", "train", data_dir)
    assert dataset.take(99) is dataset
    assert dataset.without([1]).take(2).numbers == [0, 2]
    assert dataset.take(3).without([1]).numbers == [0, 2]
    with pytest.raises(ValueError, match="from 0 to 2"):
        dataset.take(3).without([3])
    with pytest.raises(ValueError, match="at least 1, not 0"):
        dataset.take(0)


def test_photo_patches_are_built_on_first_use(photo_patches_dir):
    """Nothing but `data.open` has built them there."""
    assert (photo_patches_dir / "photo_patches").is_dir()
    dataset = data.open("photo_patches", "train", photo_patches_dir)
    assert dataset.name == "photo_patches"
    assert dataset.splits == {"train": 2800, "validation": 560, "test": 560}
    assert dataset.class_names[:2] == ("brick", "camera")
    # The whole training split is shuffled at once: 256 examples have all classes.
    images, labels = take(dataset.training_batches(8, 256, color="none"), 1)
    assert images.shape == (256, 8, 8, 3)
    assert set(labels) == set(range(14))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: data.open("no_such_data", data_dir=d), "Unknown data set 'no_such_data'"),
        (lambda d: data.open("numbers", data_dir=d), "no feature image and no label; it has value"),
        (lambda d: data.open("trees", "tset", d), "it has .*train"),
        (lambda d: data.open("trees", "test", d).without([7]), "from 0 to 6"),
        (lambda d: data.as_dataset(3), "a Dataset or the name of one, not an object of type int"),
        (lambda d: training_batches("trees", 0, 4, data_dir=d), "size=0"),
        (lambda d: training_batches("trees", 8, 0, data_dir=d), "batch_size=0"),
        (lambda d: training_batches("trees", 8, 4, color="sepia", data_dir=d), "none, fast, full"),
        (lambda d: training_batches("trees", 8, 4, min_area=2.0, data_dir=d), r"\(0, 1\]"),
        (lambda d: evaluation_batches("trees", 8, 4, crops=3, data_dir=d), "choose from 1, 10"),
        (lambda d: evaluation_batches("trees", 8, -1, data_dir=d), "batch_size=-1"),
    ],
)
def test_bad_arguments_are_named(data_dir, call, message):
    with pytest.raises(ValueError, match=message):
        call(data_dir)


def test_importing_imports_no_data_set_library():
    code = (
        "import sys, keras_inception.data, keras_inception.data.crops\n"
        "heavy = {'tensorflow_datasets', 'skimage'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_parts_of_splits(data_dir, quick_views):
    """In tensorflow-datasets' words; together they are the split."""
    assert len(data.open("trees", "train", data_dir)) == 10
    parts = ["train[:70%]", "train[7:]"]
    assert [len(data.open("trees", part, data_dir)) for part in parts] == [7, 3]
    read = [
        [image for image, _ in encoded("trees", part, data_dir).as_numpy_iterator()]
        for part in (*parts, "train")
    ]
    assert read[0] + read[1] == read[2]
    images, _ = take(training_batches("trees", SIZE, 5, split="train[:70%]", data_dir=data_dir), 2)
    assert images.shape == (10, SIZE, SIZE, 3)


@pytest.mark.parametrize("split", ["train[", "train[a:b]", "trai[:5]", "train[5:5]", "train[:1]x"])
def test_parts_that_are_none(data_dir, split):
    with pytest.raises(ValueError, match="has no split .* it has t"):
        data.open("trees", split, data_dir)
