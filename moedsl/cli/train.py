"""`moedsl train`: train a model as a recipe says, or go on with a run."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from moedsl.cli._exit import EPILOG, ExitCode
from moedsl.cli._extras import require
from moedsl.cli._report import print_text, stop
from moedsl.cli._runs import device_of, device_option, reporting
from moedsl.cli._specs import STDIN, settings
from moedsl.cli._text import columns
from moedsl.diagnostics import Report

if TYPE_CHECKING:
    from moedsl.runtime.folder import RunFolder
    from moedsl.runtime.job import Job, Request
    from moedsl.runtime.train import Outcome


@click.command(epilog=EPILOG, short_help="Train a model as a recipe says, or go on with a run.")
@click.argument("spec", metavar="[FILE[::RECIPE]]", required=False)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Run folder; runs/RECIPE-TIME if not given."
)
@click.option("--resume", "run", type=click.Path(path_type=Path), metavar="RUN", help="Go on with this run.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Updates to do in all, instead of the recipe's.")
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a field, last of all.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Give a model's parameter.")
@device_option
@click.option("--quiet", is_flag=True, help="Show no progress.")
def command(
    spec: str | None,
    out: Path | None,
    run: Path | None,
    steps: int | None,
    overrides: tuple[str, ...],
    params: tuple[str, ...],
    device: str | None,
    quiet: bool,
) -> None:
    """Train the model of a recipe in FILE, and leave a run folder with all that came of it.

    \b
    moedsl train specs/demo.moe                 its only recipe
    moedsl train specs/demo.moe::quick --steps 50 --out runs/first
    moedsl train --resume runs/first            as if it had never stopped
    moedsl train --resume runs/first FILE       with what FILE says now
    """  # noqa: D301, click wants the character
    if spec is None and run is None:
        raise click.UsageError("give a FILE to train, or a run to --resume")
    if run is not None and out is not None:
        raise click.UsageError("a resumed run stays in its folder: leave out --out")
    if spec is None and (params or overrides):
        raise click.UsageError("--set and --param need the FILE that they are about")
    require("train")
    with reporting():
        chosen = device_of(device)
        request = None if spec is None else _request(spec, params, overrides, steps)
        folder, job = _begin(request, out) if request and not run else _resume(run or Path(), request, steps)
        _finish(folder, job, _train(folder, job, chosen, quiet))


def _request(spec: str, params: tuple[str, ...], overrides: tuple[str, ...], steps: int | None) -> Request:
    from moedsl.runtime.job import Request

    settings(None, params, overrides)
    path, _, recipe = spec.partition("::")
    return Request(spec=path, recipe=recipe or None, params=params, overrides=overrides, steps=steps)


def _begin(request: Request, out: Path | None) -> tuple[RunFolder, Job]:
    from moedsl.runtime.job import find_job
    from moedsl.runtime.runs import begin

    job = find_job(request, text=_stdin() if request.spec == STDIN else None)
    print_text(job.warnings)
    return begin(job, out), job


def _stdin() -> str:
    from moedsl.syntax.decode import decode

    report = Report()
    source = decode(sys.stdin.buffer.read(), "<stdin>", report)
    print_text(tuple(report))
    return source.text if source is not None else stop(ExitCode.UNREADABLE)


def _resume(run: Path, request: Request | None, steps: int | None) -> tuple[RunFolder, Job]:
    from moedsl.runtime.runs import resume

    return resume(run, request=request, steps=steps)


def _train(folder: RunFolder, job: Job, device: Any, quiet: bool) -> Outcome:
    from rich.console import Console

    from moedsl.lower.model import lower
    from moedsl.runtime.progress import Bar, Lines, Silent
    from moedsl.runtime.train import train

    console = Console(file=sys.stderr)
    watcher = Silent() if quiet else Bar(console) if console.is_terminal else Lines(console)
    watcher.note(f"training `{job.graph.name}` by recipe `{job.recipe.name}` in {folder.path}")
    with watcher if isinstance(watcher, Bar) else nullcontext():
        return train(job, folder, device=device, watcher=watcher, build=lower)


def _finish(folder: RunFolder, job: Job, outcome: Outcome) -> None:
    """Say how it ended."""
    if outcome.signal is not None:
        click.echo(f"stopped after step {outcome.step}, which is saved; `moedsl train --resume {folder.path}` goes on")
        stop(ExitCode(128 + outcome.signal))
    for line in _summary(job, outcome):
        click.echo(line)
    click.echo(f"run folder: {folder.path}")


def _summary(job: Job, outcome: Outcome) -> list[str]:
    lines = [f"trained `{job.graph.name}` for {outcome.step} steps"]
    losses = [("before", outcome.before), ("after", outcome.after)]
    rows = [
        (f"held-out loss {when}", f"{loss['loss']:.4f}", f"{loss['bits_per_byte']:.3f} bits per byte")
        for when, loss in losses
        if loss is not None
    ]
    lines += columns(rows) if rows else []
    return lines + (_loads(outcome.loads) if outcome.loads else [])


def _loads(loads: dict[str, list[float]]) -> list[str]:
    from moedsl.runtime.metrics import balance, shares

    most = 16
    rows = [("expert load", "balance", "share of tokens per expert")]
    for layer, load_E in loads.items():
        cells = " ".join(f"{share:4.0%}" for share in shares(load_E)[:most])
        rows.append((layer, f"{balance(load_E):.0%}", cells + (" …" if len(load_E) > most else "")))
    return columns(rows, right=frozenset({1}))
