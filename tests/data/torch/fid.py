"""Runs pytorch-fid itself, with made-up weights: its files, its features and its distance.

In a process of its own: TensorFlow and PyTorch in one do not go together.
"""

import argparse
import pathlib
import sys

import numpy as np
import safetensors.torch
import torch
import torchvision
from pytorch_fid import fid_score, inception

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "support"))
import torch_rule


def made_up_state():
    """The variables of the network of FID, by the rule of `torch_rule`."""
    network = torchvision.models.inception_v3(
        num_classes=1008, aux_logits=False, init_weights=False, weights=None
    )
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    values = torch_rule.values(shapes)
    return {name: torch.tensor(value) for name, value in values.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path, help="for what is written")
    parser.add_argument("sets", type=pathlib.Path, nargs=2, help="folders of pictures")
    arguments = parser.parse_args()
    state = made_up_state()
    for layout, zipped in (("first", False), ("second", True)):
        path = arguments.folder / f"{layout}.pth"
        torch.save(state, path, _use_new_zipfile_serialization=zipped)
    # As the package's error says how.
    weights = arguments.folder / "weights.safetensors"
    safetensors.torch.save_file(torch.load(path, weights_only=True), weights)
    inception.load_state_dict_from_url = lambda *_, **__: state
    network = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]])
    found, moments = {}, []
    for letter, pictures in zip("ab", arguments.sets):
        files = sorted(pictures.iterdir())
        rows = fid_score.get_activations(files, network, batch_size=10, num_workers=0)
        moments += [rows.mean(axis=0), np.cov(rows, rowvar=False)]
        found[f"features_{letter}"] = rows
    found["fid"] = fid_score.calculate_frechet_distance(*moments)
    np.savez(arguments.folder / "theirs.npz", **found)
    np.savez_compressed(arguments.folder / "statistics_b.npz", mu=moments[2], sigma=moments[3])


if __name__ == "__main__":
    main()
