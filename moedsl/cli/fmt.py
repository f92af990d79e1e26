"""`moedsl fmt`: the one canonical layout of a spec."""

from __future__ import annotations

from pathlib import Path

import click

from moedsl.cli._exit import EPILOG, ExitCode
from moedsl.cli._files import write_text
from moedsl.cli._report import print_text, stop
from moedsl.cli._specs import STDIN, exit_code, find_specs, read
from moedsl.diagnostics import Report


@click.command(epilog=EPILOG, short_help="Lay out specs in the canonical way.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--check", "only_check", is_flag=True, help="Change nothing; the exit code is 1 if a file would change.")
def command(paths: tuple[str, ...], only_check: bool) -> None:
    """Lay out every spec that PATH names; - reads standard input and writes standard output.

    \b
    moedsl fmt
    moedsl fmt specs/demo.moe
    moedsl fmt --check specs/
    moedsl fmt - < draft.moe
    """  # noqa: D301
    report = Report()
    changed = [path for path in find_specs(paths or (".",), report) if _format(path, report, only_check)]
    print_text(tuple(report))
    for path in changed if only_check else ():
        click.echo(f"would change {path}", err=True)
    if report.has_errors:
        stop(exit_code(report))
    stop(ExitCode.FINDINGS if only_check and changed else ExitCode.OK)


def _format(path: str, report: Report, only_check: bool) -> bool:
    """Lay out one spec; True if that changes it. A spec with syntax errors is reported and left alone."""
    from moedsl.syntax.decode import decode
    from moedsl.syntax.format import format
    from moedsl.syntax.parser import parse

    mine = Report()
    data = read(path, mine)
    source = None if data is None else decode(data, "<stdin>" if path == STDIN else path, mine)
    if source is not None:
        parse(source, mine)
    for diagnostic in mine:
        report.keep(diagnostic)
    if source is None or mine.has_errors:
        return False
    text = format(source.text)
    if path == STDIN and not only_check:
        click.echo(text, nl=False)
    elif text.encode() != data and not only_check:
        write_text(Path(path.partition("::")[0]), text)
    return text.encode() != data
