"""Makes `_generated/`: the plots of `figures/*.py` and the facts of `networks/*.md`."""

import importlib.util
import pathlib

import network_facts

import keras_inception

PACKAGE = pathlib.Path(keras_inception.__file__).parent


def everything(docs):
    """Makes every file that is missing or older than its sources."""
    made = docs / "_generated"
    figures(docs / "figures", made / "figures")
    networks(docs / "network_facts.py", made / "networks")


def networks(script, folder):
    """Draws and counts all networks, if the script or the package has changed since."""
    stamp = folder / "made"
    if not is_current(stamp, script):
        network_facts.write(folder)
        stamp.touch()


def figures(scripts, folder):
    """Runs `draw(path)` of each script, to write an SVG file named after the script."""
    looks = scripts.with_name("plots.py")
    for script in sorted(scripts.glob("*.py")):
        path = folder / f"{script.stem}.svg"
        if not is_current(path, script, looks):
            path.parent.mkdir(parents=True, exist_ok=True)
            loaded(script).draw(path)


def loaded(script):
    """Imports a script, with a backend of matplotlib that needs no screen."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        pass  # a script that needs it fails with its own message
    else:
        matplotlib.use("Agg")
    spec = importlib.util.spec_from_file_location(f"figure_{script.stem}", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_current(path, *sources):
    """Whether a file is newer than the package and its own sources."""
    newest = max(source.stat().st_mtime for source in [*PACKAGE.rglob("*.py"), *sources])
    return path.exists() and path.stat().st_mtime > newest
