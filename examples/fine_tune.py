"""Fine-tunes ImageNet's weights on new classes: first the classifier, then the upper modules.

    python examples/fine_tune.py folder:PATH WORKDIR ['{"epochs": 20, "weights": "a file"}']

PATH has the folders `train` and `validation`, each with a folder of pictures for each class. The
last argument changes the recipe further (`keras-inception train --recipe=fine_tune --describe`
lists its fields). The result is WORKDIR/model.keras with the class names beside it, for
`classify.py` and `export_and_serve.py`.
"""

import json
import pathlib
import sys

from keras_inception import training


def main(dataset, workdir, changes="{}"):
    splits = {"train_split": "train", "validation_split": "validation"}
    recipe = training.get_recipe("fine_tune")
    recipe = recipe.replace(dataset=dataset, **{**splits, **json.loads(changes)})
    result = training.train(recipe, workdir)
    lines = "".join(f"{name}\n" for name in result.class_names)
    pathlib.Path(workdir, "labels.txt").write_text(lines)
    print(f"validation top-1 {result.history['val_top1_accuracy'][-1]:.1%}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
