"""Python arguments in the errors of the package are flags where a shell user reads them."""

import pytest

from keras_inception.cli.errors import in_flags

FLAGS = ["data", "output", "on_error", "overwrite", "resume", "size", "top", "weights"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a exists; overwrite=True replaces it", "a exists; --overwrite replaces it"),
        ("start over (resume=False)", "start over (--noresume)"),
        ("on_error='skip' leaves it out", "--on_error=skip leaves it out"),
        ("size=0 is below one", "--size=0 is below one"),
        ("give weights=PATH of a file.", "give --weights=PATH of a file."),
        ("another workdir='a' or dataset='b', please", "another --output=a or --data=b, please"),
        ("top_k=0 is below one", "--top=0 is below one"),
        ("as weights=PATH; or weights=None for none. Done", "as --weights=PATH. Done"),
        ("seed=3 is no flag of this command", "seed=3 is no flag of this command"),
        ("runs/size=3/x.h5 is damaged", "runs/size=3/x.h5 is damaged"),
        ("http://a.b/?size=3 failed", "http://a.b/?size=3 failed"),
        ("evaluate(size=3) is Python", "evaluate(size=3) is Python"),
        ("--size=3 is there already", "--size=3 is there already"),
    ],
)
def test_arguments_become_flags(text, expected):
    assert in_flags(text, FLAGS) == expected


def test_weights_are_those_of_convert_where_there_is_no_such_flag():
    text = "save it, or give its path as weights=PATH"
    assert in_flags(text, ["model"]).endswith("as keras-inception convert --weights=PATH")
