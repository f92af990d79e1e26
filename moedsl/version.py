"""The version, read by the build and by every file that a run leaves."""

__version__ = "0.1.0"
