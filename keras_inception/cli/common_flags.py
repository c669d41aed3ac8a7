"""Flags that several commands share, defined in one place so that they mean the same."""

from absl import flags


def define_data_dir(flag_values):
    flags.DEFINE_string(
        "data_dir",
        None,
        "Where tensorflow-datasets keeps its data; by default ~/tensorflow_datasets.",
        flag_values=flag_values,
    )


def define_seed(flag_values):
    flags.DEFINE_integer(
        "seed",
        None,
        "Of the initial weights and the order of the pictures; by default the recipe's.",
        lower_bound=0,
        flag_values=flag_values,
    )


def define_epochs(flag_values):
    flags.DEFINE_integer(
        "epochs",
        None,
        "Passes over the training pictures; by default the recipe's.",
        lower_bound=1,
        flag_values=flag_values,
    )
