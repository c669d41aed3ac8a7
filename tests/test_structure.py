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
