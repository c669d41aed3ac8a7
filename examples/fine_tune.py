"""Fine-tunes ImageNet's weights on new classes: first the classifier, then the upper modules.

    python examples/fine_tune.py folder:PATH WORKDIR ['{"epochs": 20, "weights": "a file"}']

PATH has the folders `train` and `validation`, each with a folder of pictures for each class. The
last argument changes the recipe further.
"""

import json
import sys

from keras_inception import training

dataset, workdir, *more = sys.argv[1:]
changes = {"train_split": "train", "validation_split": "validation", **json.loads(*more or ["{}"])}
recipe = training.get_recipe("fine_tune").replace(dataset=dataset, **changes)
result = training.train(recipe, workdir)
print(f"validation top-1 {result.history['val_top1_accuracy'][-1]:.1%}")
