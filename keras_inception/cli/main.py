"""`keras-inception COMMAND [flags]`: finds the command, reads its flags, reports its errors.

A command is a module of this folder with the command's name. It has

- a docstring, which `--help` prints;
- `USAGE`: what follows the command's name in the first line of `--help`;
- `define_flags(flag_values)`: defines its flags there, and nowhere else;
- `run(flag_values, arguments)`: does the work, and returns an exit status or `None` for success.

A command is imported only when it is chosen. Exit status: 0; 1 for a failure, 2 for a mistake on
the command line, each with one line on stderr; 130 after Ctrl-C.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import textwrap
import types
from collections.abc import Iterator, Sequence

from absl import flags

from keras_inception.cli import renamed_flags
from keras_inception.cli.errors import PROGRAM, UsageError, in_flags, print_error
from keras_inception.version import __version__

COMMANDS = {  # name: what it does, for the program's help
    "demo": "trains, evaluates and exports a small network, and writes a report",
    "train": "trains a network by a recipe",
    "launch": "trains with a cluster of several processes on this machine",
    "evaluate": "measures top-1 and top-5 accuracy on a data set",
    "fid": "measures how close generated pictures come to real ones",
    "predict": "names what is in pictures",
    "export": "writes a SavedModel, or a TFLite, ONNX or OpenVINO file",
    "benchmark": "compares the forms of a network: speed, memory, size, accuracy",
    "convert": "converts public or other weights to a Keras file",
    "list": "lists the networks, or the public weights",
    "visualize": "draws a network, or what it sees: Grad-CAM, DeepDream, features and more",
    "summary": "prints the parameters and multiplications of a network, block by block",
}
_REPEAT = "; repeat this option to specify a list of values"  # absl adds it to our own words
_HELP = ("--help", "-help", "-h")
# Errors whose text is enough. For others the name of the error is printed too.
_CLEAR = (ValueError, OSError, ImportError, RuntimeError, ArithmeticError)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status.

    Args:
        argv: the words after the program's name; by default those of this process.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _dispatch(argv)
        sys.stdout.flush()
        return status
    except (flags.Error, UsageError) as error:
        print_error(error)
        return 2
    except KeyboardInterrupt:
        # If Ctrl-C came within an `exec`, as the import of a dataclass has one, CPython remembers
        # it as unhandled and ends `python -m` by the signal, whatever the status. Another `exec`
        # makes it forget.
        exec("")
        print_error("stopped by Ctrl-C")
        return 130
    except BrokenPipeError:
        # Whoever read the output has left (`| head`), which is not an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "--traceback" in argv:
            raise
        text = str(error) if isinstance(error, _CLEAR) else f"{type(error).__name__}: {error}"
        print_error(in_flags(text, _flag_names(argv[0])) or type(error).__name__)
        return 1


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in _HELP or argv == ["help"]:
        print(_program_help(), file=sys.stdout if argv else sys.stderr)
        return 0 if argv else 2
    if argv == ["--version"]:
        print(f"{PROGRAM} {__version__}")
        return 0
    name, *words = argv
    if name not in COMMANDS:
        raise UsageError(f"no command {name!r}; the commands are {', '.join(COMMANDS)}")
    command, flag_values = load_command(name)
    if set(_HELP) & set(words[: words.index("--")] if "--" in words else words):
        print(_command_help(name, command, flag_values))
        return 0
    arguments = flag_values([PROGRAM, *words])[1:]
    arguments = renamed_flags.take(name, flag_values, arguments)
    return command.run(flag_values, arguments) or 0


def load_command(name: str) -> tuple[types.ModuleType, flags.FlagValues]:
    """Returns a command's module and its flags, none of them read yet."""
    command = importlib.import_module(f"keras_inception.cli.{name}")
    flag_values = flags.FlagValues()
    flag_values.set_gnu_getopt(True)  # flags may follow pictures
    command.define_flags(flag_values)
    flags.DEFINE_bool(
        "traceback", False, "Show where in the code a failure arose.", flag_values=flag_values
    )
    renamed_flags.define(name, flag_values)
    return command, flag_values


def usage(name: str, command: types.ModuleType) -> str:
    """Returns the line that says how a command is called."""
    return f"{PROGRAM} {name} {command.USAGE}".rstrip()


def described(name: str, flag_values: flags.FlagValues) -> Iterator[tuple[str, str | None, str]]:
    """Yields each flag of a command as it is written, its default or `None`, and what it does.

    Old spellings are left out.
    """
    hidden = {"flagfile", "undefok", *renamed_flags.FLAGS.get(name, ())}
    for flag_name in sorted(set(flag_values) - hidden):
        flag = flag_values[flag_name]
        default = None if flag.default is None else str(flag.default_as_str)[1:-1]
        text = " ".join(flag.help.split()).removesuffix(_REPEAT)
        text = re.sub(r"^<([\w|]+)>: (.*)", _with_choices, text)
        yield f"--{'[no]' if flag.boolean else ''}{flag_name}", default, text


def _with_choices(found: re.Match[str]) -> str:
    """Moves the values of a choice, which absl puts first, behind the text."""
    return f"{found[2]} One of {found[1].replace('|', ', ')}."


def _flag_names(command: str) -> list[str]:
    """The names of a command's flags, none if it could not be imported."""
    imported = f"{__package__}.{command}" in sys.modules
    return list(load_command(command)[1]) if imported else []


def _program_help() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    return (
        f"usage: {PROGRAM} COMMAND [flags]\n\n{commands}\n\n"
        f"`{PROGRAM} COMMAND --help` shows the flags of a command."
    )


def _command_help(name: str, command: types.ModuleType, flag_values: flags.FlagValues) -> str:
    lines = [f"usage: {usage(name, command)}", "", str(command.__doc__).strip(), ""]
    for flag, default, text in described(name, flag_values):
        lines.append(f"  {flag}" + ("" if default is None else f" (default: {default})"))
        lines += textwrap.wrap(
            text,
            100,
            initial_indent=" " * 6,
            subsequent_indent=" " * 6,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
