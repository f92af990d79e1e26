"""The front door: finds the command's file, runs it, and turns how it ended into an exit code.

A command is a file in this folder that holds a click command called `command`; adding one is adding a file. Files whose
name starts with an underscore are shared by commands.
"""

from __future__ import annotations

import errno
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

import moedsl.cli
from moedsl.cli._exit import EPILOG, ExitCode, Stop
from moedsl.names import did_you_mean
from moedsl.version import __version__

_ALIASES = {"build": "compile", "validate": "check"}


class _Commands(click.Group):
    """Imports a command's file when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = (m.name for m in pkgutil.iter_modules(moedsl.cli.__path__))
        return sorted(n for n in names if n != "main" and not n.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = _ALIASES.get(cmd_name, cmd_name)
        if name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"moedsl.cli.{name}").command
        command.name = name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name.startswith("-") or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        help = did_you_mean(name, self.list_commands(ctx)) or "see `moedsl --help`"
        raise click.UsageError(f"there is no command `{name}`: {help}", ctx=ctx)


@click.command(cls=_Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="moedsl %(version)s")
def moedsl_command() -> None:
    """A language and compiler for Mixture-of-Experts architectures.

    \b
    moedsl check specs/            find what is wrong in every spec of a folder
    moedsl cost specs/mixtral_8x7b.moe
    moedsl train specs/demo.moe    train it, and leave a run folder
    """  # noqa: D301


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = moedsl_command.main(args=list(arguments), prog_name="moedsl", standalone_mode=False)
    except click.ClickException as failure:
        failure.show()
        return failure.exit_code
    except Stop as stop:
        stop.show()
        return stop.code
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except (BrokenPipeError, SystemExit):  # click ends like this when nobody reads what it prints
        return _close_output(ExitCode.OK)
    except OSError as refusal:
        return _full_output(refusal) if refusal.errno == errno.ENOSPC else _report_bug(refusal, arguments)
    except Exception as bug:
        return _report_bug(bug, arguments)
    return result if isinstance(result, int) else ExitCode.OK


def main() -> NoReturn:
    """The console script."""
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _close_output(ExitCode.OK)
    sys.exit(int(code))


def _full_output(refusal: OSError) -> ExitCode:
    click.echo(f"error: {refusal.filename or 'standard output'} cannot be written: no space is left", err=True)
    return _close_output(ExitCode.FAILED)


def _close_output(code: ExitCode) -> ExitCode:
    """Keep the interpreter from complaining when it flushes at exit what nobody can take."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _report_bug(bug: Exception, arguments: Sequence[str]) -> int:
    if os.environ.get("MOEDSL_DEBUG"):
        import traceback

        traceback.print_exception(bug)
    click.echo(f"moedsl {__version__} has a bug: {type(bug).__name__} in `moedsl {' '.join(arguments)}`", err=True)
    click.echo(f"  {_place(bug)}: {str(bug).splitlines()[0][:200] if str(bug) else 'no message'}", err=True)
    click.echo("Please report these lines and the spec. MOEDSL_DEBUG=1 shows the whole trace.", err=True)
    return ExitCode.BUG


def _place(bug: Exception) -> str:
    """The innermost line of moedsl that was running."""
    place, trace = "moedsl", bug.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if f"{os.sep}moedsl{os.sep}" in file:
            place = f"moedsl{os.sep}{file.rpartition(f'{os.sep}moedsl{os.sep}')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
