"""BN-Inception: three of the networks that 1502.03167 compares in its section 4.2.2.

Command: `keras-inception train --recipe=bn_inception --data_dir=DATA --output=build/bn_inception`.
Published, on all of ImageNet's validation pictures, one crop (figure 3 prints accuracies; the top-5
error is from figure 4):

| recipe | network of the paper | top-1 error | top-5 error | steps of 32 to 72.2 % accuracy |
| --- | --- | --- | --- | --- |
| `bn_inception_baseline` | BN-Baseline | 27.3 % | | 13.3 million |
| `bn_inception` | BN-x5 | 27.0 % | | 2.1 million |
| `bn_inception_x30` | BN-x30 | 25.2 % | 7.82 % | 2.7 million |

Inception without batch normalization took 31.0 million steps. `bn_inception` is BN-x5, which
according to the paper needs 14 times fewer. BN-x30 has the best result; the paper's ensemble is
made of such networks.
Here: not run on ImageNet.

The paper states its changes relative to an Inception, but does not print that network's staircase
and weight decay; here they are those of `googlenet`. BN-Baseline kept local response normalization,
which this package's network does not have. The paper trained on many machines, and does not say
whether they were synchronous.
"""

from keras_inception.training.recipe import Recipe

_SECTION = "1502.03167, section 4.2"
_CHANGES = "1502.03167, section 4.2.1"

BN_INCEPTION = Recipe.sourced(
    name="bn_inception",
    network=("bn_inception", "1502.03167, figure 5"),
    dataset=("imagenet2012", _SECTION),
    size=(224, "1502.03167, figures 4 and 5"),
    batch_size=(32, f"{_SECTION}: mini-batches of 32"),
    epochs=(
        150,
        "1502.03167, section 4.2.2: 6 million steps of 32, of BN-x30; no length is printed for "
        "BN-x5, which reaches 72.2 % after 52 epochs",
    ),
    optimizer=("sgd", f"{_SECTION}: SGD with momentum"),
    learning_rate=(0.0075, "1502.03167, section 4.2.2: 5 times Inception's 0.0015"),
    decay_rate=(0.96, "1409.4842, section 6: 4 % less; 1502.03167 says exponential"),
    decay_epochs=(4 / 3, f"{_CHANGES}: 6 times faster than Inception; 8 epochs in 1409.4842"),
    rho=None,
    momentum=(0.9, "1409.4842, section 6; 1502.03167 prints none"),
    epsilon=None,
    clip_norm=(None, "1502.03167 names none"),
    auxiliary_weight=(0.0, "1502.03167, figure 5: no auxiliary classifier"),
    label_smoothing=(0.0, "1502.03167 has none: it came with 1512.00567"),
    weight_decay=(
        4e-5,
        f"{_CHANGES}: a fifth of Inception's, which is not printed; "
        "Caffe's bvlc_googlenet/solver.prototxt has 2e-4",
    ),
    average_decay=(
        0.9999,
        "our choice: as in 1409.4842, section 6, with the decay published for Inception-v3; "
        "1502.03167 names no average",
    ),
    batch_norm_momentum=(
        0.9997,
        "TF-Slim, nets/inception_utils.py, batch_norm_decay; 1502.03167 prints none",
    ),
    min_area=(0.08, "1409.4842, section 6"),
    color=("fast", f"{_CHANGES}: reduced distortions; our choice: without hue and contrast"),
)

BN_INCEPTION_BASELINE = (
    BN_INCEPTION.replace(name="bn_inception_baseline")
    .replace(
        source="1502.03167, section 4.2.2: as Inception, whose last layer drops 40 % (4.2.3)",
        network_arguments={"dropout_rate": 0.4},
    )
    .replace(source="1502.03167, figure 3: 31.0 million steps, as Inception", epochs=774)
    .replace(source="1502.03167, section 4.2.2: as Inception", learning_rate=0.0015)
    .replace(source="1409.4842, section 6; 1502.03167 prints none", decay_epochs=8.0)
    .replace(
        source="Caffe, models/bvlc_googlenet/solver.prototxt, weight_decay; 1502.03167 prints none",
        weight_decay=2e-4,
    )
    .replace(source="1409.4842, section 6: A. Howard's, as TF-Slim published them", color="full")
)

BN_INCEPTION_X30 = BN_INCEPTION.replace(name="bn_inception_x30").replace(
    source="1502.03167, section 4.2.2: 30 times Inception's 0.0015", learning_rate=0.045
)
