"""`moedsl check`: everything that is wrong with specs, in one run and without torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from moedsl.cli._exit import EPILOG, ExitCode
from moedsl.cli._report import print_text, stop
from moedsl.cli._specs import Checked, check_specs, settings, spec_options
from moedsl.cli._text import print_json
from moedsl.diagnostics import Diagnostic


@click.command(epilog=EPILOG, short_help="Find what is wrong with specs.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@spec_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "concise", "json", "github"]),
    default="text",
    show_default=True,
    help="Who reads it.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="The mildest finding that makes the exit code 1.",
)
def command(
    paths: tuple[str, ...],
    model: str | None,
    params: tuple[str, ...],
    overrides: tuple[str, ...],
    form: str,
    fail_on: str,
) -> None:
    """Check every spec that PATH names: a file, FILE::MODEL, a folder with all below it, or - for standard input.

    \b
    moedsl check                               every spec below this folder
    moedsl check specs/mixtral_8x7b.moe --set decoder.layers.0.moe.router.top_k=1
    moedsl check specs/demo.moe::Demo --param pairs=6
    moedsl check specs/ --format github --fail-on warning
    """  # noqa: D301
    checked = check_specs(paths or (".",), settings(model, params, overrides))
    _PRINTERS[form](checked)
    code = checked.exit_code
    if code == ExitCode.OK and fail_on == "warning" and checked.diagnostics:
        code = ExitCode.FINDINGS
    stop(code)


def _print_text(checked: Checked) -> None:
    print_text(checked.diagnostics)
    files, models = len(checked.results), len(checked.graphs)
    summary = f"{_number(files, 'file')}, {_number(models, 'model')}"
    found = _found(checked.diagnostics)
    click.echo(f"{summary}: {found or 'no errors'}", err=bool(found))


def _print_concise(checked: Checked) -> None:
    from moedsl.render.concise import render_concise

    if checked.diagnostics:
        click.echo(render_concise(checked.diagnostics))


def _print_json(checked: Checked) -> None:
    from moedsl.ir import counts
    from moedsl.ir.digests import digests
    from moedsl.render.json import to_json

    models = [
        {
            "name": graph.name,
            "path": path,
            "digests": digests(graph),
            "counts": {
                "total_params": counts.total_params(graph),
                "active_params": counts.active_params(graph),
                "embedding_params": counts.embedding_params(graph),
                "layers": counts.depth(graph),
            },
        }
        for path, graph in checked.graphs
    ]
    found = [to_json(diagnostic) for diagnostic in checked.diagnostics]
    print_json({"schema": "moedsl.check/1", "diagnostics": found, "models": models})


def _print_github(checked: Checked) -> None:
    from moedsl.render.github import render_github

    if checked.diagnostics:
        click.echo(render_github(checked.diagnostics))


_PRINTERS = {"text": _print_text, "concise": _print_concise, "json": _print_json, "github": _print_github}


def _found(diagnostics: Sequence[Diagnostic]) -> str:
    counted = Counter(d.severity for d in diagnostics)
    return ", ".join(_number(counted[kind], kind) for kind in ("error", "warning") if counted[kind])


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
