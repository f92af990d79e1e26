"""What `train`, `eval` and `generate` share: options, missing extras, and how a failed run ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from moedsl.cli._exit import ExitCode, Stop
from moedsl.cli._report import print_text, stop
from moedsl.cli._specs import exit_code

if TYPE_CHECKING:
    import torch

_TRAIN_EXTRA = ("torch", "numpy", "safetensors", "tokenizers", "tensorboard", "matplotlib")


def device_option(command: click.decorators.FC) -> click.decorators.FC:
    """`--device`."""
    return click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1, …; a GPU if there is one.")(command)


def require_train_extra() -> None:
    """End with one line when something that training needs is not installed."""
    missing = [name for name in _TRAIN_EXTRA if find_spec(name) is None]
    if missing:
        help = "pip install 'moedsl[train]'"
        raise Stop(f"this command needs {', '.join(missing)}", code=ExitCode.USAGE, help=help)


def device_of(name: str | None) -> torch.device:
    """The device that was asked for."""
    from moedsl.runtime.engine import pick_device

    try:
        return pick_device(name)
    except ValueError as refusal:
        raise click.BadParameter(str(refusal), param_hint="--device") from refusal


@contextmanager
def reporting() -> Iterator[None]:
    """Show why a run failed, and end with the exit code that it stands for."""
    from moedsl.runtime.failures import Interrupted, RunFailure

    try:
        yield
    except RunFailure as failure:
        print_text(failure.diagnostics)
        unreadable = exit_code(failure.diagnostics) == ExitCode.UNREADABLE
        stop(ExitCode.UNREADABLE if unreadable else ExitCode(failure.exit_code))
    except Interrupted as interruption:
        stop(ExitCode(128 + interruption.signal))
