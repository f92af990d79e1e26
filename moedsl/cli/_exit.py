"""How a command ends: the same numbers for every command, so that CI can tell a bad change from a broken job."""

from __future__ import annotations

from enum import IntEnum

import click


class ExitCode(IntEnum):
    """What the shell gets."""

    OK = 0
    FINDINGS = 1
    """Errors in the spec, or whatever else the command was asked to find."""
    USAGE = 2
    """Wrong options, or an extra that is not installed."""
    UNREADABLE = 3
    """An input that does not exist or is no text."""
    FAILED = 4
    """A failure of the user's model or data at run time: out of memory, NaN, a full disk."""
    BUG = 70
    """A bug in moedsl."""
    INTERRUPTED = 130
    TERMINATED = 143


class Stop(Exception):
    """Ends a command with a line for a person, perhaps a line of help, and an exit code."""

    def __init__(self, message: str, *, code: ExitCode, help: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.help = help

    def show(self) -> None:
        """Say it on standard error."""
        click.echo(f"error: {self}", err=True)
        if self.help:
            click.echo(f"help: {self.help}", err=True)


EPILOG = "Exit codes: 0 fine, 1 findings, 2 usage, 3 unreadable, 4 run failed, 70 bug."
