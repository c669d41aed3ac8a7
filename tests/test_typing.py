"""Types: what an editor and a type checker know of the package is complete, and true."""

import ast
import dataclasses
import importlib
import inspect
import pathlib
import re
import subprocess
import sys
import types

import pytest

import keras_inception

ROOT = pathlib.Path(keras_inception.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
SCRIPTS = pathlib.Path(__file__).with_name("typing")


def module_name(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def is_public(path):
    names = (getattr(node, "targets", []) for node in ast.parse(path.read_text("utf-8")).body)
    return any(ast.unparse(target) == "__all__" for targets in names for target in targets)


PUBLIC = [module_name(path) for path in sorted(ROOT.rglob("*.py")) if is_public(path)]


def functions_of(found):
    """Returns a function as it is, and of a class its constructor and public methods."""
    if inspect.isfunction(found):
        return [found]
    if not inspect.isclass(found):
        return []
    members = [v for n, v in vars(found).items() if n in ("__init__", "__call__") or n[0] != "_"]
    members = [getattr(m, "fget", None) or getattr(m, "__func__", m) for m in members]
    return [member for member in members if inspect.isfunction(member)]


def without_types(function):
    """Returns the parameters, and "return", that have no annotation."""
    signature = inspect.signature(function)
    missing = [
        name
        for i, (name, parameter) in enumerate(signature.parameters.items())
        if parameter.annotation is parameter.empty
        and not (i == 0 and name in ("self", "cls") and "." in function.__qualname__)
    ]
    return missing + ["return"] * (signature.return_annotation is signature.empty)


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_function_has_types(module):
    found = importlib.import_module(module)
    for name in found.__all__:
        for function in functions_of(getattr(found, name)):
            if function.__module__.startswith("keras_inception."):
                missing = without_types(function)
                assert not missing, f"{function.__module__}.{function.__qualname__}: {missing}"


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_function_without_an_underscore_has_types(path):
    def check(body, is_class):
        for node in body:
            if isinstance(node, ast.ClassDef):
                check(node.body, True)
            elif isinstance(node, ast.FunctionDef) and node.name[0] != "_":
                given = node.args
                arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
                arguments = [*arguments[is_class:], given.vararg, given.kwarg]
                missing = [a.arg for a in arguments if a is not None and a.annotation is None]
                assert not missing, f"{node.name}: {missing}"
                assert node.returns is not None, node.name

    check(ast.parse(path.read_text("utf-8")).body, False)


def test_attributes_of_public_data_classes_have_types():
    for module in PUBLIC:
        found = importlib.import_module(module)
        for value in (getattr(found, name) for name in found.__all__):
            if dataclasses.is_dataclass(value):
                assert all(field.type not in (None, "") for field in dataclasses.fields(value))


def test_a_checker_passes_a_users_script_and_refuses_wrong_calls():
    scripts = [SCRIPTS / "user_script.py", SCRIPTS / "wrong_calls.py"]
    command = [sys.executable, "-m", "mypy", "--no-error-summary", *map(str, scripts)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT.parent)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = re.findall(r"^(.+):(\d+): error: .*\[([\w-]+)\]$", done.stdout, flags=re.MULTILINE)
    refused = {(int(line), code) for file, line, code in found if file.endswith("wrong_calls.py")}
    expected = {
        (number, line.rpartition("  # ")[2])
        for number, line in enumerate(scripts[1].read_text("utf-8").splitlines(), start=1)
        if "  # " in line
    }
    assert len(expected) > 10
    assert refused == expected
    assert not [file for file, *_ in found if not file.endswith("wrong_calls.py")], done.stdout


def test_the_package_says_that_it_has_types():
    assert (ROOT / "py.typed").is_file()
    assert "keras_inception = py.typed" in (ROOT.parent / "setup.cfg").read_text("utf-8")


def test_the_root_lists_all_that_is_public():
    names = keras_inception.__all__
    assert names == sorted(names)
    assert all(hasattr(keras_inception, name) for name in names)
    here = {n for n, v in vars(keras_inception).items() if not isinstance(v, types.ModuleType)}
    assert {n for n in here if n[0] != "_" and n != "TYPE_CHECKING"} <= set(names)
    assert {"analysis", "data", "evaluation", "export", "training"} <= set(names)
    assert set(names) <= set(dir(keras_inception))
