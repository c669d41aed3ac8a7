"""Inception-v4 and both Inception-ResNets, as 1602.07261 trained them.

Command: `keras-inception train --recipe=inception_v4 --data_dir=DATA --output=build/inception_v4`.
Published, on ImageNet's validation pictures without the blacklisted ones, one crop (table 2):

| recipe | top-1 error | top-5 error |
| --- | --- | --- |
| `inception_resnet_v1` | 21.3 % | 5.5 % |
| `inception_v4` | 20.0 % | 5.0 % |
| `inception_resnet_v2` | 19.9 % | 4.9 % |

Here: not run on ImageNet.

`inception_resnet_v2` trains the network that was released under this name. It costs about as much
as Inception-v4, as the paper says. `network_arguments={"variant": "paper"}` is the smaller network
that the figures draw. No figure draws an auxiliary classifier: those of v4 and v2 are as released.
The authors released no v1, so its auxiliary classifier is where v2 has it.
"""

from keras_inception.training.recipe import Recipe

_SECTION_4 = "1602.07261, section 4"
_SLIM = "TF-Slim, train_image_classifier.py"

INCEPTION_V4 = Recipe.sourced(
    name="inception_v4",
    network=("inception_v4", "1602.07261, figure 9"),
    dataset=("imagenet2012", "1602.07261, section 5"),
    size=(299, "1602.07261, figure 9"),
    batch_size=(
        640,
        f"{_SECTION_4}: 20 replicas; of 32 each as in 1512.00567, section 8: not printed here",
    ),
    epochs=(
        160,
        f"our choice: {_SECTION_4}, prints none; the curves of figures 21 to 26 end at 160 to 200 "
        "(recalled)",
    ),
    optimizer=("rmsprop", _SECTION_4),
    learning_rate=(0.045, _SECTION_4),
    decay_rate=(0.94, _SECTION_4),
    decay_epochs=(2.0, _SECTION_4),
    rho=(0.9, _SECTION_4),
    momentum=(0.9, f"{_SLIM}, rmsprop_momentum; the paper prints none"),
    epsilon=(1.0, _SECTION_4),
    clip_norm=(2.0, "1512.00567, section 8; 1602.07261 does not mention clipping"),
    auxiliary_weight=(0.4, f"{_SLIM}, aux_loss"),
    label_smoothing=(
        0.1,
        f"1512.00567, section 7; 1602.07261 does not mention it, and {_SLIM}, has 0 by default",
    ),
    weight_decay=(4e-5, f"{_SLIM}, weight_decay"),
    average_decay=(
        0.9999,
        f"{_SECTION_4}: a running average; tensorflow/models, research/inception, "
        "inception_model.py, MOVING_AVERAGE_DECAY, of v3",
    ),
    batch_norm_momentum=(0.9997, "TF-Slim, nets/inception_utils.py, batch_norm_decay"),
    min_area=(0.08, "1409.4842, section 6; TF-Slim, inception_preprocessing.py, has 0.05"),
    color=("full", "TF-Slim, inception_preprocessing.py, distort_color, not in its fast mode"),
)

INCEPTION_RESNET_V1 = (
    INCEPTION_V4.replace(name="inception_resnet_v1")
    .replace(source="1602.07261, figure 15", network="inception_resnet_v1")
    .replace(source="our choice: that of the released Inception-ResNet-v2", auxiliary_weight=0.4)
)
INCEPTION_RESNET_V2 = INCEPTION_V4.replace(name="inception_resnet_v2").replace(
    source="TF-Slim, nets/inception_resnet_v2.py: what was released for 1602.07261",
    network="inception_resnet_v2",
)
