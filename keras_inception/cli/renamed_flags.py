"""Old spellings of flags, which work for one release. Each says the new one on stderr.

`--help` shows the new spellings alone. A flag that is given in both spellings is an error.
"""

from __future__ import annotations

from absl import flags

from keras_inception.cli.errors import UsageError, print_error

FLAGS = {  # command: {old flag: new flag}
    "demo": {"output_dir": "output"},
    "train": {"workdir": "output", "dataset": "data"},
    "evaluate": {"output_dir": "output"},
    "fid": {"split_a": "split", "split_b": "against_split", "save_statistics": "output"},
    "export": {"top_k": "top", "labels": "class_names"},
    "benchmark": {"batch": "batch_size", "output_dir": "output"},
    "convert": {"out": "output", "input_size": "size"},
    "visualize": {"out": "output", "input_size": "size"},
    "summary": {"input_size": "size"},
}
WORDS = {  # command: flags whose values were words without a flag, in this order
    "fid": ("data", "against"),
    "benchmark": ("model",),
    "convert": ("weights",),
    "summary": ("model",),
}


def define(command: str, flag_values: flags.FlagValues) -> None:
    """Defines the old flags of a command, once it has its new ones."""
    for old, new in FLAGS.get(command, {}).items():
        flags.DEFINE_alias(old, new, flag_values=flag_values)


def take(command: str, flag_values: flags.FlagValues, words: list[str]) -> list[str]:
    """Says the new spelling of each old one that was parsed, and gives flags the words they had.

    Args:
        command: its name.
        flag_values: the command's flags, parsed.
        words: what was on the command line beside the flags.

    Returns:
        The words that no flag has taken.

    Raises:
        UsageError: a flag is given in both spellings.
    """
    news = []
    for old, new in FLAGS.get(command, {}).items():
        if flag_values[old].present:
            if flag_values[new].present > flag_values[old].present:  # the alias counts for both
                raise UsageError(f"--{old} is now --{new}: give only one of them")
            news.append(f"--{old} is now --{new}")
    names = WORDS.get(command, ())
    if len(words) <= len(names):
        for word, name in zip(words, names):
            if flag_values[name].present:
                raise UsageError(f"{word!r} is now --{name}={word}: give only one --{name}")
            flag_values[name].parse(word)
            news.append(f"the word {word!r} is now --{name}={word}")
        words = []
    for new in news:
        print_error(f"{new}; the old spelling works until the next release")
    return words
