"""Records what timm's and torchvision's networks give for made-up weights: the `.json` beside it.

    python tests/data/torch/record.py

runs in any environment with numpy, torch, torchvision and timm (extra `test-torch`), and takes some
ten seconds. Networks, weights and images are those of `tests/support/torch_rule.py`. The names and
shapes of the variables are kept and, from a run in double precision, the logits. Made with torch
2.14.1, torchvision 0.29.1 and timm 1.0.31.

The tests with the marker `torch` run it too, into a folder of theirs, where it leaves the weights
as well: TensorFlow and PyTorch (its Triton) cannot always be imported into one process.
"""

import argparse
import importlib
import json
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parents[1] / "support"))

import torch  # noqa: E402
import torch_rule  # noqa: E402


def network(name, salt="", dtype="float32"):
    """The network with the made-up weights, rounded to `dtype`, in inference."""
    _, _, module, function, options = torch_rule.NETWORKS[name]
    # timm takes `pretrained`, torchvision `weights`; by default neither loads any.
    model = getattr(importlib.import_module(module), function)(**options).eval()
    shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    values = torch_rule.values(shapes, salt)
    model.load_state_dict({key: torch.from_numpy(array) for key, array in values.items()})
    return model.to(getattr(torch, dtype))


def outputs(model, side):
    """Logits in double precision: "predictions", and "auxiliary" of Inception-v3 if it is there."""
    model.double()
    grids = []
    head = getattr(model, "AuxLogits", None)
    if head is not None:
        model.Mixed_6e.register_forward_hook(lambda module, inputs, grid: grids.append(grid))
    images = np.ascontiguousarray(torch_rule.images(side).transpose(0, 3, 1, 2))
    with torch.no_grad():
        results = {"predictions": model(torch.from_numpy(images).double())}
        if head is not None:
            results["auxiliary"] = head(grids[0])
    return {key: logits.numpy() for key, logits in results.items()}


def record(name, folder, salt="", dtype="float32", keep_weights=False):
    """Writes `<name>.json` and, if they are to be kept, the weights as `<name>.safetensors`."""
    model = network(name, salt, dtype)
    if keep_weights:
        from safetensors.torch import save_file

        save_file(model.state_dict(), folder / f"{name}.safetensors")
    facts = {
        "shapes": {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()},
        "outputs": {
            key: [[float(f"{logit:.9g}") for logit in row] for row in logits]
            for key, logits in outputs(model, torch_rule.NETWORKS[name][1]).items()
        },
    }
    (folder / f"{name}.json").write_text(json.dumps(facts, separators=(",", ":")) + "\n")


def main():
    parser = argparse.ArgumentParser(description="Records networks of timm and torchvision.")
    parser.add_argument("names", nargs="*", default=list(torch_rule.NETWORKS))
    parser.add_argument("--folder", type=pathlib.Path, default=HERE)
    parser.add_argument("--salt", default="", help="for other weights than the recorded ones")
    parser.add_argument("--dtype", default="float32", help="of the weights")
    parser.add_argument("--keep-weights", action="store_true")
    arguments = vars(parser.parse_args())
    for name in arguments.pop("names"):
        record(name, **arguments)


if __name__ == "__main__":
    main()
