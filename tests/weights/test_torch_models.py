"""Ours beside the networks of timm and torchvision themselves: `make test-torch`."""

import pytest
import torch_rule

import keras_inception

pytestmark = pytest.mark.torch


@pytest.fixture
def saved(tmp_path):
    """Makes a PyTorch network and its file, which does not outlive the test."""
    path = tmp_path / "model.safetensors"

    def make(name, seed=None, dtype=None):
        import torch
        from safetensors.torch import save_file

        model = torch_rule.torch_model(name)
        if seed is not None:
            randomize(model, seed)
        if dtype is not None:
            model.to(getattr(torch, dtype))
        save_file(model.state_dict(), path)
        return model, str(path)

    yield make
    path.unlink(missing_ok=True)


def randomize(model, seed):
    """Other weights than the recorded ones, batch normalization's statistics and gamma too."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    state = model.state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.25)
        elif tensor.ndim > 1:
            scale = (2 / tensor[0].numel()) ** 0.5
            tensor.copy_(scale * torch.randn(tensor.shape, generator=generator))
        elif tensor.is_floating_point():
            is_gamma = name.removesuffix("weight") + "running_mean" in state
            noise = 0.2 * torch.randn(tensor.shape, generator=generator)
            tensor.copy_(noise + int(is_gamma and name.endswith("weight")))


def gaps(name, model, path):
    """Largest relative difference of each output of ours, with the weights of the file."""
    constructor, side, *_ = torch_rule.NETWORKS[name]
    images, constructor = torch_rule.images(side), getattr(keras_inception, constructor)
    ours = constructor(weights=path, input_shape=images.shape[1:], classifier_activation=None)
    theirs = torch_rule.torch_outputs(model, side)
    if "auxiliary" in theirs:
        ours = keras_inception.with_auxiliary_heads(ours, weights=path)
    outputs = ours.predict(images, verbose=0)
    outputs = outputs if isinstance(outputs, dict) else {"predictions": outputs}
    assert outputs.keys() == theirs.keys()
    return {key: torch_rule.gap(outputs[key], theirs[key]) for key in theirs}


@pytest.mark.parametrize("name", torch_rule.NETWORKS)
def test_outputs_are_those_of_the_other_network(name, saved):
    for key, gap in gaps(name, *saved(name, seed=20)).items():
        assert gap < 2e-5, key


@pytest.mark.parametrize("name", torch_rule.NETWORKS)
def test_recorded_outputs_are_what_the_networks_give(name):
    shapes, outputs = torch_rule.recorded(name)
    model = torch_rule.torch_model(name)
    assert {key: tuple(t.shape) for key, t in model.state_dict().items()} == shapes
    again = torch_rule.torch_outputs(model, torch_rule.NETWORKS[name][1])
    for key, reference in outputs.items():
        assert torch_rule.gap(again[key], reference) < 1e-8


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_file_in_half_precision(dtype, saved):
    name = "timm_inception_v4"
    model, path = saved(name, dtype=dtype)
    assert gaps(name, model, path)["predictions"] < 2e-5


def test_names_are_those_of_either_package():
    """timm's Inception-v3 with the auxiliary head has torchvision's names and shapes."""
    import timm

    state = timm.create_model("inception_v3", aux_logits=True).state_dict()
    shapes, _ = torch_rule.recorded("torchvision_inception_v3")
    assert {key: tuple(tensor.shape) for key, tensor in state.items()} == shapes
