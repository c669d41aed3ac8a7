"""Xception, as 1610.02357 trained it on ImageNet.

Command: `keras-inception train --recipe=xception --data_dir=DATA --output=build/xception`.
Published, on ImageNet's validation pictures without the blacklisted ones, one crop (table 1, which
prints the accuracies 79.0 % and 94.5 %): 21.0 % top-1 error, 5.5 % top-5 error.
Here: not run on ImageNet.

The paper's rate and staircase are Inception-v3's, with SGD, and were not tuned for Xception. The
paper prints neither batch nor length. Three days (section 4.4) at 28 steps per second (table 3) are
7.3 million steps. They are 181 epochs if a step there is one GPU's batch of 32. (If it were the
batch of all 60, each GPU would process some 900 pictures per second.) Dropout of 0.5 is the
network's own default.
"""

from keras_inception.training.recipe import Recipe

_SECTION_2 = "1610.02357, section 4.2"
_SECTION_3 = "1610.02357, section 4.3"
_V3 = "our choice: as for Inception-v3, which it is compared with"

XCEPTION = Recipe.sourced(
    name="xception",
    network=("xception", "1610.02357, figure 5"),
    dataset=("imagenet2012", "1610.02357, section 4"),
    size=(299, "1610.02357, figure 5"),
    batch_size=(
        1920,
        "1610.02357, section 4.4: 60 GPUs in step; of 32 each as in 1512.00567, section 8: "
        "not printed here",
    ),
    epochs=(
        181,
        "our reading of 1610.02357, section 4.4 and table 3: 3 days at 28 steps a second of 32",
    ),
    optimizer=("sgd", _SECTION_2),
    learning_rate=(0.045, _SECTION_2),
    decay_rate=(0.94, _SECTION_2),
    decay_epochs=(2.0, _SECTION_2),
    rho=None,
    momentum=(0.9, _SECTION_2),
    epsilon=None,
    clip_norm=(None, "1610.02357 names none"),
    auxiliary_weight=(0.0, f"{_SECTION_3}: no auxiliary tower"),
    label_smoothing=(0.0, "1610.02357 names none"),
    weight_decay=(1e-5, _SECTION_3),
    average_decay=(
        0.9999,
        f"{_SECTION_2}: Polyak averaging; our choice of the decay: that published for Inception-v3",
    ),
    batch_norm_momentum=(0.9997, f"{_V3}; keras.applications has 0.99, Keras's default"),
    min_area=(0.08, f"{_V3}: 1409.4842, section 6"),
    color=("full", _V3),
)
