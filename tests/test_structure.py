"""Who may import whom, and what importing the package must not do."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

import keras_inception

ROOT = pathlib.Path(keras_inception.__file__).parent
MAY_IMPORT = {
    "layers": {"layers"},
    "weights": {"weights"},
    "data": {"data"},
    "models": {"models", "layers", "weights"},
    "training": {"training", "models", "data", "layers", "weights", "evaluation.metrics"},
    "evaluation": {"evaluation", "models", "data", "layers", "weights"},
    "export": {"export", "models", "data", "layers", "weights"},
    "analysis": {"analysis", "models", "data", "layers", "weights"},
}
# Modules that every package may import.
EVERYWHERE = ("version", "files", "graph", "labels", "renamed", "runtimes", "types")
OF_ROOT_MODULES = {"labels": {"models.imagenet"}}  # what they import beyond each other
NO_TENSORFLOW = ("layers", "models", "weights")
REPOSITORY = ROOT.parent
EVERY_FILE = sorted(ROOT.rglob("*.py"))
CONSTRUCTORS = (
    *("GoogLeNet", "BNInception", "InceptionV1", "InceptionV2", "InceptionV3", "InceptionV4"),
    *("InceptionResNetV1", "InceptionResNetV2", "Xception"),
)
# Calls of users with options of their own: at most 10 parameters.
EXPORTS = ("saved_model", "tflite", "onnx", "openvino")
FRONT_DOORS = ("training.train", "evaluation.evaluate", *(f"export.{name}" for name in EXPORTS))
# Functions that open a data set by its name, besides those of `data`.
DATA_DIR = ("train", "evaluate", "fid", "statistics", "inception_score", "tflite", "features")
# "there is no" and "no longer" are English, "is no file" is not.
NOT_ENGLISH = re.compile(
    r"(?<![Tt]here )\b(?:is|are|was|were) no (?!longer\b|more\b|less\b|other\b)\w+"
    r"|\b(?:is|are) wanted\b",
)
FILES = sorted(path for folder in MAY_IMPORT for path in (ROOT / folder).rglob("*.py"))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_import_direction(path):
    folder = path.relative_to(ROOT).parts[0]
    for name in imported(path):
        if name.startswith("keras_inception."):
            inner = name.removeprefix("keras_inception.")
            if inner.split(".")[0] not in EVERYWHERE:
                allowed = any(f"{inner}.".startswith(f"{a}.") for a in MAY_IMPORT[folder])
                assert allowed, f"{path} imports {name}"
        if folder == "layers":
            allowed = (
                "keras",
                "keras_inception",
                "collections",
                "contextlib",
                "contextvars",
                "typing",
            )
            assert name.split(".")[0] in allowed, f"{path} imports {name}"
        if folder in NO_TENSORFLOW and path.name not in ("from_tf_slim.py", "checkpoint_index.py"):
            assert name.split(".")[0] != "tensorflow", f"{path} imports {name}"


def test_imports_of_root_modules():
    for module in EVERYWHERE:
        names = imported(ROOT / f"{module}.py") if (ROOT / f"{module}.py").exists() else ()
        for name in names:
            inner = name.removeprefix("keras_inception.")
            allowed = {*EVERYWHERE, *OF_ROOT_MODULES.get(module, ())}
            if inner != name:
                assert any(f"{inner}.".startswith(f"{a}.") for a in allowed), (module, name)
            assert name.split(".")[0] != "tensorflow", module


def test_no_exporter_imports_another():
    for path in (ROOT / "export").glob("to_*.py"):
        assert not [name for name in imported(path) if ".export.to_" in name], path


def test_nothing_imports_the_command_line():
    for path in FILES:
        assert not any(name.startswith("keras_inception.cli") for name in imported(path)), path


def test_importing_is_light():
    code = (
        "import sys, keras; before = set(sys.modules); policy = keras.config.dtype_policy().name;"
        "import keras_inception; added = {n.split('.')[0] for n in set(sys.modules) - before};"
        "heavy = {'tensorflow_datasets', 'matplotlib', 'skimage', 'ai_edge_litert', 'tqdm'};"
        "assert not heavy & added, heavy & added;"
        "assert keras.config.dtype_policy().name == policy;"
        "assert 'keras_inception.training' not in sys.modules;"
        "assert keras_inception.export.__name__ == 'keras_inception.export';"
        "assert {'export', 'training', 'InceptionV4'} <= set(dir(keras_inception))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_name():
    with pytest.raises(AttributeError, match="has no attribute 'InceptionV5'"):
        _ = keras_inception.InceptionV5


PRIVATE = {  # (file, attribute) that is not the file's own: why
    ("cli/train.py", "_exit"): "of `os`, which documents it",
    ("training/callbacks.py", "_learning_rate"): "of Keras, where the schedule has no other name",
}


def private_attributes(path):
    """Yields the attributes of others that begin with `_`, but those of `cls` and `super()`.

    A file's own are those that it defines: methods, and attributes that it sets on `self`.
    """
    nodes = list(ast.walk(ast.parse(path.read_text())))
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    own |= {
        n.attr for n in nodes if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "self"
    }
    for node in nodes:
        if isinstance(node, ast.Attribute):
            owner, name = node.value, node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr"):
            owner, name = node.args[0], getattr(node.args[1], "value", None)
        else:
            continue
        is_private = str(name).startswith("_") and not str(name).startswith("__")
        if is_private and name not in own and ast.unparse(owner) not in ("cls", "super()"):
            yield name


def test_only_one_module_reads_private_attributes():
    """`graph.py` knows the inside of Keras; everything else uses what is documented."""
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in ROOT.rglob("*.py")
        for name in private_attributes(path)
    }
    assert {name for file, name in found if file == "graph.py"} == {
        "_flatten_layers",
        "_functional",
        "_inbound_nodes",
        "_keras_history",
    }
    assert {pair for pair in found if pair[0] != "graph.py"} == set(PRIVATE)


def test_no_module_imports_private_names():
    for path in ROOT.rglob("*.py"):
        for name in imported(path):
            parts = name.split(".")
            private = [p for p in parts if p.startswith("_") and not p.startswith("__")]
            assert not private, f"{path} imports {name}"
            assert parts[:2] != ["keras", "src"], f"{path} imports {name}"


def test_graph_needs_keras_alone():
    names = {name.split(".")[0] for name in imported(ROOT / "graph.py")}
    assert names <= {"keras", "dataclasses", "collections", "typing", "__future__"}


def functions(path):
    """Yields each function of a file with the names of its parameters, without self and cls."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
            names += [a.arg for a in (given.vararg, given.kwarg) if a is not None]
            yield node, names[1:] if names[:1] in (["self"], ["cls"]) else names


