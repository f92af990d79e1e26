"""Extras: what a command needs that the core install lacks, and how to get it."""

from __future__ import annotations

from importlib.util import find_spec

from moedsl.cli._exit import ExitCode, Stop

_MODULES = {
    "torch": ("torch", "numpy", "safetensors"),
    "train": ("torch", "numpy", "safetensors", "matplotlib", "tensorboard", "tokenizers"),
}


def require(extra: str) -> None:
    """End the command unless everything of the extra is installed."""
    missing = [f"`{name}`" for name in _MODULES[extra] if find_spec(name) is None]
    if missing:
        help = f"pip install 'moedsl[{extra}]'"
        raise Stop(f"this needs {', '.join(missing)}, not installed here", code=ExitCode.USAGE, help=help)
