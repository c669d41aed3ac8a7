"""`keras-inception COMMAND [flags]`: finds the command, reads its flags, reports its errors.

A command is a module of this folder with the command's name and

- a docstring, which `--help` prints;
- `USAGE`, if more than flags may follow the command's name: what that is;
- `define_flags(flag_values)`: defines its flags there, and nowhere else;
- `run(flag_values, arguments)`: does the work; returns an exit status, `None` for success.

It is imported only when it is chosen. Exit status: 0; 1 for a failure, 2 for a mistake on the
command line, each with one line on stderr; 130 after Ctrl-C.
"""

import importlib
import os
import sys

from absl import flags

from keras_inception.cli.errors import PROGRAM, UsageError, print_error
from keras_inception.version import __version__

COMMANDS = {  # name: what it does, for the program's help
    "demo": "trains, evaluates and exports a small network, and writes a report",
    "train": "trains a network by a recipe",
    "launch": "trains with a cluster of several processes on this machine",
    "evaluate": "measures top-1 and top-5 accuracy on a data set",
    "fid": "measures how near generated pictures come to real ones",
    "predict": "tells what is on pictures",
    "export": "writes a SavedModel, or a file of TFLite, ONNX or OpenVINO",
    "benchmark": "compares the forms of a network: speed, memory, size, accuracy",
    "convert": "converts public or other weights to a file of Keras",
    "list": "lists the networks, and the public weights",
    "visualize": "draws a network, or what it sees: Grad-CAM, DeepDream, features and more",
    "summary": "prints the parameters and multiplications of a network, layer by layer",
}
_REPEAT = "; repeat this option to specify a list of values"  # absl's, of flags that say so already
_HELP = ("--help", "-help", "-h")
# Errors whose text says all; another one's name is printed too.
_CLEAR = (ValueError, OSError, ImportError, RuntimeError, ArithmeticError)


def main(argv=None):
    """Runs one command. `argv` are the words after the program's name. Returns the exit status."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _dispatch(argv)
        sys.stdout.flush()
        return status
    except (flags.Error, UsageError) as error:
        print_error(error)
        return 2
    except KeyboardInterrupt:
        # Where Ctrl-C came within an `exec`, as importing a dataclass has, CPython notes it as
        # unhandled and ends `python -m` by the signal, whatever status follows. Another clears it.
        exec("")
        print_error("stopped by Ctrl-C")
        return 130
    except BrokenPipeError:
        # Whoever read the output has left (`| head`): nothing is wrong, and nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "--traceback" in argv:
            raise
        is_clear = isinstance(error, _CLEAR)
        print_error(error if is_clear else f"{type(error).__name__}: {error}")
        return 1


def _dispatch(argv):
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
    return command.run(flag_values, arguments) or 0


def load_command(name):
    """Returns a command's module and its flags, none of them read yet."""
    command = importlib.import_module(f"keras_inception.cli.{name}")
    flag_values = flags.FlagValues()
    flag_values.set_gnu_getopt(True)  # flags may follow pictures
    command.define_flags(flag_values)
    flags.DEFINE_bool(
        "traceback", False, "Print where in the code a failure arose.", flag_values=flag_values
    )
    return command, flag_values


def usage(name, command):
    """The line that says how a command is called."""
    return f"{PROGRAM} {name} {getattr(command, 'USAGE', '[flags]')}".rstrip()


def described(flag_values):
    """Yields each flag as it is written, its default as text or `None`, and what it does."""
    for name in sorted(set(flag_values) - {"flagfile", "undefok"}):
        flag = flag_values[name]
        default = None if flag.default is None else flag.default_as_str[1:-1]
        text = " ".join(flag.help.split()).removesuffix(_REPEAT)
        yield f"--{'[no]' if flag.boolean else ''}{name}", default, text


def _program_help():
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    return (
        f"usage: {PROGRAM} COMMAND [flags]\n\n{commands}\n\n"
        f"`{PROGRAM} COMMAND --help` tells the flags of a command."
    )


def _command_help(name, command, flag_values):
    lines = [f"usage: {usage(name, command)}", "", command.__doc__.strip(), ""]
    for flag, default, text in described(flag_values):
        lines.append(f"  {flag}" + ("" if default is None else f" (default: {default})"))
        lines.append(f"      {text}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
