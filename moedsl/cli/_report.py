"""Diagnostics on their way out: text for people on standard error, machine formats on standard output."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import click

from moedsl.diagnostics import Diagnostic

if TYPE_CHECKING:
    from moedsl.cli._specs import Checked


def print_text(diagnostics: Sequence[Diagnostic]) -> None:
    """Each diagnostic with its source, for a person."""
    if not diagnostics:
        return
    from moedsl.render.text import render_text

    color = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size((100, 24)).columns
    click.echo(render_text(diagnostics, color=color, width=width), err=True, color=color)


def require_graphs(checked: Checked) -> None:
    """Print what was found, and end the command unless every spec is free of errors."""
    print_text(checked.diagnostics)
    if checked.exit_code:
        stop(checked.exit_code)


def stop(code: int) -> NoReturn:
    """End the command with this exit code."""
    raise click.exceptions.Exit(code)
