"""Old names work, and say the new one once."""

import ast
import pathlib
import re
import sys
import types
import warnings

import pytest

from keras_inception import renamed
from keras_inception.cli import renamed_flags


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(renamed, "_said", set())


@renamed.renamed_arguments(labels="class_names")
def export(model, class_names=None):
    return model, class_names


def keep_list(arguments, value):
    arguments["numbers"] = [*arguments["numbers"], value]


@renamed.replaced_argument("extra", "numbers", keep_list)
def total(numbers):
    return sum(numbers)


def test_an_old_argument_works_and_says_the_new_one_once():
    with pytest.warns(FutureWarning, match=r"export\(labels=...\) is now class_names"):
        assert export(1, labels=["a"]) == (1, ["a"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert export(1, labels=["b"]) == (1, ["b"])
        assert export(1, class_names=["c"]) == (1, ["c"])


def test_both_names_of_an_argument_are_an_error():
    with pytest.warns(FutureWarning), pytest.raises(TypeError, match="class_names is given twice"):
        export(1, labels=["a"], class_names=["a"])


def test_an_argument_that_was_replaced_is_converted():
    with pytest.warns(FutureWarning, match="extra"):
        assert total([1, 2], extra=3) == 6


def sized(arguments, given):
    arguments["size"] = (given.get("height"), given.get("width"))


@renamed.renamed_arguments(image="picture")
@renamed.replaced_arguments(("height", "width"), "resize(size=(height, width))", sized)
def resize(picture, size=None):
    return picture, size


def test_arguments_that_became_one_are_converted_together():
    with pytest.warns(FutureWarning, match="resize.* is now") as found:
        assert resize("cat", height=2, width=3) == ("cat", (2, 3))
    (warning,) = found
    assert str(warning.message).startswith("resize(height=..., width=...) is now resize(size=(")
    with pytest.warns(FutureWarning):
        assert resize("cat", width=3) == ("cat", (None, 3))


def test_several_kinds_of_old_arguments_go_together():
    with pytest.warns(FutureWarning):
        assert resize(image="cat", height=2) == ("cat", (2, None))
    with pytest.raises(TypeError, match="colour"):
        resize(image="cat", height=2, colour="red")


@renamed.joined_arguments(size=("rows", "columns"), stride=("step", "stride"))
def window(x, size, stride, name="window"):
    return x, size, stride, name


@pytest.mark.parametrize(
    "call",
    [
        lambda: window(1, 3, 4, 5, 6, name="a"),
        lambda: window(1, 3, 4, 5, 6, "a"),
        lambda: window(1, rows=3, columns=4, step=5, stride=6, name="a"),
    ],
)
def test_arguments_that_were_joined_in_a_tuple_work_apart(call):
    with pytest.warns(
        FutureWarning, match=r"window\(rows, .*, stride\) is now size=\(rows, columns\), "
    ):
        assert call() == (1, (3, 4), (5, 6), "a")


def test_arguments_joined_in_a_tuple_say_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert window(1, (3, 4), [5, 6]) == (1, (3, 4), [5, 6], "window")
        assert window(1, stride=(5, 6), size=(3, 4)) == (1, (3, 4), (5, 6), "window")
    with pytest.raises(TypeError, match="missing a required argument: 'stride'"):
        window(1, 3, 4, 5)


def test_an_old_attribute_is_found_where_it_is_now(monkeypatch):
    module = types.ModuleType("somewhere")
    module.__getattr__ = renamed.renamed_attributes(
        "somewhere", {"old": "keras_inception.renamed.say_renamed"}
    )
    monkeypatch.setitem(sys.modules, "somewhere", module)
    with pytest.warns(FutureWarning, match=r"somewhere.old is now keras_inception.renamed"):
        assert module.old is renamed.say_renamed
    with pytest.raises(AttributeError, match="no attribute 'new'"):
        _ = module.new


def renamed_names():
    """Yields the old name of each argument and attribute that the package still accepts."""
    root = pathlib.Path(renamed.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or path.name == "renamed.py":
                continue
            name = ast.unparse(node.func)
            if name == "renamed_arguments":
                yield from (keyword.arg for keyword in node.keywords)
            elif name in ("replaced_argument", "replaced_arguments"):
                yield from (n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant))
            elif name == "joined_arguments":
                values = [n for keyword in node.keywords for n in ast.walk(keyword.value)]
                yield from (n.value for n in values if isinstance(n, ast.Constant))
            elif name == "renamed_attributes":
                yield from ast.literal_eval(node.args[1]) if _is_literal(node.args[1]) else ()


def _is_literal(node):
    return isinstance(node, ast.Dict) and all(isinstance(v, ast.Constant) for v in node.values)


def test_the_changelog_lists_every_old_name():
    text = (pathlib.Path(renamed.__file__).parents[1] / "CHANGELOG.md").read_text("utf-8")
    table = text.partition("### Renamed")[2].partition("### Changed")[0]
    flags = {f"--{flag}" for flags in renamed_flags.FLAGS.values() for flag in flags}
    names = {name for name in renamed_names() if name != "split"}  # f"split{suffix}"
    assert len(names) > 20
    missing = {n for n in flags | names if not re.search(rf"(?<![\w-]){re.escape(n)}\b", table)}
    assert not missing
