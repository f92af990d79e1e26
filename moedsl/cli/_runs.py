"""What `train`, `eval` and `generate` share: options, and how a failed run ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from moedsl.cli._exit import ExitCode
from moedsl.cli._report import print_text, stop
from moedsl.cli._specs import exit_code

if TYPE_CHECKING:
    import torch


def device_option(command: click.decorators.FC) -> click.decorators.FC:
    """`--device`."""
    return click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1, …; a GPU if there is one.")(command)


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
