"""What differs in arithmetic between the frameworks that weights come from, beside their layout.

A network is built to suit its weights, so that whatever is done with it later (training, crops,
export) needs to know nothing of where they come from: every network takes images in [-1, 1].
"""

import dataclasses

SCALING = "input_scaling"  # name of the layer that makes the publisher's scale of [-1, 1]


@dataclasses.dataclass(frozen=True)
class Arithmetic:
    """What weights expect of the network around them; the defaults are TensorFlow's.

    Attributes:
        symmetric_padding: strided convolutions are padded on both sides alike (Caffe, PyTorch).
        pool_counts_padding: average pools divide by the whole window at the border too
            (Inception-v3 of torchvision and timm).
        scaling: (mean, deviation) for red, green, blue of pixels in [0, 255], or `None` where
            images in [-1, 1] are what the publisher used.
    """

    symmetric_padding: bool = False
    pool_counts_padding: bool = False
    scaling: tuple | None = None

    def __str__(self):
        words = []
        if self.symmetric_padding:
            words.append("strided convolutions padded on both sides")
        if self.pool_counts_padding:
            words.append("average pools that count the padding")
        if self.scaling:
            words.append("pixels less their mean")
        return ", ".join(words) or "the padding of TensorFlow and pixels in [-1, 1]"


TENSORFLOW = Arithmetic()


def of_layers(names, scaling):
    """The arithmetic of a network of this package, by the names of its layers.

    Args:
        names: of all layers, those without weights too.
        scaling: the network's scaling, if it has any but [-1, 1].
    """
    return Arithmetic(
        any(name.endswith("_conv_pad") for name in names),
        any(name.endswith("_avg_pool_pad") for name in names),
        scaling if SCALING in names else None,
    )
