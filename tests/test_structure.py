"""Who may import whom, and what importing the package must not do."""

import ast
import pathlib
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
    ("training/asynchronous.py", "_num_workers"): "of TensorFlow, whose strategy has no other name",
    ("training/callbacks.py", "_learning_rate"): "of Keras, where the schedule has no other name",
}


def private_attributes(path):
    """The attributes of other objects than `self`, `cls` and `super()` that begin with `_`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            owner, name = node.value, node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr"):
            owner, name = node.args[0], getattr(node.args[1], "value", None)
        else:
            continue
        is_private = str(name).startswith("_") and not str(name).startswith("__")
        if is_private and ast.unparse(owner) not in ("self", "cls", "super()"):
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
