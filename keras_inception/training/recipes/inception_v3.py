"""Inception-v2 and -v3: the rows of 1512.00567's table 3, and the small pictures of its table 2.

Command: `keras-inception train --recipe=inception_v3 --data_dir=DATA --output=build/inception_v3`.
Published, on ImageNet's validation pictures without the blacklisted ones, one crop. Each row of
table 3 adds to those above it. Its last row is in the abstract; the others, and table 2, are
recalled:

| recipe | row | top-1 error | top-5 error |
| --- | --- | --- | --- |
| `inception_v2_sgd` | Inception-v2 | 23.4 % | |
| `inception_v2_rmsprop` | RMSProp | 23.1 % | 6.3 % |
| `inception_v2_label_smoothing` | Label Smoothing | 22.8 % | 6.1 % |
| `inception_v2_factorized_7x7` | Factorized 7x7 | 21.6 % | 5.8 % |
| `inception_v2_batch_norm_auxiliary` | BN-auxiliary, called Inception-v3 | 21.2 % | 5.6 % |
| `inception_v3` | the same | 21.2 % | 5.6 % |
| `inception_v3_299` | table 2, 299 x 299 (76.6 % accuracy) | 23.4 % | |
| `inception_v3_151` | table 2, 151 x 151 (76.4 %) | 23.6 % | |
| `inception_v3_79` | table 2, 79 x 79 (75.2 %) | 24.8 % | |

Here: not run on ImageNet.

The `inception_v2` recipes train the paper's network (its table 1). `inception_v3` applies the last
row's training to the network that the authors released as Inception-v3 (its auxiliary classifier is
batch-normalized throughout). So its result fits wherever an Inception-v3 is expected.

Table 2 does not say how its networks were trained. Its 76.6 % at 299 is the accuracy of table 3's
first row, so our reading is that they had that row's training. The network is the released one,
with the first stride and pool set by `receptive_field`.
"""

from keras_inception.training.recipe import Recipe

_SECTION_8 = "1512.00567, section 8"
_CODE = "tensorflow/models, research/inception"
_PAPER = {"variant": "paper", "factorized_7x7": False, "batch_norm_auxiliary": False}

INCEPTION_V2_SGD = Recipe.sourced(
    name="inception_v2_sgd",
    network=("inception_v2", "1512.00567, table 1"),
    network_arguments=(_PAPER, "1512.00567, table 3, row Inception-v2"),
    dataset=("imagenet2012", "1512.00567, section 10"),
    size=(299, "1512.00567, table 1"),
    batch_size=(1600, f"{_SECTION_8}: 50 replicas of 32"),
    epochs=(100, _SECTION_8),
    optimizer=("sgd", f"{_SECTION_8}: momentum, of the earlier experiments"),
    learning_rate=(0.045, _SECTION_8),
    decay_rate=(0.94, _SECTION_8),
    decay_epochs=(2.0, _SECTION_8),
    rho=None,
    momentum=(0.9, _SECTION_8),
    epsilon=None,
    clip_norm=(2.0, f"{_SECTION_8}; the released code does not clip"),
    auxiliary_weight=(0.4, f"{_CODE}, inception_model.py, loss; the paper prints none"),
    label_smoothing=(0.0, "1512.00567, table 3: it comes two rows below"),
    weight_decay=(
        4e-5,
        f"{_CODE}, inception_model.py, weight_decay; 1610.02357, section 4.3, says it of v3",
    ),
    average_decay=(
        0.9999,
        f"{_SECTION_8}: a running average; {_CODE}, inception_model.py, MOVING_AVERAGE_DECAY",
    ),
    batch_norm_momentum=(0.9997, f"{_CODE}, inception_model.py, BATCHNORM_MOVING_AVERAGE_DECAY"),
    min_area=(0.08, f"1409.4842, section 6; {_CODE}, image_processing.py, has 0.05"),
    color=("full", f"{_CODE}, image_processing.py, distort_color"),
)

INCEPTION_V2_RMSPROP = (
    INCEPTION_V2_SGD.replace(name="inception_v2_rmsprop")
    .replace(source=_SECTION_8, optimizer="rmsprop", rho=0.9, epsilon=1.0)
    .replace(
        source=f"{_CODE}, inception_distributed_train.py, RMSPROP_MOMENTUM; the paper prints none",
        momentum=0.9,
    )
)
INCEPTION_V2_LABEL_SMOOTHING = INCEPTION_V2_RMSPROP.replace(
    name="inception_v2_label_smoothing"
).replace(source="1512.00567, section 7", label_smoothing=0.1)
INCEPTION_V2_FACTORIZED_7X7 = INCEPTION_V2_LABEL_SMOOTHING.replace(
    name="inception_v2_factorized_7x7"
).replace(
    source="1512.00567, table 3, row Factorized 7x7",
    network_arguments={**_PAPER, "factorized_7x7": True},
)
INCEPTION_V2_BATCH_NORM_AUXILIARY = INCEPTION_V2_FACTORIZED_7X7.replace(
    name="inception_v2_batch_norm_auxiliary"
).replace(
    source="1512.00567, table 3, row BN-auxiliary",
    network_arguments={**_PAPER, "factorized_7x7": True, "batch_norm_auxiliary": True},
)

INCEPTION_V3 = INCEPTION_V2_BATCH_NORM_AUXILIARY.replace(name="inception_v3").replace(
    source="TF-Slim, nets/inception_v3.py: the network that was released for table 3's last row",
    network="inception_v3",
    network_arguments={},
)


def _from_table_2(size):
    """Makes the recipe of table 3's first row for pictures of `size` x `size` pixels."""
    return (
        INCEPTION_V2_SGD.replace(name=f"inception_v3_{size}")
        .replace(
            source="1512.00567, section 9 and table 2",
            network="inception_v3",
            network_arguments={"receptive_field": size},
            size=size,
        )
        .replace(
            source=f"{_SECTION_8}; section 9: until convergence, longer for smaller pictures",
            epochs=100,
        )
    )


INCEPTION_V3_299, INCEPTION_V3_151, INCEPTION_V3_79 = map(_from_table_2, (299, 151, 79))
