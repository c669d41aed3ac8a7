"""Defines flags, above all those that several commands share: one name, one help text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

ANY_MODEL = (
    "a .keras, .h5, .tflite, .onnx or .xml (OpenVINO) file, a SavedModel folder, or the id of a "
    "network, for example inception_v3, with its public weights"
)
KERAS_MODEL = (
    "a .keras or .h5 file, or the id of a network, for example inception_v3, with its public "
    "weights"
)
RANDOM_MODEL = (
    "a .keras or .h5 file, or the id of a network, for example inception_v3, with random weights"
)


class Definer:
    """Defines the flags of one command.

    A flag without a default is `None` unless it is given. Its help text then says in parentheses
    what the command does without it.

    Args:
        flag_values: where the flags are defined, and nowhere else.
    """

    def __init__(self, flag_values: flags.FlagValues) -> None:
        self._flag_values = flag_values

    def text(self, name: str, help_text: str, default: str | None = None) -> None:
        """Defines a flag whose value is taken as it is."""
        self._define(flags.DEFINE_string, name, default, help_text)

    def texts(self, name: str, help_text: str) -> None:
        """Defines a flag that may be repeated; its value is a list."""
        self._define(flags.DEFINE_multi_string, name, None, f"{help_text} May be repeated.")

    def integer(
        self, name: str, help_text: str, default: int | None = None, least: int = 1
    ) -> None:
        """Defines a flag for a whole number of at least `least`."""
        self._define(flags.DEFINE_integer, name, default, help_text, lower_bound=least)

    def number(
        self,
        name: str,
        help_text: str,
        default: float | None = None,
        least: float | None = 0.0,
    ) -> None:
        """Defines a flag for a number of at least `least`; `None` allows any."""
        self._define(flags.DEFINE_float, name, default, help_text, lower_bound=least)

    def switch(self, name: str, help_text: str, default: bool | None = False) -> None:
        """Defines a flag without a value: `--name`, or `--noname`."""
        self._define(flags.DEFINE_bool, name, default, help_text)

    def choice(
        self, name: str, help_text: str, choices: Sequence[str], default: str | None = None
    ) -> None:
        """Defines a flag whose value is one of `choices`."""
        self._define(flags.DEFINE_enum, name, default, list(choices), help_text)

    def model(self, takes: str = KERAS_MODEL) -> None:
        """Defines --model; `takes` says what the command can open."""
        self.text("model", f"The model: {takes}.")

    def data(self, default: str | None = None, also: str = "", without: str = "") -> None:
        """Defines --data.

        Args:
            default: the data set if none is given.
            also: what the command takes besides data sets.
            without: what the command does if there is no default and none is given.
        """
        text = "Data set: photo_patches, folder:PATH, or a name that tensorflow-datasets knows"
        self.text("data", text + also + _default(without), default)

    def data_dir(self) -> None:
        """Defines --data_dir."""
        self.text(
            "data_dir",
            "Folder in which tensorflow-datasets keeps data sets (default: ~/tensorflow_datasets).",
        )

    def split(self, default: str | None = None, without: str = "") -> None:
        """Defines --split."""
        text = "Split of the data set, for example validation or train[:10%]"
        self.text("split", text + _default(without), default)

    def output(self, help_text: str, default: str | None = None) -> None:
        """Defines --output; `help_text` says what is written there."""
        self.text("output", help_text, default)

    def overwrite(self) -> None:
        """Defines --overwrite."""
        self.switch("overwrite", "Replace what is already at --output.")

    def resume(self) -> None:
        """Defines --resume, which is on."""
        text = "Go on with the run that is in --output; --noresume starts anew and replaces it."
        self.switch("resume", text, default=True)

    def batch_size(
        self, default: int | None = None, of: str = "pictures", without: str = ""
    ) -> None:
        """Defines --batch_size; `of` says what is counted."""
        self.integer("batch_size", f"Number of {of} in a batch" + _default(without), default)

    def top(self) -> None:
        """Defines --top."""
        self.integer("top", "How many of the likeliest classes to name.", 5)

    def size(self, without: str = "the network's own") -> None:
        """Defines --size."""
        text = "Side of the pictures that the network sees, in pixels"
        self.integer("size", text + _default(without))

    def threads(self) -> None:
        """Defines --threads."""
        self.integer("threads", "Threads per runtime (default: the runtime chooses).")

    def seed(self, of: str, without: str) -> None:
        """Defines --seed; `of` says what is random."""
        self.integer("seed", f"Random seed for {of}" + _default(without), least=0)

    def epochs(self) -> None:
        """Defines --epochs."""
        self.integer("epochs", "Passes over the training pictures (default: the recipe's).")

    def json(self) -> None:
        """Defines --json."""
        self.switch("json", "Print JSON instead of text.")

    def network(self) -> None:
        """Defines the flags that say how a network is built: --variant, --classes and others."""
        self.variant()
        self.size()
        self.integer("classes", "Number of classes (default: the network's own).")
        self.number(
            "width_multiplier", "Factor for the number of filters (default: 1).", least=None
        )
        self.switch("include_top", "Build the network with its classifier.", default=True)
        self.auxiliary()

    def variant(self) -> None:
        """Defines --variant."""
        self.text("variant", "Variant of the network (default: the first that `list` shows).")

    def auxiliary(self) -> None:
        """Defines --auxiliary."""
        self.switch("auxiliary", "Add the auxiliary heads.")

    def _define(self, kind: Callable[..., Any], name: str, *rest: Any, **limits: Any) -> None:
        kind(name, *rest, flag_values=self._flag_values, **limits)


def given(flag_values: flags.FlagValues, name: str) -> bool:
    """Returns whether a flag is on the command line."""
    return flag_values[name].present > 0


def _default(without: str) -> str:
    return f" (default: {without})." if without else "."
