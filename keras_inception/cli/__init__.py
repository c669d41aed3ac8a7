"""The command line, `keras-inception COMMAND [flags]`: one module for each command."""
