"""The command line, `keras-inception COMMAND [flags]`: one file a command."""
