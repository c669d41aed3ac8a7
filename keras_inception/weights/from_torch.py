"""PyTorch's state dicts, with the names of timm and torchvision, for models of this package.

Names of both sides become places, as for TF-Slim: Inception-v3 and Inception-ResNet-v2 name their
blocks as TF-Slim does, the others number them. Kernels are (out, in, height, width) there, and
every batch normalization has a gamma, which goes into the kernel if ours does not have one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping

import keras
import numpy as np

from keras_inception.weights.assignment import Plan, Rule
from keras_inception.weights.places import Place, model_places

_EPSILON = 1e-3  # of every network here, and of theirs except one
_XCEPTION_EPSILON = 1e-5  # timm models/xception.py leaves PyTorch's default
_REPEATS = {"repeat": "block35", "repeat_1": "block17", "repeat_2": "block8"}  # timm's names
_HEADS = ("predictions", "auxiliary")
_CLASSIFIERS = ("fc", "last_linear", "classif")
_BRANCHED = re.compile(
    r"(?P<block>.+?)\.(?:branch(?P<branch>_?[^_.]+)(?:[_.](?P<box>\d[ab]?))?|conv)\.(?:conv|bn)"
)
_PLAIN = re.compile(r"(?P<block>.+?)\.(?:conv|bn|conv2d)")
_AUXILIARY = re.compile(r"AuxLogits\.(?P<box>conv\d|fc)(?:\.(?:conv|bn))?")
_XCEPTION = (  # module of timm's Xception, to our layer
    (re.compile(r"(?:conv|bn)([12])"), lambda m: f"block1_conv{m[1]}"),
    (
        re.compile(r"(?:conv|bn)([34])(?:\.(?:conv1|pointwise))?"),
        lambda m: f"block14_sepconv{int(m[1]) - 2}",
    ),
    (re.compile(r"block(\d+)\.skip(?:bn)?"), lambda m: f"block{int(m[1]) + 1}_shortcut"),
    (  # ReLU, convolution, normalization in turn; the first block lacks the first ReLU
        re.compile(r"block(\d+)\.rep\.(\d+)(?:\.(?:conv1|pointwise))?"),
        lambda m: f"block{int(m[1]) + 1}_sepconv{int(m[2]) // 3 + 1}",
    ),
)
_OTHER_HEAD = "an auxiliary head of another kind"  # torchvision's GoogLeNet has the paper's two
_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def names_fit(names: Collection[str]) -> bool:
    """Returns whether names are a state dict's, `module.variable`; ours are `layer/variable`."""
    return all("/" not in name for name in names) and any(n.endswith(".weight") for n in names)


def plan(model: keras.Model, names: Collection[str]) -> Plan:
    """Maps timm's and torchvision's variables to those of a model.

    If batch normalization has a gamma there and not here, the gamma is a second source of the
    kernel and of the moving mean. Xception's gammas have the variance as a second source.

    Args:
        model: a network of this package, with or without its heads: InceptionV1 (torchvision's
            GoogLeNet), InceptionV3, InceptionV4, InceptionResNetV2 or Xception.
        names: names of a file's variables.
    """
    ours = model_places(model)
    placed = _source_places(names, ours)
    rules = []
    for place, target in ours.items():
        sources, combine = _sources(place, placed, ours)
        found = tuple(name for name in sources if name is not None)
        if len(found) == len(sources):
            classes = target.path.split("/")[0] in _HEADS
            rules.append(Rule(target, found, combine, is_classifier=classes))
    absent = set(_HEADS) - {place[0] for place in ours}
    skipped = {name: _OTHER_HEAD for name in names if re.match(r"aux[12]\.", name)}
    for place, name in placed.items():
        if place[0] in absent:
            skipped[name] = "a head that the model does not have"
    return Plan(rules, skipped)


def _sources(
    place: Place, placed: Mapping[Place, str], ours: Mapping[Place, keras.Variable]
) -> tuple[tuple[str | None, ...], Callable]:
    """Returns the variables, `None` if missing, that one of ours is computed from, and how."""
    name, variable = placed.get(place), place[4]
    norm = (*place[:3], True)
    if (*norm, "gamma") in ours:
        if variable == "gamma":
            return (name, placed.get((*norm, "moving_variance"))), _gamma_of_other_epsilon
    elif (*norm, "moving_mean") in ours:
        if variable == "kernel":
            return (name, placed.get((*norm, "gamma"))), _kernel_times_gamma
        if variable == "moving_mean":
            return (name, placed.get((*norm, "gamma"))), _mean_times_gamma
    return (name,), _depthwise_layout if variable == "depthwise_kernel" else _layout


