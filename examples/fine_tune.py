"""Fine-tunes a network on new classes: first the classifier, then the upper modules.

    python examples/fine_tune.py WORKDIR [DATA_DIR]

As it stands it needs no download: random weights, and photo_patches. For the real thing take
`weights="imagenet"` (or leave it out), `dataset="folder:PATH"` and the splits' names.
"""

import sys

from keras_inception import training

recipe = training.get_recipe("fine_tune").replace(
    **{"network": "inception_v1", "auxiliary_weight": 0.0, "size": 64, "freeze_until": "mixed_4b"},
    **{"weights": None, "network_arguments": {"width_multiplier": 0.25}},
    **{"dataset": "photo_patches", "train_split": "train[:256]", "validation_split": "test[:64]"},
    **{"epochs": 2, "head_epochs": 1},
)
result = training.train(recipe, *sys.argv[1:])
print(f"validation top-1 {result.history['val_top1_accuracy'][-1]:.1%}")
