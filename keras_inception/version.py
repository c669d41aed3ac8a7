"""The version, in one place for `setup.cfg`, the package and its exports."""

__version__ = "0.1.0"
