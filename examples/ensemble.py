"""Evaluates networks alone and together, by the mean of their probabilities as in the papers.

    python examples/ensemble.py DATA MODEL MODEL... [--crops=10]

DATA is a name such as `photo_patches`, `imagenet2012` or `folder:PATH`. The models may have
different sizes and forms. These commands train four that differ only in their seeds:

    for seed in 0 1 2 3; do
        keras-inception train --recipe=demo --seed=$seed --output=build/seed$seed
    done
    python examples/ensemble.py photo_patches build/seed{0..3}/model.keras
"""

import argparse
import sys

from keras_inception import evaluation


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--crops", type=int, default=1, help="per picture: 1, 10, 12 or 144")
    parser.add_argument("--split", default="test")
    arguments = parser.parse_args()
    found = evaluation.evaluate(
        arguments.models, arguments.data, arguments.crops, split=arguments.split
    ).summary()
    print(f"{found['pictures']} pictures, crops of each: {found['crops']}")
    together = {"model": f"all {len(arguments.models)}", **found}
    for row in [*found["each_model"], together]:
        error = row["top1_standard_error"]
        print(f"top-1 {row['top1']:.2%} +- {error:.2%}, top-5 {row['top5']:.2%}: {row['model']}")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(str(error))