def _layout(value: np.ndarray) -> np.ndarray:
    """Turns (out, in, height, width) to (height, width, in, out), and (out, in) to (in, out)."""
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T


def _depthwise_layout(kernel: np.ndarray) -> np.ndarray:
    """Turns (channels, 1, height, width) to (height, width, channels, 1)."""
    return kernel.transpose(2, 3, 0, 1)


def _kernel_times_gamma(kernel: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    """Returns the kernel with gamma in it: theirs is gamma * (x - mean) / s, ours without gamma."""
    _check_channels(gamma, kernel.shape[0])
    return _layout(kernel) * gamma


def _mean_times_gamma(mean: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    _check_channels(gamma, *mean.shape)
    return mean * gamma


def _gamma_of_other_epsilon(gamma: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Returns the gamma that does with our epsilon what PyTorch's does with its own."""
    _check_channels(gamma, *variance.shape)
    variance = variance.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):  # `assign` warns of infinite values
        ratio = np.sqrt((variance + _EPSILON) / (variance + _XCEPTION_EPSILON))
    return (gamma * ratio).astype(np.float32)


def _check_channels(gamma: np.ndarray, *shape: int) -> None:
    if gamma.shape != shape:
        raise ValueError(f"a gamma of shape {gamma.shape} does not go with {shape}")


def _source_places(
    names: Collection[str], ours: Mapping[Place, keras.Variable]
) -> dict[Place, str]:
    """Returns the names that have a place, by their places."""
    modules = {name.rpartition(".")[0] for name in names}
    spots = {module: spot for module in modules if (spot := _spot(module, ours))}
    branches: dict[str, set[str | None]] = {}
    boxes: dict[tuple[str, str | None], set[str]] = {}
    for block, branch, box in spots.values():
        branches.setdefault(block, set()).add(branch)
        boxes.setdefault((block, branch), set()).add(box)
    numbers = {block: _branch_numbers(block, found, ours) for block, found in branches.items()}
    placed = {}
    for name in names:
        module, _, variable = name.rpartition(".")
        if module not in spots:
            continue
        block, branch, box = spots[module]
        is_norm = f"{module}.running_mean" in names
        if is_norm:
            variable = _NORM.get(variable, variable)
        elif variable == "weight":
            variable = _kernel_name(module, block)
        position = sorted(boxes[block, branch]).index(box)
        placed[block, numbers[block].get(branch), position, is_norm, variable] = name
    return placed


def _spot(module: str, ours: Iterable[Place]) -> tuple[str, str | None, str] | None:
    """Returns (our block, name of the branch, name of the box) of a module, or `None`."""
    for pattern, layer in _XCEPTION:
        if match := pattern.fullmatch(module):
            return layer(match), None, ""
    if module in _CLASSIFIERS:
        return "predictions", None, ""
    if match := _AUXILIARY.fullmatch(module):
        return "auxiliary", None, match["box"]
    if match := _BRANCHED.fullmatch(module):
        return _block(match["block"], ours), match["branch"] or "", match["box"] or ""
    match = _PLAIN.fullmatch(module)
    return match and (_block(match["block"], ours), None, "")


def _block(name: str, ours: Iterable[Place]) -> str:
    """Returns our name of a block: the same, a longer one (`conv2d_1a_3x3`), or by number."""
    blocks = sorted({place[0] for place in ours if place[0].startswith(("conv2d_", "mixed_"))})
    if match := re.fullmatch(r"(repeat(?:_[12])?)\.(\d+)", name):
        return f"{_REPEATS[match[1]]}_{int(match[2]) + 1}"
    if match := re.fullmatch(r"features\.(\d+)|conv([123])", name):
        number = int(match[1] or int(match[2]) - 1)
        return blocks[number] if number < len(blocks) else ""
    if match := re.fullmatch(r"inception(\d)([a-e])", name):  # 3a is TensorFlow's 3b
        return f"mixed_{match[1]}{chr(ord(match[2]) + 1)}"
    name = name.lower()
    return next((block for block in blocks if block.startswith(f"{name}_")), name)


def _branch_numbers(
    block: str, branches: set[str | None], ours: Iterable[Place]
) -> dict[str | None, int]:
    """Numbers the branches of a block as ours are: by `branch0`, or by what is in them."""
    numbers = sorted({p[1] for p in ours if p[0] == block and p[1] is not None})
    named = [name for name in branches if name is not None]
    named.sort(key=lambda name: (name == "_pool", "dbl" in name, name))
    return dict(zip(named, numbers))


def _kernel_name(module: str, block: str) -> str:
    if module.endswith(".pointwise"):
        return "pointwise_kernel"
    return "depthwise_kernel" if "_sepconv" in block else "kernel"
