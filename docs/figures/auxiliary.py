"""Gradients in GoogLeNet's layers at the start of training, with and without auxiliary heads."""

import keras
import numpy as np
import plots
import tensorflow as tf

import keras_inception

WEIGHT = 0.3  # 1409.4842 section 5
BOXES = {name: f"{name}_conv" for name in ("conv2d_1a_7x7", "conv2d_2c_3x3")}
for _name in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c"):
    BOXES[f"mixed_{_name}"] = f"mixed_{_name}_branch1_1_3x3_conv"


def norms(training, images, labels, weight):
    """Returns the norm of the gradient of each box's kernel."""
    kernels = [training.get_layer(name).kernel.value for name in BOXES.values()]
    with tf.GradientTape() as tape:
        outputs = training(images, training=False)  # without dropout
        losses = {
            name: keras.ops.mean(keras.losses.sparse_categorical_crossentropy(labels, output))
            for name, output in outputs.items()
        }
        loss = losses.pop("predictions") + weight * sum(losses.values())
    return [float(tf.norm(gradient)) for gradient in tape.gradient(loss, kernels)]


def medians(gain):
    """Returns {weight of the heads: medians of the norms}, for kernels `gain` times as large."""
    found, rng = {0.0: [], WEIGHT: []}, np.random.default_rng(0)
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        model = keras_inception.GoogLeNet(
            weights=None, classes=10, width_multiplier=0.25, input_shape=(128, 128, 3)
        )
        training = keras_inception.with_auxiliary_heads(model)
        for layer in training.layers:
            if isinstance(layer, keras.layers.Conv2D):
                layer.kernel.assign(gain * layer.kernel)
        images = rng.uniform(-1, 1, (8, 128, 128, 3)).astype("float32")
        labels = rng.integers(0, 10, 8)
        for weight, rows in found.items():
            rows.append(norms(training, images, labels, weight))
    return {weight: np.median(rows, 0) for weight, rows in found.items()}


def draw(path):
    """Writes the plot as SVG."""
    figure, *panels = plots.axes(2)
    for gain, panel in zip((1.0, 0.5), panels):
        for (weight, row), color in zip(medians(gain).items(), (plots.ORANGE, plots.BLUE)):
            text = f"with both heads, weight {weight}" if weight else "the classifier alone"
            panel.semilogy(range(len(BOXES)), row, "o-", color=color, label=text)
        panel.set_xticks(range(len(BOXES)), BOXES, rotation=60, ha="right", fontsize=8)
        plots.label(panel, "", "norm of the kernel's gradient", f"initial kernels times {gain:g}")
    plots.legend(panels[0], fontsize=8, loc="lower right")
    plots.save(figure, path)
