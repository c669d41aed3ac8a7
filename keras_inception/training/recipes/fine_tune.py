"""Fine-tunes Inception-v3's ImageNet weights on flowers: new classifiers first, then more layers.

Command: `keras-inception train --recipe=fine_tune --data_dir=DATA --output=build/fine_tune`.
Published: no result, since the recipe is not from a paper. Its numbers are those of TF-Slim's
walkthrough for the same weights and pictures, as far as it gives them.
Here: not run; both the weights and the pictures must be downloaded.

The walkthrough's second phase trains all layers. Here the layers up to `mixed_6a` stay frozen;
`freeze_until=None` trains all, as the walkthrough does.
"""

from keras_inception.training.recipe import Recipe

_SCRIPT = "TF-Slim, scripts/finetune_inception_v3_on_flowers.sh"
_SLIM = "TF-Slim, train_image_classifier.py"

FINE_TUNE = Recipe.sourced(
    name="fine_tune",
    network=("inception_v3", _SCRIPT),
    weights=("imagenet", f"{_SCRIPT}: the checkpoint of 2016-08-28"),
    dataset=("tf_flowers", _SCRIPT),
    train_split=("train[:3320]", "TF-Slim, datasets/flowers.py: as many, but not the same ones"),
    validation_split=("train[3320:]", "TF-Slim, datasets/flowers.py: 350"),
    size=(299, "1512.00567, table 1"),
    batch_size=(32, _SCRIPT),
    epochs=(
        15,
        f"{_SCRIPT}: 500 steps of 32 on 3,320 pictures after the first 1,000 are 5 epochs more",
    ),
    optimizer=("rmsprop", _SCRIPT),
    learning_rate=(0.0001, f"{_SCRIPT}, second phase"),
    decay_rate=(1.0, f"{_SCRIPT}: a fixed rate"),
    decay_epochs=(1.0, "of no effect: the rate is fixed"),
    rho=(0.9, f"{_SLIM}, rmsprop_decay"),
    momentum=(0.9, f"{_SLIM}, rmsprop_momentum"),
    epsilon=(1.0, f"{_SLIM}, opt_epsilon"),
    clip_norm=(None, f"{_SLIM} does not clip"),
    auxiliary_weight=(0.4, f"{_SLIM}, aux_loss"),
    label_smoothing=(0.0, f"{_SLIM}, label_smoothing"),
    weight_decay=(4e-5, _SCRIPT),
    average_decay=(None, f"{_SLIM}, moving_average_decay"),
    batch_norm_momentum=(
        0.99,
        "our choice: TF-Slim's 0.9997 would move the statistics by a seventh in the second phase's "
        "some 515 steps",
    ),
    min_area=(0.05, "TF-Slim, inception_preprocessing.py, area_range"),
    color=("fast", "TF-Slim, inception_preprocessing.py, fast_mode"),
    freeze_until=("mixed_6a", "our choice: few pictures, and the backward pass ends there"),
    head_epochs=(10, f"{_SCRIPT}: 1,000 steps of 32 on 3,320 pictures"),
    head_learning_rate=(0.01, f"{_SCRIPT}, first phase"),
)
