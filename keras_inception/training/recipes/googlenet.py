"""GoogLeNet as 1409.4842 trained it: asynchronous SGD, a slow staircase, an average of parameters.

Command: `keras-inception train --recipe=googlenet --strategy=parameter_server --data_dir=DATA
--output=build/googlenet`.
Published, on ImageNet's validation pictures (the paper mentions no exclusions): 10.07 % top-5 error
with one crop (table 3; 9.15 % with 10 crops, 7.89 % with 144), no top-1 error. Caffe's network by
its own recipe: 31.3 % top-1 and 11.1 % top-5 error.
Here: not run on ImageNet.

The paper prints momentum, staircase, crops and the auxiliary weight, and says that the training of
its models changed over time. Rate, batch and length are those of 1502.03167 for nearly this
network. Caffe's `models/bvlc_googlenet/solver.prototxt` starts at 0.01 with the same staircase, on
one machine, for 250 epochs. The paper's random interpolation methods are left out.
"""

from keras_inception.training.recipe import Recipe

_SECTION_6 = "1409.4842, section 6"

GOOGLENET = Recipe.sourced(
    name="googlenet",
    network=("googlenet", "1409.4842, table 1"),
    dataset=("imagenet2012", "1409.4842, section 7"),
    size=(224, "1409.4842, table 1"),
    batch_size=(
        32,
        "1502.03167, section 4.2, of its Inception; 1409.4842 prints none. "
        "Asynchronous: each worker's 32 are a step of their own",
    ),
    epochs=(
        774,
        "1502.03167, figure 3: 31.0 million steps of 32 to its Inception's best; "
        "1409.4842 prints none",
    ),
    optimizer=("sgd", _SECTION_6),
    learning_rate=(
        0.0015,
        "1502.03167, section 4.2.2, of its Inception; 1409.4842 prints none",
    ),
    decay_rate=(0.96, f"{_SECTION_6}: 4 % less every 8 epochs"),
    decay_epochs=(8.0, _SECTION_6),
    rho=None,
    momentum=(0.9, _SECTION_6),
    epsilon=None,
    clip_norm=(None, "1409.4842 names none"),
    auxiliary_weight=(0.3, "1409.4842, section 5"),
    label_smoothing=(0.0, "1409.4842 has none: it came with 1512.00567"),
    weight_decay=(
        2e-4,
        "Caffe, models/bvlc_googlenet/solver.prototxt, weight_decay; 1409.4842 prints none",
    ),
    average_decay=(
        0.9999,
        f"{_SECTION_6}: Polyak averaging; our choice of the decay: that published for Inception-v3",
    ),
    batch_norm_momentum=(0.9997, "our choice: GoogLeNet has no batch normalization to set"),
    min_area=(0.08, _SECTION_6),
    color=("full", f"{_SECTION_6}: A. Howard's distortions, as TF-Slim published them"),
)