def most_parameters(place, name):
    """How many parameters a function may have."""
    if place.startswith("models/") and name in CONSTRUCTORS:
        return 16
    return 10 if f"{place.split('/')[0]}.{name}" in FRONT_DOORS else 8


def test_number_of_parameters():
    too_many = {
        f"{place}: {node.name}": len(names)
        for path in EVERY_FILE
        for node, names in functions(path)
        if len(names) > most_parameters(place := str(path.relative_to(ROOT)), node.name)
    }
    assert not too_many


def test_where_a_data_set_lies_is_said_once():
    """`data_dir` is a parameter of `data` and of the front doors; the rest is given a Dataset."""
    passed_on = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in EVERY_FILE
        for node, names in functions(path)
        if "data_dir" in names and path.parent.name != "data" and node.name not in DATA_DIR
    ]
    assert not passed_on


def test_no_module_has_the_name_of_a_public_function():
    """`export.tflite` is a function, whatever was imported before."""
    clashes = [
        f"{package.relative_to(ROOT)}.{node.name} ({path.name})"
        for package in {path.parent for path in EVERY_FILE} - {ROOT}
        for path in package.glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and (package / f"{node.name}.py").exists()
        and package.name != "cli"  # whose modules are commands, found by name
    ]
    assert not clashes


@pytest.mark.parametrize("folder", ["keras_inception", "tests", "benchmarks", "docs", "examples"])
def test_length_of_files(folder):
    lengths = {
        str(path): len(path.read_text().splitlines())
        for path in (REPOSITORY / folder).rglob("*.py")
    }
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def prose():
    """Yields (place, text) of every docstring, comment, message and page."""
    for path in sorted(EVERY_FILE):
        yield path.relative_to(REPOSITORY), path.read_text()
    pages = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")]
    for path in (*pages, *(REPOSITORY / "examples").rglob("*.md")):
        if "_generated" not in path.parts and "node_modules" not in path.parts:
            yield path.relative_to(REPOSITORY), path.read_text()


def one_line(text):
    """Joins lines, the pieces of a long string and of a long comment too."""
    return re.sub(r'" f?"|(?<= )# ', "", " ".join(text.split()))


def test_docstrings_stand_alone():
    """The first line tells a reader who has never seen the code what the thing is or does."""
    unclear = [
        f"{path.relative_to(ROOT)}: {text.splitlines()[0]}"
        for path in EVERY_FILE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and (text := ast.get_docstring(node))
        and text.startswith(("What ", "Of ", "Those ", "The same", "That of"))
    ]
    assert not unclear


def test_english():
    """ "is not a", never "is no"; "must be" or "expected", never "is wanted"."""
    foreign = [
        f"{path}: {match[0]}"
        for path, text in prose()
        for match in NOT_ENGLISH.finditer(one_line(text))
    ]
    assert not foreign
