"""Tests of evaluation/plots.py: PNG files in two themes, pyplot's state untouched."""

import io
import sys

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")

from matplotlib import image as matplotlib_image  # noqa: E402

from keras_inception.evaluation import plots  # noqa: E402

HISTORY = {"loss": [2.0, 1.5], "val_loss": [2.1, 1.7], "top1_accuracy": [0.2, 0.4]}


RELIABILITY = [0, 6, 10], [0, 0.5, 0.9], [0, 0.5, 0.7]


def pixels(png):
    return matplotlib_image.imread(io.BytesIO(png), format="png")


def test_confusion_plot_shows_the_counts():
    names = ["cat", "dog_house", "cow"]
    right = pixels(plots.confusion_plot(np.eye(3, dtype=int) * 4, names))
    wrong = pixels(plots.confusion_plot(np.roll(np.eye(3, dtype=int) * 4, 1, axis=1), names))
    assert right.shape == wrong.shape
    assert right.shape[2] == 4
    assert np.abs(right - wrong).max() > 0.5
    assert right[0, 0, 3] == 0  # transparent ground


def test_a_class_without_pictures_and_many_classes():
    plots.confusion_plot(np.zeros((2, 2), int), ["a", "b"])
    counts = np.random.default_rng(0).integers(0, 3, (60, 60))
    assert pixels(plots.confusion_plot(counts, [str(i) for i in range(60)])).shape[0] > 1000


@pytest.mark.parametrize("draw", ["confusion", "curve", "reliability"])
def test_each_theme_has_its_ink(draw):
    def plot(theme):
        if draw == "confusion":
            return plots.confusion_plot(np.eye(2), ["a", "b"], theme)
        if draw == "reliability":
            return plots.reliability_plot(*RELIABILITY, theme)
        return plots.curve_plot(HISTORY, "loss", "loss", theme)

    for theme, other in (("light", "dark"), ("dark", "light")):
        image = pixels(plot(theme))
        opaque = np.rint(image[image[..., 3] == 1][:, :3] * 255).astype(int)
        drawn = {f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.unique(opaque, axis=0)}
        assert plots.THEMES[theme]["ink"] in drawn
        assert plots.THEMES[other]["ink"] not in drawn
    with pytest.raises(ValueError, match="'pink'"):
        plot("pink")


def test_reliability_plot_shows_the_accuracy():
    worse = [*RELIABILITY[:2], [0, 0.5, 0.1]]
    shown = [pixels(plots.reliability_plot(*bins)) for bins in (RELIABILITY, worse)]
    assert shown[0].shape == shown[1].shape
    assert (np.abs(shown[0] - shown[1]) > 0.2).mean() > 0.01


def test_curve_plot_without_validation_and_of_one_epoch():
    plots.curve_plot(HISTORY, "top1_accuracy", "accuracy")
    assert plots.curve_plot({"loss": [1.0]}, "loss", "loss").startswith(b"\x89PNG")


def test_curve_plot_reads_a_csv_file(tmp_path):
    file = tmp_path / "history.csv"
    file.write_text("epoch,loss,note\n1,2.0,a\n2,1.5,b\n")
    assert plots.read_history(file) == {"epoch": [1, 2], "loss": [2.0, 1.5]}
    expected = plots.curve_plot({"loss": [2.0, 1.5]}, "loss", "loss")
    assert plots.curve_plot(file, "loss", "loss") == expected


def test_refused():
    with pytest.raises(ValueError, match="the history has no accuracy; it has loss"):
        plots.curve_plot({"loss": [1.0]}, "accuracy", "accuracy")
    with pytest.raises(ValueError, match=r"\(2, 2\); expected \(3, 3\) for 3 class names"):
        plots.confusion_plot(np.eye(2), ["a", "b", "c"])


def test_pyplot_is_left_alone():
    settings = dict(matplotlib.rcParams)
    sys.modules.pop("matplotlib.pyplot", None)
    plots.confusion_plot(np.eye(2), ["a", "b"])
    plots.curve_plot(HISTORY, "loss", "loss")
    assert "matplotlib.pyplot" not in sys.modules
    assert dict(matplotlib.rcParams) == settings
