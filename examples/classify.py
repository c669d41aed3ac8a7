"""Classifies pictures with a network in any form: .keras, SavedModel, .tflite, .onnx, .xml.

python examples/classify.py MODEL PICTURE...
"""

import pathlib
import sys
import time

from keras_inception.evaluation import predictor


def main(model, *pictures):
    network = predictor(model)
    # The first call compiles the network, so it is not timed.
    network.classify([pathlib.Path(pictures[0]).read_bytes()])
    for picture in pictures:
        start = time.perf_counter()
        (classes,) = network.classify([pathlib.Path(picture).read_bytes()], top=5)
        milliseconds = 1e3 * (time.perf_counter() - start)
        print(f"{picture} ({milliseconds:.1f} ms)")
        for name, probability in classes:
            print(f"  {probability:7.2%}  {name}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
