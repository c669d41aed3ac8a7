"""Records what timm's and torchvision's networks give for made-up weights: the `.json` beside it.

    python tests/data/torch/record.py

runs in any environment with numpy, torch, torchvision and timm (extra `test-torch`), and takes a
minute. Networks, weights and images are those of `tests/torch_rule.py`; kept are the names and
shapes of the variables and, from a run in double precision, the logits. Made with torch 2.14.1,
torchvision 0.29.1 and timm 1.0.31.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parents[1]))

import torch_rule  # noqa: E402


def main():
    for name, (_, side, *_) in torch_rule.NETWORKS.items():
        model = torch_rule.torch_model(name)
        facts = {
            "shapes": {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()},
            "outputs": {
                key: [[float(f"{logit:.9g}") for logit in row] for row in logits]
                for key, logits in torch_rule.torch_outputs(model, side).items()
            },
        }
        (HERE / f"{name}.json").write_text(json.dumps(facts, separators=(",", ":")) + "\n")
        print(name, {key: len(value[0]) for key, value in facts["outputs"].items()})


if __name__ == "__main__":
    main()
