"""keras_inception.data.sources: folders of pictures, and the shares of several pipelines."""

import os

import numpy as np
import pytest
import tensorflow as tf

from keras_inception import data


def write(folder, *names):
    """Writes pictures of one grey each, the number of the name in the list."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tf.io.encode_png(np.full((4, 4, 3), number, np.uint8)).numpy())


def read(name, split):
    examples = data.open(name, split)._examples().loaded()
    return [
        (int(tf.io.decode_png(image)[0, 0, 0]), int(label), file.decode())
        for image, label, file in examples.as_numpy_iterator()
    ]


def fingerprint(name, split, data_dir=None):
    return data.open(name, split, data_dir).fingerprint()


def test_splits_of_class_folders(tmp_path):
    write(tmp_path, "train/cat/b.png", "train/cat/a.PNG", "train/ant/c.png", "test/dog/d.png")
    name = f"folder:{tmp_path}"
    dataset = data.open(name, "train")
    assert dataset.class_names == ("ant", "cat", "dog")
    assert dataset.splits == {"test": 1, "train": 3}
    assert read(name, "train") == [(2, 0, "ant/c.png"), (1, 1, "cat/a.PNG"), (0, 1, "cat/b.png")]
    assert read(name, "test") == [(3, 2, "dog/d.png")]
    assert dataset.file_names() == ["ant/c.png", "cat/a.PNG", "cat/b.png"]
    assert [int(label) for _, label in dataset.with_split("test").encoded()] == [2]


def test_class_folders_are_one_split(tmp_path):
    write(tmp_path, "ant/x.png", "cat/deep/y.png", "cat/z.png")
    (tmp_path / ".git" / "objects").mkdir(parents=True)
    (tmp_path / "readme.txt").write_text("no picture")
    name = f"folder:{tmp_path}"
    assert data.open(name).splits == {"all": 3}
    assert sorted(read(name, "all")) == [
        (0, 0, "ant/x.png"),
        (1, 1, "cat/deep/y.png"),
        (2, 1, "cat/z.png"),
    ]


def test_class_folders_that_are_numbers_have_the_order_of_numbers(tmp_path):
    names = [str(number) for number in range(12)]
    write(tmp_path / "plain", *(f"{name}/x.png" for name in names))
    write(tmp_path / "padded", "10/x.png", "02/x.png", "1/x.png")
    write(tmp_path / "mixed", "10/x.png", "2/x.png", "a/x.png")
    dataset = data.open(f"folder:{tmp_path / 'plain'}")
    assert dataset.class_names == tuple(names)
    assert {grey: label for grey, label, _ in read(dataset.name, "all")} == {
        number: number for number in range(12)
    }
    assert data.open(f"folder:{tmp_path / 'padded'}").class_names == ("1", "02", "10")
    assert data.open(f"folder:{tmp_path / 'mixed'}").class_names == ("10", "2", "a")


def test_classes_without_pictures(tmp_path):
    write(tmp_path, "train/cat/a.png", "train/dog/b.png", "test/dog/c.png", "test/emu/d.png")
    dataset = data.open(f"folder:{tmp_path}", "train")
    assert dataset.unused_classes == ("emu",)
    assert dataset.with_split("test").unused_classes == ("cat",)


def listed(found):
    examples = found._examples().loaded().as_numpy_iterator()
    return [(file.decode(), int(label)) for _, label, file in examples]


def test_pictures_without_classes(tmp_path):
    write(tmp_path, "b.png", "a.PNG", "class/c.png")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    name = f"folder:{tmp_path}"
    found = data.open(name, labelled=False)
    assert (found.name, found.split, len(found)) == (name, "all", 2)
    assert listed(found) == [("a.PNG", -1), ("b.png", -1)]
    # With labels wanted, as everywhere else, class folders are what is read.
    assert data.open(name).splits == {"all": 1}
    with pytest.raises(ValueError, match="has no split 'test'; it has all"):
        data.open(name, "test", labelled=False)


def test_pictures_of_class_folders(tmp_path):
    write(tmp_path, "train/cat/a.png", "train/ant/b.png", "test/cat/c.png")
    found = data.as_dataset(f"folder:{tmp_path}", labelled=False)
    assert (found.split, len(found)) == ("test", 1)
    found = data.open(f"folder:{tmp_path}", "train", labelled=False)
    assert listed(found) == [("ant/b.png", 0), ("cat/a.png", 1)]


def test_no_pictures(tmp_path):
    with pytest.raises(ValueError, match="nowhere is not a folder: folder:PATH expects a folder"):
        data.open("folder:nowhere", labelled=False)
    with pytest.raises(ValueError, match="has no PATH: expected a folder with pictures"):
        data.open("folder:", labelled=False)
    with pytest.raises(ValueError, match="has no class folders"):
        data.open(f"folder:{tmp_path}", labelled=False)


def test_a_folder_is_shuffled_as_a_whole(tmp_path):
    write(tmp_path, *(f"train/{'ab'[i % 2]}/{i:02}.png" for i in range(40)))
    first, again, other = (names(f"folder:{tmp_path}", "train", 80, seed=s) for s in (1, 1, 2))
    assert first == again
    epochs = [first[:40], first[40:], other[:40], other[40:]]
    assert all(sorted(epoch) == sorted(first[:40]) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 4


@pytest.mark.parametrize("start", [1, 9, 10, 13, 25])
@pytest.mark.parametrize("pipelines", [1, 2])
def test_a_folder_goes_on_at_any_place(start, pipelines, tmp_path):
    write(tmp_path, *(f"train/{'ab'[i % 2]}/{i:02}.png" for i in range(20)))
    context = tf.distribute.InputContext(pipelines, pipelines - 1, pipelines)
    options = {"seed": 4, "input_context": context}
    whole = names(f"folder:{tmp_path}", "train", 30, **options)
    rest = names(f"folder:{tmp_path}", "train", 30 - start, start=start, **options)
    assert rest == whole[start:]


def test_fingerprint(tmp_path, photo_patches_dir):
    write(tmp_path, "train/a/0.png", "train/b/1.png", "test/a/0.png")
    name = f"folder:{tmp_path}"
    before = fingerprint(name, "train")
    write(tmp_path, "test/a/2.png")
    assert fingerprint(name, "train") == before != fingerprint(name, "test")
    os.utime(tmp_path / "train" / "a" / "0.png", (1, 1))
    changed = fingerprint(name, "train")
    (tmp_path / "train" / "b" / "1.png").unlink()
    assert len({before, changed, fingerprint(name, "train")}) == 3
    whole = fingerprint("photo_patches", "test", photo_patches_dir)
    assert "1.0.0" in whole
    assert fingerprint("photo_patches", "test[:9]", photo_patches_dir) != whole


def test_names_with_accents(tmp_path):
    folder = tmp_path / "bäume"
    write(folder, "train/été/樹.png")
    assert data.open(f"folder:{folder}").class_names == ("été",)
    assert read(f"folder:{folder}", "train") == [(0, 0, "été/樹.png")]
    assert data.open(f"folder:{folder}", "train").file_names() == ["été/樹.png"]


def test_a_name_that_is_no_text(tmp_path):
    write(tmp_path, "train/cat/a.png")
    folder = os.fsencode(tmp_path / "train")
    os.rename(os.path.join(folder, b"cat"), os.path.join(folder, b"\xe9t\xe9"))
    with pytest.raises(ValueError, match=r"udce9.* has a name that is not UTF-8"):
        data.open(f"folder:{tmp_path}")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda folder: None,
            "is not a folder: .* with one sub-folder per class",
        ),
        (lambda folder: folder.mkdir(), "has no class folders with pictures"),
        (lambda folder: write(folder, "a.png"), "has no class folders with pictures"),
        (lambda folder: (folder / "ant").mkdir(parents=True), "no class folders with pictures"),
    ],
)
def test_folders_without_pictures(make, message, tmp_path):
    make(tmp_path / "pictures")
    with pytest.raises(ValueError, match=message):
        data.open(f"folder:{tmp_path / 'pictures'}")


def test_no_such_split_of_a_folder(tmp_path):
    write(tmp_path, "ant/x.png")
    with pytest.raises(ValueError, match="has no split 'train'; it has all"):
        data.open(f"folder:{tmp_path}", "train")


@pytest.mark.parametrize("pipelines", [2, 3])
def test_shares_of_a_folder(pipelines, tmp_path):
    write(tmp_path, *(f"train/a/{i}.png" for i in range(7)))
    check_shares(f"folder:{tmp_path}", "train", None, pipelines)


@pytest.mark.parametrize("pipelines", [2, 3])
def test_shares_of_photo_patches(pipelines, photo_patches_dir):
    """Fewer files than pipelines."""
    check_shares("photo_patches", "test", photo_patches_dir, pipelines)


def check_shares(name, split, data_dir, pipelines):
    """Shares have all examples between them, each example once, in every epoch."""
    count = data.open(name, split, data_dir).splits[split]
    counts = [count // pipelines + (i < count % pipelines) for i in range(pipelines)]
    contexts = [tf.distribute.InputContext(pipelines, i, pipelines) for i in range(pipelines)]
    shares = [
        names(name, split, 2 * max(counts), data_dir=data_dir, seed=3, input_context=context)
        for context in contexts
    ]
    lengths = [len(set(share)) for share in shares]
    assert sorted(lengths) == sorted(counts)
    every = sorted(read_names(name, split, data_dir))
    assert len(set(every)) == count
    for epoch in range(2):
        found = []
        for share, length in zip(shares, lengths, strict=True):
            found += share[epoch * length : (epoch + 1) * length]
        assert sorted(found) == every


def test_more_pipelines_than_examples(tmp_path):
    write(tmp_path, "train/a/0.png", "train/b/1.png")
    context = tf.distribute.InputContext(3, 2, 3)
    with pytest.raises(ValueError, match="'train' of .* has too few examples for every pipeline"):
        names(f"folder:{tmp_path}", "train", 1, input_context=context)


def read_names(name, split, data_dir):
    examples = data.open(name, split, data_dir)._examples().dataset
    return [name.decode() for _, _, name in examples.as_numpy_iterator()]


def names(name, split, count, *, seed=0, input_context=None, start=0, data_dir=None):
    context = input_context or tf.distribute.InputContext()
    examples = data.open(name, split, data_dir)._shuffled(seed, context, start).dataset.take(count)
    return [name.decode() for _, _, name in examples.as_numpy_iterator()]
