"""PyTorch's state dicts, with the names of timm and torchvision, to models of this package.

Both sides are read into places, as for TF-Slim: Inception-v3 and Inception-ResNet-v2 name their
blocks as TF-Slim does, the others number them. Kernels are (out, in, height, width) there, and
every batch normalization has a gamma, which goes into the kernel where ours has none.
"""

import re

import numpy as np

from keras_inception.weights.assign import Plan, Rule
from keras_inception.weights.places import model_places

_EPSILON = 1e-3  # of every network here, and of the others' but one
_XCEPTION_EPSILON = 1e-5  # timm models/xception.py leaves PyTorch's default
_REPEATS = {"repeat": "block35", "repeat_1": "block17", "repeat_2": "block8"}  # of timm
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
    (  # ReLU, convolution, normalization in turn; the first ReLU of the first block is not there
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


def names_fit(names):
    """Whether names are a state dict's, `module.variable`, where ours are `layer/variable`."""
    return all("/" not in name for name in names) and any(n.endswith(".weight") for n in names)


def plan(model, names):
    """The name map of timm's and torchvision's variables for one model.

    Args:
        model: of this package, with or without its heads: InceptionV1 (torchvision's GoogLeNet),
            InceptionV3, InceptionV4, InceptionResNetV2 or Xception.
        names: of a file's variables.

    Returns:
        A `Plan`. A kernel whose batch normalization has a gamma there and none here has that as a
        second source, and so has the moving mean; Xception's gammas have the variance.
    """
    ours = model_places(model)
    placed = _source_places(names, ours)
    rules = []
    for place, target in ours.items():
        sources, combine = _sources(place, placed, ours)
        if all(sources):
            classes = target.path.split("/")[0] in _HEADS
            rules.append(Rule(target, sources, combine, is_classifier=classes))
    absent = set(_HEADS) - {place[0] for place in ours}
    skipped = {name: _OTHER_HEAD for name in names if re.match(r"aux[12]\.", name)}
    for place, name in placed.items():
        if place[0] in absent:
            skipped[name] = "a head that the model does not have"
    return Plan(rules, skipped)


def _sources(place, placed, ours):
    """Names of the variables that one of ours is computed of, `None` if missing, and how."""
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


def _layout(value):
    """(out, in, height, width) to (height, width, in, out), (out, in) to (in, out)."""
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T


def _depthwise_layout(kernel):
    """(channels, 1, height, width) to (height, width, channels, 1)."""
    return kernel.transpose(2, 3, 0, 1)


def _kernel_times_gamma(kernel, gamma):
    """gamma * (x - mean) / s, where ours is (x - mean) / s: x and mean are scaled beforehand."""
    _check_channels(gamma, kernel.shape[0])
    return _layout(kernel) * gamma


def _mean_times_gamma(mean, gamma):
    _check_channels(gamma, *mean.shape)
    return mean * gamma


def _gamma_of_other_epsilon(gamma, variance):
    """The gamma that with our epsilon does what PyTorch's does with its own."""
    _check_channels(gamma, *variance.shape)
    variance = variance.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):  # `assign` tells of what is not finite
        ratio = np.sqrt((variance + _EPSILON) / (variance + _XCEPTION_EPSILON))
    return (gamma * ratio).astype(np.float32)


def _check_channels(gamma, *shape):
    if gamma.shape != shape:
        raise ValueError(f"a gamma of shape {gamma.shape} does not go with {shape}")


def _source_places(names, ours):
    """Returns the place of each variable that has one to its name."""
    modules = {name.rpartition(".")[0] for name in names}
    spots = {module: spot for module in modules if (spot := _spot(module, ours))}
    branches, boxes = {}, {}
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


def _spot(module, ours):
    """(our block, name of the branch, name of the box) of a module, or `None`."""
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


def _block(name, ours):
    """Our name of a block: the same, one that goes on (`conv2d_1a_3x3`), or counted; else ""."""
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


def _branch_numbers(block, branches, ours):
    """Names of the branches of a block to our numbers: `branch0`, or by what is in them."""
    numbers = sorted({p[1] for p in ours if p[0] == block and p[1] is not None})
    named = sorted(branches - {None}, key=lambda name: (name == "_pool", "dbl" in name, name))
    return dict(zip(named, numbers))


def _kernel_name(module, block):
    if module.endswith(".pointwise"):
        return "pointwise_kernel"
    return "depthwise_kernel" if "_sepconv" in block else "kernel"
